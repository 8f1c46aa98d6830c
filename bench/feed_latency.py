#!/usr/bin/env python3
"""A feed of 1,000 candidates x 100 features, scored by two forests of 500 trees, end to end: HTTP request to HTTP reply, one client on
loopback, with the server's own candidates' values read, binned, scored, ranked, and the slate written to the log. The shop template with 64
more features, on a simulated market. Beside it the scorer alone on the same two models (`gfr score bench`).

--tiny (in CTest): a small market, 50 trees, 200 candidates: that it runs.
"""
import argparse
import http.client
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from gfr_process import make_patient  # noqa: E402

EVENTS = ["feed.impression", "feed.click", "item.view", "cart.add"]
SCOPES = ["item", "item.category", "item.brand", "user.geography x item"]
WINDOWS = [("1h", 12), ("1d", 24), ("7d", 7), ("28d", 28)]


def more_features():
    text = ""
    for event in EVENTS:
        for scope in SCOPES:
            for window, tiles in WINDOWS:
                name = re.sub(r"[^a-z0-9]+", "_", f"more {event} {scope} {window}")
                text += (f'\n[[feature]]\nname = "{name}"\ntype = "count"\nscope = "{scope}"\nevents = ["{event}"]\n'
                         f'window = "{window}"\ntiles = {tiles}\n')
    return text


def percentile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def feeds(port, items, users, count, candidates):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    seconds = []
    for i in range(count):
        slate = [items[(i * 37 + k) % len(items)] for k in range(candidates)]
        body = json.dumps({"user_id": users[i % len(users)], "session_id": f"s{i}", "surface": "home", "size": 20, "candidates": slate})
        start = time.perf_counter()
        connection.request("POST", "/v1/feed", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        reply = json.loads(response.read())
        seconds.append(time.perf_counter() - start)
        if response.status != 200 or len(reply["items"]) != 20 or reply["degraded"]:
            sys.exit(f"feed {i}: {response.status} {json.dumps(reply)[:500]}")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--feeds", type=int, default=1000)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    users, items, days, rounds, candidates = (1500, 1200, 42, 500, 1000) if not args.tiny else (500, 250, 42, 50, 200)
    gfr = pathlib.Path(args.gfr).resolve()

    def run(*command):
        done = subprocess.run([gfr, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE if args.tiny else None)
        if done.returncode:
            sys.exit(f"gfr {' '.join(map(str, command))}: exit code {done.returncode}\n{(done.stderr or b'').decode()[-2000:]}")
        return done.stdout

    with tempfile.TemporaryDirectory(prefix="gfr-feed-") as folder:
        project = pathlib.Path(folder) / "shop"
        run("init", project, "--template", "shop")
        config = (project / "gfr.toml").read_text()
        # So slow a rate that early stopping does not come before the last round.
        for key, value in {"eta": 0.1 if args.tiny else 0.01, "max_rounds": rounds, "early_stopping": 10000, "folds": 0, "depth": 6}.items():
            config, found = re.subn(rf"^{key} = .*$", f"{key} = {value}", config, flags=re.M)
            assert found == 1, key
        (project / "gfr.toml").write_text(config + more_features())
        make_patient(project / "gfr.toml")  # A feed's time is the whole one, with its record's sync, on any disk.
        run("simulate", "--project", project, "--users", str(users), "--items", str(items), "--days", str(days))
        run("train", "--project", project)
        features = len(json.loads(run("features", "list", "--project", project, "--json"))["features"])
        server = subprocess.Popen([gfr, "serve", "--project", project, "--listen", "127.0.0.1:0", "--clock", "log"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        try:
            port = int(re.search(r":(\d+)\s*$", server.stdout.readline())[1])
            ids, people = [f"i{100000 + i}" for i in range(items)], [f"u{100000 + u}" for u in range(users)]
            feeds(port, ids, people, 20, candidates)
            seconds = feeds(port, ids, people, 50 if args.tiny else args.feeds, candidates)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
        milliseconds = [1000 * s for s in seconds]
        result = {"candidates": candidates, "features": features, "feeds": len(seconds),
                  "end_to_end_ms": {f"p{q}": round(percentile(milliseconds, q / 100), 3) for q in (50, 90, 99)}, "models": {}}
        for forest in sorted(project.glob("data/models/**/*.ubj")):
            about = json.loads(run("score", "inspect", forest, "--json"))
            timed = json.loads(run("score", "bench", "--model", forest, "--rows", "20000", "--batch", str(candidates), "--threads", "1", "--json"))
            result["models"][forest.stem] = {"trees": about["trees"], "scorer": timed["scorer"],
                                             "scoring_ms": round(timed["ns_per_row"] * candidates * 1e-6, 3)}
            assert timed["equal_to_reference"], timed
        print(json.dumps(result))


if __name__ == "__main__":
    main()
