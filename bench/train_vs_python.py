#!/usr/bin/env python3
"""Training by gfr's trainer beside XGBoost called from Python: the same matrix (rows of a simulated market, from `gfr dataset`), the same
parameters and rounds, a validation part judged every round; a process a run, in turn, several times. Prints the wall time of training (matrix and
rounds; reading the file apart), processor time and peak memory of each, the median's ratio to Python's QuantileDMatrix, and whether the trees are equal.

  gfr, batches     the quantile matrix is filled from batches read from the file; the rows are never in memory as numbers
  gfr, memory      the rows are held beside it, as `gfr train` holds its dataset
  python quantile  xgboost.QuantileDMatrix of a NumPy array; python dmatrix: xgboost.DMatrix of it
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import sysconfig
import tempfile

PYTHON = r"""
import json, resource, sys, time
import numpy as np, xgboost as xgb
rows, labels, columns, train, rounds, depth, eta, bins, threads, how, out = sys.argv[1:]
columns, train, rounds, threads = int(columns), int(train), int(rounds), int(threads)
begin = time.perf_counter()
x, y = np.fromfile(rows, np.float32).reshape(-1, columns), np.fromfile(labels, np.float32)
read = time.perf_counter()
used = resource.getrusage(resource.RUSAGE_SELF)
cpu = used.ru_utime + used.ru_stime
params = dict(objective="binary:logistic", tree_method="hist", max_depth=int(depth), eta=float(eta), min_child_weight=1, max_bin=int(bins), seed=7,
              eval_metric="logloss", nthread=threads, verbosity=0)
if how == "quantile":
    d = xgb.QuantileDMatrix(x[:train], y[:train], max_bin=int(bins), nthread=threads)
else:
    d = xgb.DMatrix(x[:train], y[:train], nthread=threads)
v = xgb.DMatrix(x[train:], y[train:], nthread=threads)
history, first = {}, []
class First(xgb.callback.TrainingCallback):
    def after_iteration(self, model, epoch, evals_log):
        if epoch == 0: first.append(time.perf_counter())
        return False
b = xgb.train(params, d, rounds, evals=[(v, "validation")], evals_result=history, verbose_eval=False, callbacks=[First()])
end = time.perf_counter()
used = resource.getrusage(resource.RUSAGE_SELF)
b.save_model(out)
print(json.dumps(dict(read_s=read - begin, train_s=end - read, first_round_s=first[0] - read, cpu_s=used.ru_utime + used.ru_stime - cpu,
                      peak_mb=used.ru_maxrss / 1024, rounds=b.num_boosted_rounds(), log_loss=min(history["validation"]["logloss"]))))
"""


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))[:300]}: {done.stderr[-2000:]}")
    return done.stdout


def make_matrix(gfr, folder, users, days):
    import numpy as np
    import pyarrow.parquet as pq

    project = folder / "p"
    run(gfr, "init", project)
    run(gfr, "simulate", "--project", project, "--users", users, "--items", 500, "--days", days, "--seed", 5)
    run(gfr, "dataset", "--project", project, "--out", folder / "rows")
    file = pq.ParquetFile(folder / "rows/pctr.parquet")
    names = [n for n in file.schema_arrow.names if n not in ("label", "user", "arrival_ms", "log_offset")]
    with open(folder / "rows.f32", "wb") as rows, open(folder / "labels.f32", "wb") as labels:
        for batch in file.iter_batches(65536):
            np.column_stack([batch[n].to_numpy(zero_copy_only=False).astype(np.float32) for n in names]).tofile(rows)
            batch["label"].to_numpy(zero_copy_only=False).astype(np.float32).tofile(labels)
    return len(names), file.metadata.num_rows


def trees(path, rounds):
    import xgboost as xgb

    return xgb.Booster(model_file=str(path)).get_dump(with_stats=True)[:rounds]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", default="build/release/gfr", help="train_one is beside it, in bench/")
    parser.add_argument("--users", type=int, default=5000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="a small matrix, to see that nothing rots: trees must be equal, times are not judged")
    flags = parser.parse_args()
    if flags.tiny:
        flags.users, flags.days, flags.rounds, flags.repeats = 300, 28, 10, 1
    one = pathlib.Path(flags.gfr).resolve().parent / "bench" / "train_one"
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # As gfr sets it: both sides alike.
    os.environ["GFR_XGBOOST_LIBRARY"] = str(pathlib.Path(sysconfig.get_paths()["purelib"]) / "xgboost/lib/libxgboost.so")  # The same.
    with tempfile.TemporaryDirectory(prefix="gfr-train-") as folder:
        folder = pathlib.Path(folder)
        columns, rows = make_matrix(flags.gfr, folder, flags.users, flags.days)
        train = rows * 9 // 10
        print(f"{rows} rows x {columns} columns, {train} of them learnt from (simulated events); {flags.rounds} rounds, depth {flags.depth}, 256 bins, "
              f"{flags.threads} threads", flush=True)
        common = [folder / "rows.f32", folder / "labels.f32", columns, train, flags.rounds, flags.depth, 0.1, 256, flags.threads]
        systems = {"gfr, batches": [one, *common, "batches"], "gfr, memory": [one, *common, "memory"],
                   "python quantile": [sys.executable, "-W", "ignore", "-c", PYTHON, *common, "quantile"],
                   "python dmatrix": [sys.executable, "-W", "ignore", "-c", PYTHON, *common, "dmatrix"]}
        measured = {name: [] for name in systems}
        for _ in range(flags.repeats):
            for name, command in systems.items():
                measured[name].append(json.loads(run(*command, folder / f"{name}.ubj")))
        middle = {name: {key: statistics.median(m[key] for m in all_of) for key in all_of[0]} for name, all_of in measured.items()}
        base = middle["python quantile"]
        print(f"{'':16} {'train s':>8} {'matrix s':>9} {'cpu s':>7} {'peak MB':>8}  to python quantile: {'rows/s':>7} {'memory':>7}")
        for name, m in middle.items():
            print(f"{name:16} {m['train_s']:8.2f} {m['first_round_s']:9.2f} {m['cpu_s']:7.2f} {m['peak_mb']:8.0f} {base['train_s'] / m['train_s']:28.2f} "
                  f"{m['peak_mb'] / base['peak_mb']:7.2f}")
        kept = int(middle["gfr, batches"]["rounds"])
        reference = trees(folder / "python quantile.ubj", kept)
        different = [name for name in systems if trees(folder / f"{name}.ubj", kept) != reference]
        print("trees: equal" if not different else "trees differ from python quantile's: " + ", ".join(different))
        return 1 if {"gfr, batches", "gfr, memory"} & set(different) else 0


if __name__ == "__main__":
    sys.exit(main())
