#!/usr/bin/env python3
"""What four running experiments cost in a server: processor time a feed with them over that without, both served on one core in turn.

Two servers of one project run side by side. One has four experiments on its feed: two that only split users, one whose arm sets the feed's formula to what it is
anyway, and one with a condition. Short rounds alternate between the servers (with, without, without, with), so that other load meets both alike. The ratio is the
mean over pairs of rounds of the logarithm, with its 95 % interval by Student's t. The server's own look at its experiments (every ten minutes in production) is
asked for once at the end and stated by feed, since it is paid once for all feeds since the last one. Asked: under 1 % of a request's processor time.

--same: neither server has experiments: what two equal servers differ by (memory's layout, other load), which no interval over rounds of one pair of them shows.
--keep FOLDER: project and models are kept there, and found again.   --tiny: what CTest runs: a small market and few rounds; it shows that the bench runs.
"""
import argparse
import json
import math
import os
import pathlib
import re
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from feed_latency import more_features  # noqa: E402
from gfr_process import make_patient  # noqa: E402
from support.served import Busy, Pinned, cores, http_request, runner  # noqa: E402

EXPERIMENTS = """
[[experiment]]
name = "first"
feeds = ["home"]
[[experiment.arm]]
name = "control"
[[experiment.arm]]
name = "new"

[[experiment]]
name = "second"
feeds = ["home"]
share = 0.5
[[experiment.arm]]
name = "control"
[[experiment.arm]]
name = "new"

[[experiment]]
name = "formula"
[[experiment.arm]]
name = "control"
[[experiment.arm]]
name = "same"
feed = { value = "pctr * (1 + 5 * pcvr)" }

[[experiment]]
name = "where"
feeds = ["home"]
when = 'surface == "home"'
[[experiment.arm]]
name = "control"
[[experiment.arm]]
name = "new"
"""


def cpu_seconds(pid):
    """Of all threads, in nanoseconds of the scheduler: ticks of 10 ms are too coarse for short rounds."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            pass
    return total / 1e9


def t_quantile(degrees):
    from scipy import stats
    return float(stats.t.ppf(0.975, degrees))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--feeds", type=int, default=200, help="a round")
    parser.add_argument("--keep")
    parser.add_argument("--same", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    users, items, trees, candidates = (1500, 1200, 200, 500) if not args.tiny else (300, 250, 10, 200)
    pairs, feeds = (args.pairs, args.feeds) if not args.tiny else (4, 20)
    gfr = pathlib.Path(args.gfr).resolve()
    os.sched_setaffinity(0, {cores()[1]})

    run = runner(gfr)

    with tempfile.TemporaryDirectory(prefix="gfr-experiments-") as temporary:
        base = pathlib.Path(args.keep or temporary) / "base"
        if not (base / "data/models").exists():
            run("init", base, "--template", "shop")
            config = (base / "gfr.toml").read_text()
            for key, value in {"max_rounds": trees, "early_stopping": 10000, "folds": 0, "depth": 6}.items():
                config = re.sub(rf"^{key} = .*$", f"{key} = {value}", config, flags=re.M)
            (base / "gfr.toml").write_text(config + more_features())
            make_patient(base / "gfr.toml")
            run("simulate", "--project", base, "--users", users, "--items", items, "--days", 10)
            run("train", "--project", base)
        folders = {name: pathlib.Path(temporary) / name for name in ("with", "without")}
        for name, folder in folders.items():
            shutil.copytree(base, folder)
        if not args.same:
            with open(folders["with"] / "gfr.toml", "a") as config:
                config.write(EXPERIMENTS)
        ids, people = [f"i{100000 + i}" for i in range(items)], [f"u{100000 + u}" for u in range(users)]
        requests = [http_request("/v1/feed", json.dumps({"user_id": people[n % users], "session_id": f"s{n}", "surface": "home", "size": 20,
                                                         "candidates": [ids[(n * 37 + k) % items] for k in range(candidates)]})) for n in range(feeds)]
        servers, cost, assigned = {}, {"with": [], "without": []}, set()
        try:
            for name, folder in folders.items():
                servers[name] = Pinned([gfr, "serve", "--project", folder, "--listen", "127.0.0.1:0", "--clock", "log"], cores()[0])

            def measure(name):
                server = servers[name]
                busy = Busy(server.port, 1)
                before = cpu_seconds(server.process.pid)
                answers = busy.run(requests, count=feeds)
                used = cpu_seconds(server.process.pid) - before
                busy.close()
                if bad := [a for a in answers if a[0] != 200]:
                    sys.exit(f"{name}: {bad[0][0]} {bad[0][2][:300]}")
                if name == "with":
                    for answer in answers:
                        assigned.update(json.loads(answer[2]).get("experiment", {}))
                return 1e6 * used / len(answers)
            for name in servers:
                measure(name)  # Warm.
            for n in range(pairs):
                for name in ("with", "without") if n % 2 == 0 else ("without", "with"):
                    cost[name].append(measure(name))
            # One look at the experiments, of all of the log: what a start pays. The next one reads what is new alone.
            pid, looks = servers["with"].process.pid, []
            token = (folders["with"] / "data/tokens/admin").read_text().strip()
            look = f"POST /v1/experiments/analyze HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n".encode()
            for _ in range(2):
                before = cpu_seconds(pid)
                busy = Busy(servers["with"].port, 1)
                answer = busy.run([look], count=1)[0]
                busy.close()
                if answer[0] != 200:
                    sys.exit(f"a look: {answer[0]} {answer[2][:300]}")
                looks.append(cpu_seconds(pid) - before)
        finally:
            for server in servers.values():
                server.__exit__()
        if assigned != (set() if args.same else {"first", "second", "formula", "where"}):
            sys.exit(f"feeds were assigned {sorted(assigned)}")
        logs = [math.log(a / b) for a, b in zip(cost["with"], cost["without"])]
        mean = sum(logs) / len(logs)
        se = math.sqrt(sum((x - mean) ** 2 for x in logs) / (len(logs) - 1) / len(logs))
        half = t_quantile(len(logs) - 1) * se
        percent = [round(100 * math.expm1(x), 3) for x in (mean, mean - half, mean + half)]
        middle = {name: round(sorted(values)[len(values) // 2], 1) for name, values in cost.items()}
        print(json.dumps({"same": args.same, "candidates": candidates, "pairs": pairs, "feeds_a_round": feeds, "cpu_us_a_feed": middle, "more_percent": percent[0], "interval_percent": percent[1:],
                          "median_percent": round(100 * math.expm1(sorted(logs)[len(logs) // 2]), 3), "look_of_all_the_log_s": round(looks[0], 4), "next_look_s": round(looks[1], 4),
                          "feeds_in_the_first_look": (pairs + 1) * feeds}))


if __name__ == "__main__":
    main()
