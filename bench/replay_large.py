#!/usr/bin/env python3
"""Replays a log that is larger than what the replay may use: 100 M simulated events of 1 M users within 8 GiB, to training rows of the last
day. Prints events a second, and the largest memory of the process beside what it was allowed.

--tiny (in CTest): 200,000 events, whole in memory and by partitions with less memory than that takes; the counts must be equal, and the
processes' memory must stay within what they were told (and what the program itself takes).
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20


def replay(gfr, project, memory, workers, since):
    start = time.monotonic()
    command = [str(gfr), "dataset", "--project", str(project), "--memory", str(memory), "--workers", str(workers), "--from", since, "--json"]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        log = err.read().decode()
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit code {process.returncode}\n{log}")
        counts = json.load(out)
    partitions = re.search(r"replay: .*\bpartitions=(\d+)", log)
    return {"counts": counts, "partitions": int(partitions[1]) if partitions else 1, "seconds": time.monotonic() - start,
            "cpu_seconds": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss * 1024}


def show(name, run, memory):
    events = run["counts"]["events"]
    rows = {o: v["rows"] for o, v in run["counts"]["objectives"].items()}
    print(f"{name}: {events:,} events, {run['partitions']} partitions, {run['seconds']:.1f} s ({run['cpu_seconds']:.1f} s of CPU), "
          f"{events / run['seconds']:,.0f} events/s; {run['rss'] / MIB:,.0f} MiB at most, {memory / MIB:,.0f} MiB allowed; rows {rows}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--make-log", help="the program of make_log.cc; default: bench/make_log beside gfr")
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--memory-mib", type=int, default=8192)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", help="where the log is made (about 15 GB) and kept for another run; default: a temporary one")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    args.make_log = args.make_log or pathlib.Path(args.gfr).parent / "bench" / "make_log"
    if args.tiny:
        args.events, args.users, args.items = 200_000, 40_000, 1_000
    folder = pathlib.Path(args.folder) if args.folder else pathlib.Path(tempfile.mkdtemp(prefix="gfr-replay-"))
    project = folder / "project"
    try:
        if not (project / "made").exists():
            subprocess.run([args.gfr, "init", project, "--template", "shop"], check=True, stdout=subprocess.DEVNULL)
            days = 3 if args.tiny else 28
            subprocess.run([args.make_log, project / "data" / "log", str(args.events), str(args.users), str(args.items), str(days), "1"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL if args.tiny else None)
            (project / "made").touch()
        if not args.tiny:
            memory = args.memory_mib * MIB
            run = replay(args.gfr, project, memory, args.workers, "2026-01-28T00:00:00Z")
            show("replay", run, memory)
            sys.exit(0 if run["rss"] <= memory else f"it took more than the {args.memory_mib} MiB that it was allowed")
        since = "2026-01-03T00:00:00Z"
        whole = replay(args.gfr, project, 8192 * MIB, 1, since)
        show("in memory", whole, 8192 * MIB)
        parts = replay(args.gfr, project, 32 * MIB, 2, since)
        show("by partitions", parts, 32 * MIB)
        assert whole["partitions"] == 1 and parts["partitions"] > 4, (whole, parts)
        assert whole["counts"] == parts["counts"] and whole["counts"]["objectives"]["pctr"]["rows"] > 10_000, (whole, parts)
        program = 48 * MIB
        assert parts["rss"] < program + 32 * MIB < whole["rss"], (whole, parts)
    finally:
        if not args.folder:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
