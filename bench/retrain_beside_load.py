#!/usr/bin/env python3
"""What a retrain costs the feeds of the server that runs it, at half of what the server can do.

First the most feeds a second that the server answers; then feeds in an open loop at half of that, in turn without and with a retrain, which a
trigger of the server runs as a child (niced, on the server's own core). Said: the 99th percentile of each round, and the median of the ratios,
which is to be at most 1.5. A round counts the feeds during which the child trained from the first to the last.

Server and generator have a core each. --tiny (in CTest): one short round: that feeds are answered beside a retrain that ends well.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from gfr_process import make_patient, without_nights  # noqa: E402
from overload import open_loop  # noqa: E402
from support.served import Busy, Pinned, children, cores, http_request, make_project, median, percentile, processor  # noqa: E402

TRIGGER = '\n[[trigger]]\nname = "again"\non = "command"\nretries = 0\n[[trigger.step]]\ndo = "retrain"\n'


class Retrain:
    """One run of the trigger."""

    def __init__(self, gfr, project, server):
        self.gfr, self.project, self.server = gfr, project, server
        self.before = len(self.history())
        subprocess.run([gfr, "trigger", "run", "again", "--project", project], check=True, capture_output=True)
        self.wait(self.trains, "a child that trains")

    def history(self):
        out = subprocess.run([self.gfr, "trigger", "history", "again", "--project", self.project, "--json"], check=True, capture_output=True, text=True).stdout
        return json.loads(out)["runs"]

    def trains(self):
        return bool(children(self.server.process.pid))

    def wait(self, condition, what):
        end = time.monotonic() + 600
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"it did not come: {what}")
            time.sleep(0.02)

    def finish(self):
        def over():
            runs = self.history()
            return len(runs) > self.before and runs[0]["state"] != "running"
        self.wait(over, "the run's end")
        if self.history()[0]["state"] != "done":
            sys.exit(f"the retrain failed: {self.history()[0]}")


def p99_ms(server, requests, rate, seconds):
    answered, unsent = open_loop(server.port, requests, rate, seconds, 500)
    bad = sum(status != 200 for status, _ in answered)
    if bad or unsent:
        print(f"{bad} feeds were refused and {unsent} not sent", file=sys.stderr)
    return 1000 * percentile([s for status, s in answered if status == 200], 0.99)


def beside(gfr, project, server, requests, rate, seconds):
    """The 99th percentile while a retrain runs; and whether it ran all the time."""
    retrain = Retrain(gfr, project, server)
    ms = p99_ms(server, requests, rate, seconds)
    trained = retrain.trains()
    retrain.finish()
    return ms, trained


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--users", type=int, default=3000, help="of the project: fewer train sooner")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    gfr = pathlib.Path(args.gfr).resolve()
    users, days, rounds, seconds = (150, 30, 1, 0.3) if args.tiny else (args.users, 60, args.rounds, 4)
    os.sched_setaffinity(0, {cores()[1]})
    with tempfile.TemporaryDirectory(prefix="gfr-retrain-") as folder:
        project = make_project(gfr, folder, ["simulate", "--users", users, "--items", 100 if args.tiny else 1000, "--days", days], ["train"])
        toml = project / "gfr.toml"
        make_patient(toml)
        without_nights(toml)
        toml.write_text(toml.read_text() + TRIGGER)
        requests = [http_request("/v1/feed", json.dumps({"user_id": f"u{100000 + n}", "size": 20, "candidates": [f"i{100000 + (n * 37 + k) % 100}" for k in range(100)]}))
                    for n in range(100)]
        with Pinned([gfr, "serve", "--project", project, "--listen", "127.0.0.1:0", "--clock", "log"], cores()[0]) as server:
            busy = Busy(server.port, 8)
            busy.run(requests, count=20)
            peak = len(busy.run(requests, seconds=min(seconds, 2))) / min(seconds, 2)
            busy.close()
            figures, whole = [], 0
            for _ in range(rounds):
                without = p99_ms(server, requests, peak / 2, seconds)
                beside_it, trained = beside(gfr, project, server, requests, peak / 2, seconds)
                whole += trained
                figures.append((round(without, 2), round(beside_it, 2)))
        print(json.dumps({"processor": processor(), "peak_feeds_a_second": round(peak, 1), "p99_ms_without_and_beside_a_retrain": figures,
                          "rounds_that_trained_to_their_end": whole, "ratio_median": round(median([b / a for a, b in figures]), 3)}))


if __name__ == "__main__":
    main()
