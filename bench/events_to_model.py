"""Events to a model by stage: time, processor, memory and disk of each, on a log that is replayed by partitions of users.

usage: events_to_model.py --gfr build/release/gfr [--events 2000000] [--memory 256MiB] [--workers 2]
The log is that of make_log.cc (invented_shop.h). Stages: the rows by partitions within `--memory`, the rows in one pass, and `gfr train` from nothing to a
registered version. Disk is what lies beside the log at most while the stage runs, in times of the log. The rows of both replays must be equal to the byte.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "tests"), str(SOURCE / "bench")]
from gfr_process import Folder, run  # noqa: E402
from support.watch import Watch, size_of  # noqa: E402


def stage(name, project, log_mib, events, command):
    before, start = size_of(project), time.monotonic()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    watch = Watch([process.pid], project)
    _, err = process.communicate()
    watch.end()
    seconds = time.monotonic() - start
    if process.returncode != 0:
        sys.exit(f"{name}: {err[-4000:]}")
    partitions = re.search(r"partitions=(\d+)", err)
    disk = max(0, watch.disk - before)
    print(f"{name:<26}{seconds:>8.1f} s{watch.cpu_seconds:>8.1f} s CPU{events / max(0.01, watch.cpu_seconds):>12,.0f} events/CPU-s{watch.memory:>8,.0f} MiB"
          f"{disk:>9,.1f} MiB of disk = {disk / log_mib:.2f} logs" + (f"  ({partitions[1]} partitions)" if partitions else ""), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--make-log")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--memory", default="256MiB")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="that it runs: the rows of 60,000 events")
    flags = parser.parse_args()
    if flags.tiny:
        flags.events, flags.memory = 60_000, "8MiB"
    gfr = pathlib.Path(flags.gfr).resolve()
    make_log = flags.make_log or gfr.parent / "bench" / "make_log"
    with Folder() as folder:
        project = folder / "p"
        run("init", project)
        events = int(subprocess.run([make_log, project / "data/log", str(flags.events), str(max(100, flags.events // 20)), str(max(100, flags.events // 500)), "42", "7"],
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout)
        log_mib = size_of(project / "data/log")
        print(f"{events:,} events, {log_mib:,.1f} MiB of log", flush=True)
        dataset = [gfr, "dataset", "--project", project, "--full", "--out"]
        # Only what is made of the rows counts, not the rows that somebody asked for: these go elsewhere.
        stage("rows, by partitions", project, log_mib, events, [*dataset, folder / "parts", "--memory", flags.memory, "--workers", flags.workers])
        stage("rows, in one pass", project, log_mib, events, [*dataset, folder / "whole"])
        for file in sorted((folder / "whole").glob("*.parquet")):
            if file.read_bytes() != (folder / "parts" / file.name).read_bytes():
                sys.exit(f"the rows differ: {file.name}")
        if not flags.tiny:
            stage("gfr train, to a version", project, log_mib, events, [gfr, "train", "--project", project])


if __name__ == "__main__":
    main()
