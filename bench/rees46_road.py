#!/usr/bin/env python3
"""The whole road of a log without slates: a REES46-shaped CSV of the simulated market's events, imported by share/maps/rees46.toml alone, then
doctor, train, evaluate and serve. All events are simulated.

    bench/rees46_road.py --gfr build/release/gfr --rows 1000000
"""
import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parent.parent
TYPES = {"item.view": "view", "feed.click": "view", "cart.add": "cart", "cart.remove": "remove_from_cart", "purchase": "purchase"}


def run(gfr, *arguments, check=True):
    begun = time.monotonic()
    done = subprocess.run([gfr, *map(str, arguments)], capture_output=True, text=True)
    if check and done.returncode != 0:
        sys.exit(f"gfr {' '.join(map(str, arguments))}: {done.stderr[-3000:]}")
    return done, time.monotonic() - begun


def category_id(name):
    """A whole number of 19 digits, as in REES46: more than a double holds."""
    return 2_053_013_550_000_000_000 + sum(ord(c) * 1_000_003 ** i for i, c in enumerate(name)) % 1_000_000_000_000


def write_shape(gfr, market, path, most):
    """The market's events as rows of REES46; gives how many."""
    catalogue, rows = {}, 0
    dump = subprocess.Popen([gfr, "log", "dump", "--project", str(market)], stdout=subprocess.PIPE, text=True)
    with open(path, "w", newline="") as out:
        table = csv.writer(out)
        table.writerow(["event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price", "user_id", "user_session"])
        for line in dump.stdout:
            event = json.loads(line)
            if event["type"] == "item.update":
                for item in event["data"]["items"]:
                    catalogue[item["item_id"]] = item
            kind = TYPES.get(event["type"])
            if not kind or rows == most:
                continue
            at = event["time"][:19].replace("T", " ") + " UTC"
            for item in event["data"]["items"]:
                known = catalogue.get(item["item_id"], item)
                properties = known.get("properties", {})
                category = properties.get("category", "")
                table.writerow([at, kind, item["item_id"], category_id(category) if category else "", category, properties.get("brand", ""), known.get("price", ""), event["data"].get("user_id", ""),
                                event["data"].get("session_id", "")])
                rows += 1
    dump.kill() if rows == most else dump.wait()
    return rows


def without_slates(text):
    """The shop template for a log that has no slates: its objectives begin at views, and the feed ranks by the one of purchases."""
    begin, end = text.index("[[objective]]"), text.index("[split]")
    objectives = "".join(f'[[objective]]\nname = "{name}"\npopulation = "item.view"\nlabel = "{label}"\nwindow = "{window}"\n\n' for name, label, window in
                         (("pcart", "cart.add", "1d"), ("pbuy", "purchase", "7d")))
    return (text[:begin] + objectives + text[end:]).replace('value = "pctr * (1 + 5 * pcvr)"', 'value = "pbuy"')


def serve(gfr, project):
    """One feed of a server on the imported log; its items and the channels that gave them."""
    server = subprocess.Popen([gfr, "serve", "--project", str(project), "--listen", "127.0.0.1:0", "--clock", "log"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        if not line.startswith("listening on "):
            return {"failed": server.stderr.read()[-500:]}
        body = json.dumps({"user_id": "somebody", "surface": "home", "size": 10}).encode()
        request = urllib.request.Request(line.split()[-1] + "/v1/feed", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            feed = json.load(reply)
        return {"items": len(feed["items"]), "model": feed["model"], "degraded": feed["degraded"]}
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", default=str(SOURCE / "build/release/gfr"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=0, help="of the market; as many as the rows need")
    parser.add_argument("--days", type=int, default=42)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gfr-rees46-") as folder:
        folder = pathlib.Path(folder)
        users = a.users or max(200, a.rows // 16)  # About so many rows a user makes in 42 days.
        run(a.gfr, "init", folder / "market", "--template", "shop")
        run(a.gfr, "simulate", "--project", folder / "market", "--users", users, "--items", max(200, users // 4), "--days", a.days)
        rows = write_shape(a.gfr, folder / "market", folder / "2026-Jan.csv", a.rows)
        run(a.gfr, "init", folder / "p", "--template", "shop")
        toml = folder / "p/gfr.toml"
        toml.write_text(without_slates(toml.read_text()))
        report = {"rows": rows, "csv_mb": round((folder / "2026-Jan.csv").stat().st_size / 1e6, 1), "simulated": True}
        done, seconds = run(a.gfr, "import", "csv", f"{folder}/2026-Jan.csv:{SOURCE}/share/maps/rees46.toml", "--project", folder / "p", "--json")
        imported = json.loads(done.stdout)
        report["import"] = {"seconds": round(seconds, 1), "rows_a_second": round(rows / seconds), "events": imported["events_by_type"], "rejected": imported["rejected"], "duplicates": imported["duplicates"]}
        assert imported["rows"] == rows and imported["rejected"] == 0, imported
        done, seconds = run(a.gfr, "doctor", "--project", folder / "p", "--json", check=False)
        report["doctor"] = [f"{f['severity']} {f['check']}" for f in json.loads(done.stdout)["findings"] if f["severity"] != "ok"]
        done, seconds = run(a.gfr, "train", "--project", folder / "p", "--json", check=False)
        report["train"] = {"seconds": round(seconds, 1), "exit": done.returncode, "said": (done.stdout or done.stderr)[-600:] if done.returncode else "registered version " + json.loads(done.stdout)["version"]}
        if done.returncode == 0:
            done, seconds = run(a.gfr, "evaluate", "--project", folder / "p", check=False)
            report["evaluate"] = done.stdout[-3000:].splitlines()
        report["serve"] = serve(a.gfr, folder / "p")
        print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
