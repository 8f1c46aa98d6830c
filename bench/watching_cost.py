#!/usr/bin/env python3
"""What monitoring and experiments cost beside a served request: processor time.

The server's feeds are those of serve.py, whose processor time a feed is measured here without its peer (all of the process: events, log, jobs). What watching
a feed costs is measured alone by monitor_bench and experiment_bench: of monitoring the fold of a slate of 20 shown rows with its impression and a click, the
count of these events, and handing the three records over to it; of experiments the assignment to four of them and the fold of a slate and a click. Those
of monitoring grow with the features and with the candidates, which a record names all: they are measured at two numbers of each, and taken on a plane through
these for the feed's own. Asked: monitoring under 2 % and 20 ns a row and feature, experiments under 1 %. What decoding the records again would cost, which a
server does that has fallen behind or starts, is told beside it.

--tiny is what CTest runs, and measures a small market with small forests: its feeds are cheap, so that the shares are above those of real ones.
"""
import argparse
import json
import pathlib
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--gfr", required=True)
parser.add_argument("--monitor-bench", required=True, help="build/release/monitor_bench")
parser.add_argument("--experiment-bench", required=True, help="build/release/experiment_bench")
parser.add_argument("--tiny", action="store_true")
args = parser.parse_args()
COLUMNS, CANDIDATES, SHOWN = (40, 100), (200, 1000), 20  # Of monitor_bench.


def nanoseconds(program):
    """The median of five repeats, by benchmark."""
    out = subprocess.run([program, "--benchmark_format=json", "--benchmark_repetitions=5", "--benchmark_min_time=0.05"], check=True, capture_output=True, text=True)
    return {b["run_name"]: b["cpu_time"] * {"ns": 1, "us": 1e3, "ms": 1e6}[b["time_unit"]] for b in json.loads(out.stdout)["benchmarks"] if b.get("aggregate_name") == "median"}


def of_feed(measured, name, columns, candidates):
    """From the bench's four points: the plane through them that is nearest."""
    at = {(c, n): measured[f"{name}/{c}/{n}"] for c in COLUMNS for n in CANDIDATES}
    (c0, c1), (n0, n1) = COLUMNS, CANDIDATES
    a_column = (at[c1, n0] + at[c1, n1] - at[c0, n0] - at[c0, n1]) / (2 * (c1 - c0))
    a_candidate = (at[c0, n1] + at[c1, n1] - at[c0, n0] - at[c1, n0]) / (2 * (n1 - n0))
    return sum(at.values()) / 4 + a_column * (columns - sum(COLUMNS) / 2) + a_candidate * (candidates - sum(CANDIDATES) / 2)


serve = [sys.executable, pathlib.Path(__file__).parent / "serve.py", "--gfr", args.gfr, "--no-peer", *(["--tiny"] if args.tiny else [])]
served = json.loads(subprocess.run(serve, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
feed_ns = 1e6 * served["gfr"]["cpu_ms_a_feed"]
columns = served["features"]
monitor, experiment = nanoseconds(args.monitor_bench), nanoseconds(args.experiment_bench)
fold, traffic, handing, decoding = (of_feed(monitor, name, columns, served["candidates"]) for name in ("FoldSlates", "FoldTraffic", "HandRecordsOver", "DecodeRecords"))
watching = fold + traffic + handing
experiments = experiment["AssignUnit"] + experiment["FoldRequest"]
print(f"a feed of {served['candidates']} candidates with {columns} features: {feed_ns / 1000:.0f} us of processor time")
print(f"monitoring: {watching / 1000:.1f} us a feed, {100 * watching / feed_ns:.2f} % of it; {fold / (columns * SHOWN):.1f} ns a shown row and feature"
      f" (a column counted by itself: {monitor['CountColumn'] / 1e6:.2f} ns a number)")
print(f"  counting the slate's rows {fold / 1000:.1f} us, counting the events {traffic / 1000:.1f} us, handing the records over {handing / 1000:.1f} us"
      f" (decoding them from the log instead {decoding / 1000:.1f} us)")
print(f"experiments: {experiments / 1000:.2f} us a feed, {100 * experiments / feed_ns:.2f} % of it; in the request {experiment['AssignUnit'] / 1000:.2f} us")
