#!/usr/bin/env python3
"""`gfr predict` on a Parquet file beside pandas + XGBoost, end to end: from the file to a prediction a line in another file.

Python reads with pandas.read_parquet, predicts with XGBoost's Booster, and writes with whichever is faster, pandas' to_csv or a join of the floats'
texts. It is timed whole and without its imports, with one thread and with two; the fastest counts. gfr is a process from its start to its end, one
thread. Rounds are interleaved; the table holds medians of wall and processor time, and the ratio of each round's times (median, lowest, highest).
The predictions of both must be within one unit in the last place.

Shapes: columns of float32, of float64, and as frames have them (integers, booleans, a dictionary that is not read); few trees, where reading counts,
and many, where scoring counts. --tiny is what CTest runs: pyarrow in place of pandas, on few rows, to see that nothing rots.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
parser = argparse.ArgumentParser()
parser.add_argument("--gfr", required=True, help="build/release/gfr")
parser.add_argument("--rows", type=int, default=500_000)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--tiny", action="store_true")
args = parser.parse_args()
WHEELS = ["pandas==3.1.1", "pyarrow==26.0.1", "xgboost-cpu==3.2.0", "numpy==2.4.6"]
if not args.tiny:
    import peers

    peers.run_in("bench-venv-predict", WHEELS, without_dependencies=False)
import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import xgboost as xgb  # noqa: E402

if args.tiny:
    args.rows, args.rounds = 2_000, 1
MACHINE = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")

PEER = """
import sys, time
begin = time.perf_counter(), time.process_time()
model, data, out, threads, names, tiny = sys.argv[1:]
import xgboost as xgb
if tiny == "1":
    import pyarrow.parquet as pq
else:
    import pandas as pd
imported = time.perf_counter(), time.process_time()
booster = xgb.Booster({"nthread": int(threads)}, model_file=model)
names = names.split(",")
if tiny == "1":
    frame = pq.read_table(data, columns=names)
else:
    frame = pd.read_parquet(data, columns=names)
p = booster.predict(xgb.DMatrix(frame, nthread=int(threads)))
read = time.perf_counter(), time.process_time()
with open(out, "w") as file:
    file.write("\\n".join(map(str, p.tolist())) + "\\n")
joined = time.perf_counter(), time.process_time()
if tiny == "0":
    pd.Series(p).to_csv(out + ".csv", header=False, index=False)
    framed = time.perf_counter(), time.process_time()
else:
    framed = tuple(2 * b - a for a, b in zip(read, joined))
p.tofile(out + ".f4")
write = [min(joined[k] - read[k], framed[k] - joined[k]) for k in (0, 1)]
print(imported[0] - begin[0], imported[1] - begin[1], read[0] - imported[0] + write[0], read[1] - imported[1] + write[1])
"""


def make(folder, kind, trees):
    """A file of 40 columns that the model reads, and 10 that it does not."""
    rng = np.random.default_rng(3)
    names = [f"feature {k}" for k in range(40)]
    x = rng.normal(size=(args.rows, 40)).astype("f4")
    if kind == "frame":
        x[:, :10] = rng.integers(0, 1000, (args.rows, 10))
        x[:, 10:15] = rng.integers(0, 2, (args.rows, 5))
    else:
        x[rng.random(x.shape) < 0.1] = np.nan
    train = x[: min(20_000, args.rows)]
    y = (np.nan_to_num(train[:, -6:]).sum(1) + rng.normal(size=len(train)) > 0).astype(int)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "nthread": 2}, xgb.DMatrix(train, y, feature_names=names), trees)
    booster.save_model(folder / "model.ubj")
    kinds = [("i4" if k < 10 else "?" if k < 15 else "f4") if kind == "frame" else {"float32": "f4", "float64": "f8"}[kind] for k in range(40)]
    columns = {name: pa.array(x[:, k].astype(kinds[k]), from_pandas=True) for k, name in enumerate(names)}
    for k in range(10):
        columns[f"word {k}"] = pa.array(np.array(["a", "b", "c"])[rng.integers(0, 3, args.rows)]).dictionary_encode()
    pq.write_table(pa.table(columns), folder / "rows.parquet", row_group_size=100_000)
    return names


def timed(command, **options):
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*map(str, command)], text=True, **options)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def ours(folder):
    with open(folder / "gfr.txt", "w") as out:
        return timed([args.gfr, "predict", "--model", folder / "model.ubj", "--data", folder / "rows.parquet"], stdout=out)[:2]


def peer(folder, names, threads):
    """Wall and processor time of the whole process, then without its imports."""
    wall, cpu, said = timed([sys.executable, "-W", "ignore", "-c", PEER, folder / "model.ubj", folder / "rows.parquet", folder / "peer.txt", threads,
                             ",".join(names), int(args.tiny)], stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    return (wall, cpu), tuple(map(float, said.split()))[2:]


def compare(kind, trees):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        names = make(folder, kind, trees)
        rounds = {"gfr": [], "1 thread": [], "2 threads": [], "1 thread, imports aside": [], "2 threads, imports aside": []}
        for _ in range(args.rounds):
            rounds["gfr"].append(ours(folder))
            for threads in (1, 2):
                whole, inner = peer(folder, names, threads)
                title = f"{threads} thread{'s' * (threads > 1)}"
                rounds[title].append(whole)
                rounds[f"{title}, imports aside"].append(inner)
        got = np.loadtxt(folder / "gfr.txt", dtype="f4")
        want = np.fromfile(folder / "peer.txt.f4", "f4")
        if got.shape != want.shape or np.abs(got.view("i4") - want.view("i4")).max() > 1:
            sys.exit(f"{kind}, {trees} trees: gfr's predictions are not XGBoost's")
    print(f"\n{args.rows} rows, 40 columns as {kind}, {trees} trees of depth 6: wall and processor seconds; peer / gfr by wall time (lowest - highest)")
    for system, times in rounds.items():
        ratios = [t[0] / g[0] for t, g in zip(times, rounds["gfr"])]
        wall, cpu = (statistics.median(t[k] for t in times) for k in (0, 1))
        print(f"  {system if system == 'gfr' else 'pandas + XGBoost, ' + system:44}{wall:8.3f}{cpu:8.3f}{statistics.median(ratios):8.2f} ({min(ratios):.2f} - {max(ratios):.2f})")
    return min(statistics.median(t[0] / g[0] for t, g in zip(times, rounds["gfr"])) for system, times in rounds.items() if system != "gfr")


print(f"{MACHINE}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
shapes = [("frame", 10)] if args.tiny else [("float32", 20), ("float64", 20), ("frame", 20), ("float32", 500)]
worst = min((compare(*shape), *shape) for shape in shapes)
print(f"\nleast ratio: {worst[0]:.2f} ({worst[1]}, {worst[2]} trees); at least 1 is wanted")
