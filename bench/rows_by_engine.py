"""Training rows of one simulated log by every engine, from the log and from the lake: one process, seven workers, Dask with two workers, Spark local[2].

usage: rows_by_engine.py --gfr build/release/gfr [--users 3000] [--days 28]
All rows must be equal to the bit: of `gfr dataset` file for file, of Dask and Spark column for column in log order. Prints rows and events a second of the
wall and of the processor, and the most memory that all processes of the engine had at once (resident, sampled). Dask and Spark read the lake alone. What is
not there (dask, pyspark, the extension) is left out with a word.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "tests"), str(SOURCE / "bench")]
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--gfr", required=True)
parser.add_argument("--users", type=int, default=3000)
parser.add_argument("--days", type=int, default=28)
parser.add_argument("--memory", default="64MiB", help="of the replay by seven workers, so that it has partitions")
parser.add_argument("--tiny", action="store_true", help="that it runs: one process and seven workers on few users")
flags = parser.parse_args()
if flags.tiny:
    flags.users, flags.days, flags.memory = 100, 8, "1MiB"
os.environ["GFR"] = os.path.abspath(flags.gfr)
os.environ.setdefault("GFR_EXTENSION", str(pathlib.Path(flags.gfr).resolve().parent / "python/gfr"))

from dask_test import Cluster  # noqa: E402
from gfr_process import GFR, Folder, run, run_json  # noqa: E402
from gfr_python import PEERS, has_peer  # noqa: E402
from rows_in_parts import same_rows  # noqa: E402
from support.watch import Watch  # noqa: E402

EXTENSION = pathlib.Path(os.environ["GFR_EXTENSION"])
SPARK = SOURCE / "build/spark-venv/bin/python"


class Equal:
    """What same_rows asks of a test."""

    def assertTrue(self, fact, why=""):
        if not fact:
            sys.exit(f"the rows differ: {why}")

    def assertEqual(self, a, b, why=""):
        self.assertTrue(a == b, f"{why}: {a} and {b}")

    def assertGreater(self, a, b, why=""):
        self.assertTrue(a > b, f"{why}: {a} is not above {b}")


def measured(name, source, counts, command, roots=(), **options):
    start = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)
    watch = Watch([process.pid, *roots])
    _, err = process.communicate()
    seconds = time.monotonic() - start
    watch.end()
    memory, cpu = watch.memory, watch.cpu_seconds
    if process.returncode != 0:
        sys.exit(f"{name}: {err[-4000:]}")
    rows = sum(o["rows"] for o in counts["objectives"].values())
    print(f"{name:<28}{source:<6}{seconds:>8.1f} s{cpu:>8.1f} s CPU{rows / seconds:>10,.0f} rows/s{rows / max(cpu, 0.01):>10,.0f} rows/CPU-s"
          f"{counts['events'] / max(cpu, 0.01):>10,.0f} events/CPU-s{memory:>8,.0f} MiB", flush=True)


def same_files(a, b):
    names = sorted(p.name for p in a.glob("*.parquet"))
    for name in names:
        Equal().assertTrue((a / name).read_bytes() == (b / name).read_bytes(), f"{b / name}")


def main():
    with Folder() as folder:
        project = folder / "p"
        run("init", project)
        run("simulate", "--project", project, "--users", flags.users, "--items", max(60, flags.users // 10), "--days", flags.days, "--seed", 3)
        counts = run_json("dataset", "--project", project, "--full")
        objectives = list(counts["objectives"])
        print(f"{counts['events']:,} events, rows " + ", ".join(f"{n} {o['rows']:,}" for n, o in counts["objectives"].items()), flush=True)
        for workers in (1, 7):
            for source in ("log", "lake"):
                out = folder / f"{source}-{workers}"
                command = [GFR, "dataset", "--project", project, "--full", "--out", out]
                command += ["--workers", workers, "--memory", flags.memory] if workers > 1 else []
                measured("one process" if workers == 1 else f"{workers} workers, {flags.memory}", source, counts, [*command, *(["--from-lake"] if source == "lake" else [])])
                same_files(folder / "log-1", out)
        if flags.tiny:
            return
        if not list(EXTENSION.glob("_rows.*.so")):
            print("SKIPPED: Dask and Spark: the extension gfr._rows is not built")
            return
        if has_peer("distributed"):
            with Cluster(folder, workers=2, GFR_EXTENSION=str(EXTENSION)) as cluster:
                roots = [p.pid for p in (*cluster.workers, *cluster.processes)]
                measured("Dask, 2 workers", "lake", counts, [PEERS, "-m", "gfr.dask_rows", "--scheduler", cluster.address, "--project", project, "--out", folder / "dask",
                                                            "--workers", 2], roots, env=cluster.env)
            same_rows(Equal(), folder / "log-1", folder / "dask", objectives)
        else:
            print("SKIPPED: dask is not there; `tools/setup --test-peers` installs it")
        if shutil.which("java") and SPARK.exists():
            env = {**os.environ, "PYTHONPATH": str(SOURCE / "python"), "PYSPARK_PYTHON": str(SPARK), "PYTHONDONTWRITEBYTECODE": "1", "SPARK_LOCAL_IP": "127.0.0.1"}
            measured("Spark, local[2]", "lake", counts, [SPARK, "-m", "gfr.spark", "dataset", "--project", project, "--out", folder / "spark", "--master", "local[2]",
                                                        "--partitions", 6], env=env)
            same_rows(Equal(), folder / "log-1", folder / "spark", objectives)
        else:
            print("SKIPPED: Java or pyspark is not there; `tools/setup --spark` installs the latter")
        print("all rows are equal to the bit")


if __name__ == "__main__":
    main()
