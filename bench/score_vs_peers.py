#!/usr/bin/env python3
"""gfr's scorers beside XGBoost, LightGBM, lleaves, tl2cgen, ONNX Runtime and YDF, on the same trained forests: ns a row and tree, the median
of the repeats and their spread, and the ratio to the best peer; all within this run.

Everything but ONNX Runtime and YDF is timed in C++ through its C interface (score_one.cc), a process a system; tl2cgen and lleaves get their rows in
their own form beforehand, which is not timed. ONNX Runtime's wheel has no C interface: it is timed from Python (a call costs some microseconds).
YDF reads no model of others: its trees are set, one by one, to those of XGBoost's forest, and it is timed by its own benchmark, its fastest engine.
lleaves reads LightGBM's models only: these are a block of their own. Rows are random normal, --missing of the values missing, 256 bins.

Depth 6 and 8 on one thread (`make bench`); --wide goes from depth 6, 500 trees to every other depth, number of trees, number of features, share of
missing values and of categories, one at a time, with one thread and two; --full is the whole grid (hours); --tiny is what CTest runs (XGBoost, LightGBM
and gfr alone, to see that nothing rots). Models and compiled peers are kept in build/bench-score: --prepare makes those that are not there and times
nothing, so that a quiet machine need only time.
"""
import argparse
import contextlib
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
parser = argparse.ArgumentParser()
parser.add_argument("--gfr", required=True, help="build/release/gfr; score_one is beside it, in bench/")
parser.add_argument("--wide", action="store_true")
parser.add_argument("--tiny", action="store_true")
parser.add_argument("--full", action="store_true")
parser.add_argument("--prepare", action="store_true", help="train and compile, time nothing")
parser.add_argument("--compile-seconds", type=int, default=600, help="what a peer's compiler may take for a forest; then the peer is left out")
parser.add_argument("--only", help="DEPTHxTREESxFEATURESxMISSINGxCATEGORICAL, as 6x500x40x0.3x0")
args = parser.parse_args()
WHEELS = """xgboost-cpu==3.2.0 lightgbm==4.7.0 onnxruntime==1.32.0 onnxmltools==1.16.0 skl2onnx==1.20.0 onnx==1.23.2 tl2cgen==1.0.0
treelite==4.8.1 ydf==0.16.1 lleaves==1.3.0 llvmlite==0.44.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 joblib==1.6.0 narwhals==2.29.0
threadpoolctl==3.8.0 absl-py==2.5.1 cloudpickle==3.1.3 flatbuffers==25.12.19 ml_dtypes==0.6.0 packaging==26.3 protobuf==7.36.2
typing_extensions==4.16.0""".split()
if not args.tiny:
    import peers

    peers.run_in("bench-venv-score", WHEELS)
import numpy as np  # noqa: E402

BENCH = pathlib.Path(args.gfr).resolve().parent / "bench" / "score_one"
BATCHES = [1, 32, 256, 1000]
GFR = ["gfr-auto", "gfr-avx512", "gfr-avx2", "gfr-portable", "gfr-compact"]


def site(package):
    return pathlib.Path(__import__("sysconfig").get_paths()["purelib"]) / package


LIBRARIES = {"xgboost": site("xgboost/lib/libxgboost.so"), "lightgbm": site("lightgbm/lib/lib_lightgbm.so")}


def python(script, *arguments, seconds=None):
    """Each maker trains and converts in a process of its own (each brings its OpenMP)."""
    return subprocess.run([sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)], capture_output=True, text=True, timeout=seconds)


def compiled(folder, peer, script):
    """Whether the peer's compiler made a library of the forest, now or before; how long it took is said once."""
    library, said = folder / (peer + ".so"), folder / (peer + ".refused")
    if not library.exists() and not said.exists():
        began = time.time()
        try:
            run = python(script, folder, seconds=args.compile_seconds)
            error = run.stderr.strip()[-200:] if run.returncode else ""
        except subprocess.TimeoutExpired:
            error = f"still compiling after {args.compile_seconds} s"
        if error:
            library.unlink(missing_ok=True)
            said.write_text(error)
        print(f"  {peer}: " + (error or f"compiled in {time.time() - began:.0f} s"), file=sys.stderr)
    if said.exists():
        print(f"  {peer} is left out: {said.read_text()}", file=sys.stderr)
    return library.exists()


DATA = """
import numpy as np, sys
folder, depth, trees, features, missing, categorical = sys.argv[1], *map(float, sys.argv[2:7])
depth, trees, features = int(depth), int(trees), int(features)
rng = np.random.default_rng(3)
X = rng.normal(size=(20000, features)).astype("f4")
cats = int(categorical * features)
if cats: X[:, :cats] = rng.integers(0, 60, (len(X), cats))
y = (X[:, -6:].sum(1) + np.sin(3 * X[:, -3]) * X[:, -2] + rng.normal(size=len(X)) + (X[:, 0] % 3 == 1) > 0).astype(int)
X[rng.random(X.shape) < missing] = np.nan
X[:4000].tofile(folder + "/rows.bin")
"""
XGBOOST = DATA + """
import xgboost as xgb
types = ["c"] * cats + ["q"] * (features - cats)
d = xgb.DMatrix(X, y, feature_types=types, enable_categorical=True)
b = xgb.train({"objective": "binary:logistic", "max_depth": depth, "eta": .05, "max_bin": 256, "nthread": 2, "min_child_weight": 0, "lambda": .1}, d, trees)
b.save_model(folder + "/xgboost.ubj"); b.save_model(folder + "/xgboost.json")
"""
LIGHTGBM = DATA + """
import lightgbm as lgb
b = lgb.train({"objective": "binary", "max_depth": depth, "num_leaves": 2 ** depth, "learning_rate": .05, "verbose": -1, "num_threads": 2, "min_data_in_leaf": 2,
               "max_bin": 255}, lgb.Dataset(X, y, categorical_feature=list(range(cats))), trees)
b.save_model(folder + "/lightgbm.txt")
"""
LLEAVES = """
import sys, subprocess, lleaves
folder = sys.argv[1]
m = lleaves.Model(model_file=folder + "/lightgbm.txt")
m.compile(cache=folder + "/lleaves.o", raw_score=True)
subprocess.run(["cc", "-shared", "-o", folder + "/lleaves.so", folder + "/lleaves.o", "-lm"], check=True)
"""
TL2CGEN = """
import sys, treelite, tl2cgen
folder = sys.argv[1]
m = treelite.frontend.load_xgboost_model(folder + "/xgboost.json")
tl2cgen.export_lib(m, toolchain="gcc", libpath=folder + "/tl2cgen.so", params={"parallel_comp": 2}, verbose=False)
"""
ONNX = """
import sys, json, time, numpy as np, onnxruntime as ort
from onnxmltools.convert import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
import xgboost as xgb
folder, features, threads, repeats, batches = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), list(map(int, sys.argv[5:]))
b = xgb.Booster(model_file=folder + "/xgboost.ubj")
m = convert_xgboost(b, initial_types=[("x", FloatTensorType([None, features]))])
o = ort.SessionOptions(); o.intra_op_num_threads = threads
s = ort.InferenceSession(m.SerializeToString(), o, providers=["CPUExecutionProvider"])
X = np.fromfile(folder + "/rows.bin", "f4").reshape(-1, features)
out = s.get_outputs()[-1].name
for batch in batches:
    run = lambda i: s.run([out], {"x": X[i * batch % (len(X) - batch + 1):][:batch]})
    run(0); count = 1
    while True:
        t = time.perf_counter()
        for i in range(count): run(i)
        if time.perf_counter() - t > .02: break
        count *= 2
    times = []
    for _ in range(repeats):
        t = time.perf_counter()
        for i in range(count): run(i)
        times.append((time.perf_counter() - t) * 1e9 / count / batch)
    print(json.dumps({"system": "onnxruntime", "batch": batch, "threads": threads, "ns_per_row": times, "margins": []}))
"""
YDF = """
import json, sys, numpy as np, xgboost as xgb, ydf
from ydf.model.tree.condition import NumericalHigherThanCondition
from ydf.model.tree.node import Leaf, NonLeaf
from ydf.model.tree.tree import Tree
from ydf.model.tree.value import RegressionValue
folder, features, threads, repeats, batches = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), list(map(int, sys.argv[5:]))
ydf.verbose(0)
trees = json.load(open(folder + "/xgboost.json"))["learner"]["gradient_booster"]["model"]["trees"]
X = np.fromfile(folder + "/rows.bin", "f4").reshape(-1, features)
data = {f"f{k}": X[:, k] for k in range(features)}
m = ydf.GradientBoostedTreesLearner(label="y", num_trees=1, max_depth=2, early_stopping="NONE", validation_ratio=0.0).train(data | {"y": np.arange(len(X)) % 2})
at = [column.name for column in m.data_spec().columns]
at = [at.index(f"f{k}") for k in range(features)]
def node(t, i):
    value = t["split_conditions"][i]
    if t["left_children"][i] < 0:
        return Leaf(value=RegressionValue(num_examples=1, value=value, standard_deviation=0.0))
    split = NumericalHigherThanCondition(missing=not t["default_left"][i], score=0.0, attribute=at[t["split_indices"][i]], threshold=value)
    return NonLeaf(value=RegressionValue(num_examples=1, value=0.0, standard_deviation=0.0), condition=split,
                   pos_child=node(t, t["right_children"][i]), neg_child=node(t, t["left_children"][i]))
for i, t in enumerate(trees):
    tree = Tree(root=node(t, 0))
    m.set_tree(i, tree) if i == 0 else m.add_tree(tree)
p = m.predict({name: v[:1000] for name, v in data.items()}).astype("f8")
margin = xgb.Booster(model_file=folder + "/xgboost.ubj").predict(xgb.DMatrix(X[:1000]), output_margin=True).astype("f8")
first_guess = np.median(np.log(p / (1 - p)) - margin)
assert np.abs(p - 1 / (1 + np.exp(-margin - first_guess))).max() < 1e-5  # That aside, it is the same forest.
for engine in m.list_compatible_engines():
    m.force_engine(engine)
    for batch in batches:
        times = [m.benchmark(data, benchmark_duration=.2, warmup_duration=.05, batch_size=batch, num_threads=threads).duration_per_example * 1e9
                 for _ in range(repeats)]
        print(json.dumps({"system": "ydf", "engine": engine, "batch": batch, "threads": threads, "ns_per_row": times, "margins": []}))
"""


def times_of(folder, system, model, features, threads, repeats, batches):
    environment = {**os.environ, "PEER_LIBRARY": str(LIBRARIES.get(system, ""))}
    run = subprocess.run([BENCH, system, folder / model, folder / "rows.bin", str(features), str(threads), str(repeats), *map(str, batches)],
                         capture_output=True, text=True, env=environment)
    if run.returncode:
        print(f"  {system}: {run.stderr.strip()[-200:]}", file=sys.stderr)
    return [json.loads(line) for line in run.stdout.splitlines()]


def show(title, lines, trees, peers_of):
    """One table: a line a system, a column a batch."""
    batches = sorted({line["batch"] for line in lines})
    threads = sorted({line["threads"] for line in lines})
    for t in threads:
        cells = {(line["system"], line["batch"]): line["ns_per_row"] for line in lines if line["threads"] == t}
        best = {b: min((statistics.median(v), s) for (s, batch), v in cells.items() if batch == b and s in peers_of) for b in batches}
        print(f"\n{title}, {t} thread{'s' if t > 1 else ''}: ns a row and tree (lowest - highest), x of the best peer")
        print(f"{'':14}" + "".join(f"{'batch ' + str(b):>34}" for b in batches))
        for system in dict.fromkeys(s for s, _ in cells):
            row = f"{system:14}"
            for b in batches:
                v = cells.get((system, b))
                row += f"{'':>34}" if not v else f"{statistics.median(v) / trees:9.3f} ({min(v) / trees:.3f} - {max(v) / trees:.3f}) {best[b][0] / statistics.median(v):6.2f}x".rjust(34)
            print(row)
        print(f"{'best peer':14}" + "".join(f"{best[b][1]:>34}" for b in batches), flush=True)


def compare(depth, trees, features, missing, categorical, threads, repeats, batches, tiny):
    with contextlib.ExitStack() as stack:
        if tiny:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        else:
            folder = pathlib.Path(args.gfr).resolve().parents[1] / "bench-score" / f"{depth}x{trees}x{features}x{missing}x{categorical}"
            folder.mkdir(parents=True, exist_ok=True)
        shape = (folder, depth, trees, features, missing, categorical)
        title = f"depth {depth}, {trees} trees, {features} features, {missing:.0%} missing, {categorical:.0%} categorical"
        for model, script in (("xgboost.json", XGBOOST), ("lightgbm.txt", LIGHTGBM)):
            if not (folder / model).exists():
                print(f"training {model}: {title}", file=sys.stderr)
                trained = python(script, *shape)
                if trained.returncode:
                    sys.exit(trained.stderr)
        peers_made = {peer for peer, script in (("tl2cgen", TL2CGEN), ("lleaves", LLEAVES)) if not tiny and trees <= 500 and compiled(folder, peer, script)}
        if args.prepare:
            return
        for maker, model, peer in (("xgboost", "xgboost.ubj", "tl2cgen"), ("lightgbm", "lightgbm.txt", "lleaves")):
            systems = [(s, model) for s in GFR] + [(maker, model)] + ([(peer, peer + ".so")] if peer in peers_made else [])
            others = []
            if not tiny and maker == "xgboost" and not categorical:
                for t in threads:
                    for system, script in (("onnxruntime", ONNX), ("ydf", YDF)):
                        run = python(script, folder, features, t, repeats, *batches)
                        lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
                        for b in batches:  # Of YDF's engines that take the forest the fastest, batch by batch.
                            others += sorted((line for line in lines if line["batch"] == b), key=lambda line: statistics.median(line["ns_per_row"]))[:1]
                        if run.returncode:
                            print(f"  {system}:", run.stderr.strip()[-200:], file=sys.stderr)
            lines = []
            for t in threads:
                for _ in range(1 if tiny else 2):  # Twice around, so that a noisy minute does not fall on one system.
                    for system, file in systems:
                        lines += times_of(folder, system, file, features, t, repeats, batches)
            merged = {}
            for line in lines + others:
                key = (line["system"], line["batch"], line["threads"])
                merged.setdefault(key, {**line, "ns_per_row": []})["ns_per_row"] += line["ns_per_row"]
                if line["system"].startswith("gfr") or line["system"] == maker:
                    want = merged.get((maker, line["batch"], line["threads"]), line)["margins"]
                    if want and line["margins"] != want:
                        sys.exit(f"{line['system']} gives other margins than {maker}: {line['margins']} {want}")
            got = list(merged.values())
            if not any(line["system"] == maker for line in got) or not any(line["system"] == "gfr-auto" for line in got):
                sys.exit(f"{maker} or gfr was not timed")
            show(f"{maker}: {title}", got, trees, {maker, "tl2cgen", "lleaves", "onnxruntime", "ydf"})


if args.only:
    grid = [tuple(float(v) if "." in v else int(v) for v in args.only.split("x"))]
elif args.tiny:
    grid = [(3, 5, 8, 0.3, 0.25)]
elif args.full:
    grid = list(itertools.product([4, 6, 8], [100, 500, 2000], [40, 200], [0, 0.3], [0, 0.2]))
else:
    grid = [(6, 500, 40, 0.3, 0), (8, 500, 40, 0.3, 0)]
    if args.wide:
        grid += [(4, 500, 40, 0.3, 0), (6, 100, 40, 0.3, 0), (6, 2000, 40, 0.3, 0), (6, 500, 200, 0.3, 0), (6, 500, 40, 0, 0), (6, 500, 40, 0.3, 0.2)]
print(time.strftime("%Y-%m-%d"), next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), ""),
      f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
for shape in grid:
    compare(*shape, threads=[1, 2] if args.wide or args.full else [1], repeats=2 if args.tiny else 5, batches=[1, 32] if args.tiny else BATCHES, tiny=args.tiny)
