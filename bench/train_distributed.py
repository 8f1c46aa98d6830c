#!/usr/bin/env python3
"""`gfr train` by 1, 2 and 4 processes on one machine: wall and processor time of the whole command (replay, training, evaluation), peak memory of the
main process and of each worker, and the AUC, which may differ by 0.002. All events are simulated. Dask: bench/dask_vs_one_process.py. On one machine the processes share its cores: the table shows what memory and quality do, not a gain in time.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time


def run(gfr, *arguments):
    """The JSON object on stdout, stderr, seconds, processor seconds of it and its children, its own peak memory in MB."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen([str(gfr), *map(str, arguments)], stdout=out, stderr=errors)
        peak = 0.0
        while process.poll() is None:  # wait4's peak is the largest of all its children's, so it is read while it runs.
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                break
            if match := re.search(r"VmHWM:\s+(\d+) kB", status):
                peak = max(peak, int(match.group(1)) / 1024)
            time.sleep(0.02)
        process.wait()
        seconds = time.perf_counter() - begin
        out.seek(0), errors.seek(0)
        said, trouble = out.read(), errors.read()
    if process.returncode != 0:
        sys.exit(f"gfr {' '.join(map(str, arguments))}: {trouble[-2000:]}")
    return json.loads(said) if said.lstrip().startswith("{") else None, trouble, seconds, peak


def cpu_seconds():
    used = __import__("resource").getrusage(__import__("resource").RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gfr", default="build/release/gfr")
    parser.add_argument("--users", type=int, default=5000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--tiny", action="store_true", help="a small market and two processes, to see that nothing rots")
    flags = parser.parse_args()
    if flags.tiny:
        flags.users, flags.days, flags.processes = 500, 42, [1, 2]
    with tempfile.TemporaryDirectory(prefix="gfr-distributed-") as folder:
        project = pathlib.Path(folder) / "p"
        run(flags.gfr, "init", project)
        run(flags.gfr, "simulate", "--project", project, "--users", flags.users, "--items", 500, "--days", flags.days, "--seed", 5)
        toml = (project / "gfr.toml").read_text()
        (project / "gfr.toml").write_text(re.sub(r"folds = \d+", "folds = 0", toml).replace("refit = true", "refit = false"))
        print(f"{os.cpu_count()} cores, {flags.users} users, {flags.days} days (simulated events); no folds, no refit")
        print(f"{'processes':>12} {'wall s':>8} {'cpu s':>8} {'main MB':>8} {'worker MB':>24}  AUC of each objective")
        alone, failed = None, []
        for processes in flags.processes:
            before = cpu_seconds()
            report, said, seconds, peak = run(flags.gfr, "train", "--project", project, "--workers", processes, "--json")
            workers = re.findall(r"worker \d+ of \d+ .*?: peak memory ([\d.]+) MB", said)
            auc = {name: o["auc_roc"] for name, o in report["objectives"].items()}
            alone = alone or auc
            bound = 0.02 if flags.tiny else 0.002  # Few rows: their AUC is uncertain by more.
            failed += [f"{name} by {processes}" for name in auc if abs(auc[name] - alone[name]) > bound]
            print(f"{processes:12} {seconds:8.1f} {cpu_seconds() - before:8.1f} {peak:8.0f} {' '.join(workers) or 'in the main process':>24}  "
                  + ", ".join(f"{name} {a:.5f}" for name, a in auc.items()), flush=True)
        print("the quality is the same to 0.002" if not failed else "NOT the same quality: " + ", ".join(failed))
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
