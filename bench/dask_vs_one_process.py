"""gfr train in one process beside gfr.dask_train with one and two workers on this machine: quality and seconds, on simulated events.

usage: dask_vs_one_process.py --gfr build/release/gfr [--users 4000] [--days 42]
Each process has one thread. The AUC is of the test part, with the paired 95 % interval of its difference to one process from the refitted versions.
"""
import argparse
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
parser = argparse.ArgumentParser()
parser.add_argument("--gfr", required=True)
parser.add_argument("--users", type=int, default=4000)
parser.add_argument("--days", type=int, default=42)
parser.add_argument("--tiny", action="store_true", help="that it runs: few users, one worker")
flags = parser.parse_args()
if flags.tiny:
    flags.users = 300
os.environ["GFR"] = os.path.abspath(flags.gfr)

from dask_test import Cluster, finish  # noqa: E402
from gfr_process import Folder, run, run_json  # noqa: E402
from gfr_python import has_peer  # noqa: E402

if not has_peer("distributed"):
    print("SKIPPED: dask is not there; `tools/setup --test-peers` installs it")
    sys.exit()
with Folder() as folder:
    project = folder / "p"
    run("init", project)
    toml = (project / "gfr.toml").read_text().replace("folds = 4", "folds = 0").replace("[train]", "[train]\nthreads = 1", 1)
    (project / "gfr.toml").write_text(toml)
    run("simulate", "--project", project, "--users", flags.users, "--items", flags.users // 4, "--days", flags.days, "--seed", 8)
    rows = run_json("dataset", "--project", project)["objectives"]
    print("simulated events: " + ", ".join(f"{name} {o['rows']} rows with {o['positives']} positives" for name, o in rows.items()))
    print(f"{'trained by':<24}{'seconds':>9}  " + "".join(f"{name + ' AUC-ROC':<18}{'to one process (refitted)':<34}" for name in rows), flush=True)
    for workers in (0, 1) if flags.tiny else (0, 1, 2):
        start = time.monotonic()
        if workers:
            with Cluster(folder, workers) as cluster:
                report, _ = finish(cluster.train(project))
        else:
            report = run_json("train", "--project", project)
        seconds = time.monotonic() - start
        line = f"{f'dask, {workers} workers' if workers else 'one process':<24}{seconds:>9.1f}  "
        against = run_json("evaluate", "--model", report["version"], "--against", 1, "--project", project)["against"]["objectives"] if workers else {}
        for name in rows:
            o = against.get(name)
            line += f"{report['objectives'][name]['auc_roc']:<18.4f}" + f"{'' if o is None else '{:+.4f} [{:+.4f}, {:+.4f}]'.format(o['auc_roc'], *o['intervals']['auc_roc']):<34}"
        print(line, flush=True)
