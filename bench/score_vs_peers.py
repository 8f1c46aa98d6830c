#!/usr/bin/env python3
"""gfr's scorers beside XGBoost, LightGBM, lleaves, tl2cgen, ONNX Runtime, YDF, daal4py and lignum, on the same trained forests: ns a row and tree,
the median of the repeats and their spread, and the ratio to the best peer.

XGBoost, LightGBM, lleaves, tl2cgen and ONNX Runtime are timed in C++ through their C interfaces (score_one.cc), a process a system; tl2cgen and
lleaves get their rows in their own form beforehand, which is not timed. daal4py and lignum have Python interfaces alone and are timed by their call
from Python, on rows in the form that suits them, lignum both interpreted and compiled. YDF reads no model of others: its trees are set, one by one,
to those of XGBoost's forest, and it is timed by its own benchmark, by wall time; all others are timed by processor time where one thread works.
CatBoost runs no trees of others: its applier is timed on a forest that it trains itself on the same rows (symmetric trees: a walk is one lookup), and
is shown beside the others but is no peer of the ratios.
XGBoost's and LightGBM's models are a block each: lleaves reads the latter only, YDF's trees and tl2cgen's code are made of the former. Rows are random
normal, --missing of the values missing, 256 bins.

Every peer at its best: where it can be used in more than one way (its own threads, or called by threads of ours; YDF's engines; lleaves with its trees
inlined or, where that compiles for too long, not; LightGBM's call for a single row), all are timed and the fastest counts, batch by batch. Its margins
must be those of the maker: bit for bit gfr's, to 1e-3 the others'.

Depth 6 and 8 on one thread (`make bench`); --wide goes from depth 6, 500 trees to every other depth, number of trees, number of features, share of
missing values and of categories, one at a time, with one thread and two; --full is the whole grid; --tiny is what CTest runs (XGBoost, LightGBM
and gfr alone, to see that nothing rots); --peers names the systems that are timed beside gfr. A table of one line a shape, maker and number of threads comes last.
Models, compiled peers and times are kept in build/bench-score, a folder a shape: --prepare makes the models and times nothing, so that a quiet machine
need only time, and a --full run goes on where the last one on this machine ended (but for --again). The 100 and 500 trees are the first of the 2,000.
"""
import argparse
import collections
import contextlib
import itertools
import json
import os
import pathlib
import signal
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
parser.add_argument("--table", action="store_true", help="with --full: time nothing, show what is kept")
parser.add_argument("--again", metavar="SYSTEM", help="with --full: time again the systems whose name starts so, as gfr; '' is all")
parser.add_argument("--quick", action="store_true", help="three repeats once around instead of five twice around")
parser.add_argument("--compile-seconds", type=int, default=600, help="what a peer's compiler may take for a forest; then the peer is left out")
parser.add_argument("--peers", help="only these beside gfr and the forest's own library, as daal4py,lignum")
parser.add_argument("--only", help="DEPTHxTREESxFEATURESxMISSINGxCATEGORICAL, as 6x500x40x0.3x0; parts may be lists, as 6,8x500x40x0.3x0")
args = parser.parse_args()
WHEELS = """xgboost-cpu==3.2.0 lightgbm==4.7.0 onnxruntime==1.32.0 onnxmltools==1.16.0 skl2onnx==1.20.0 onnx==1.23.2 tl2cgen==1.0.0
treelite==4.8.1 ydf==0.16.1 lleaves==1.3.0 llvmlite==0.44.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 joblib==1.6.0 narwhals==2.29.0
threadpoolctl==3.8.0 absl-py==2.5.1 cloudpickle==3.1.3 flatbuffers==25.12.19 ml_dtypes==0.6.0 packaging==26.3 protobuf==7.36.2
typing_extensions==4.16.0 scikit-learn-intelex==2026.2.0 daal==2026.2.0 tbb==2023.2.0 tcmlib==1.6.0 pylignum==0.3.0 catboost==1.2.10
pandas==3.1.1 python-dateutil==2.9.0.post0 six==1.17.0 graphviz==0.21""".split()
if not args.tiny:
    import peers

    peers.run_in("bench-venv-score", WHEELS)
import numpy as np  # noqa: E402

RELEASE = pathlib.Path(args.gfr).resolve().parent
BATCHES = [1, 32] if args.tiny else [1, 32, 256, 1000]
REPEATS, ROUNDS = (2, 1) if args.tiny else (3, 1) if args.quick else (5, 2)  # Twice around, so that a noisy minute does not fall on one system.
GFR = ["gfr-auto", "gfr-avx512", "gfr-avx2", "gfr-portable", "gfr-compact"]
MODELS = {"xgboost": "xgboost.ubj", "lightgbm": "lightgbm.txt"}
PEERS = {"xgboost": ["xgboost", "tl2cgen", "onnxruntime", "ydf", "daal4py", "lignum"], "lightgbm": ["lightgbm", "lleaves", "onnxruntime", "daal4py", "lignum"]}
OTHER_TREES = {"xgboost": ["catboost"], "lightgbm": []}  # Of the same shape and rows, but not the same: shown, and no peer.
FROM_PYTHON = ["daal4py", "lignum", "catboost"]
HAVE_OWN_THREADS = ["xgboost", "lightgbm", "onnxruntime", "ydf"]
MACHINE = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "") + f", {os.cpu_count()} processors"
Shape = collections.namedtuple("Shape", "depth trees features missing categorical")


def title(shape):
    return f"depth {shape.depth}, {shape.trees} trees, {shape.features} features, {shape.missing:.0%} missing, {shape.categorical:.0%} categorical"


def folder_of(shape):
    return RELEASE.parent / "bench-score" / "x".join(map(str, shape))


def process(command, seconds=None, **environment):
    """Runs it in a process group of its own, which ends as a whole when time is up: a compiler has processes of its own."""
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                             env={**os.environ, **environment})
    try:
        out, error = child.communicate(timeout=seconds)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise
    return subprocess.CompletedProcess(command, child.returncode, out, error)


def python(script, *arguments, seconds=None, threads=2, **environment):
    """Each maker trains and converts in a process of its own (each brings its OpenMP)."""
    return process([sys.executable, "-W", "ignore", "-c", script, *arguments], seconds, OMP_NUM_THREADS=str(threads), **environment)


DATA = """
import numpy as np, sys
depth, features, missing, categorical = map(float, sys.argv[1:5])
depth, features, folders = int(depth), int(features), dict(zip(map(int, sys.argv[5::2]), sys.argv[6::2]))
rng = np.random.default_rng(3)
X = rng.normal(size=(20000, features)).astype("f4")
cats = int(categorical * features)
if cats: X[:, :cats] = rng.integers(0, 60, (len(X), cats))
y = (X[:, -6:].sum(1) + np.sin(3 * X[:, -3]) * X[:, -2] + rng.normal(size=len(X)) + (X[:, 0] % 3 == 1) > 0).astype(int)
X[rng.random(X.shape) < missing] = np.nan
for folder in folders.values(): X[:4000].tofile(folder + "/rows.bin")
"""
XGBOOST = DATA + """
import xgboost as xgb
types = ["c"] * cats + ["q"] * (features - cats)
d = xgb.DMatrix(X, y, feature_types=types, enable_categorical=True)
b = xgb.train({"objective": "binary:logistic", "max_depth": depth, "eta": .05, "max_bin": 256, "nthread": 2, "min_child_weight": 0, "lambda": .1}, d, max(folders))
for trees, folder in folders.items():
    b[:trees].save_model(folder + "/xgboost.ubj"); b[:trees].save_model(folder + "/xgboost.json")
    d = xgb.DMatrix(X[:1000], feature_types=types, enable_categorical=True)
    want = b.predict(d, output_margin=True, iteration_range=(0, trees))
    assert (xgb.Booster(model_file=folder + "/xgboost.ubj").predict(d, output_margin=True) == want).all()
"""
LIGHTGBM = DATA + """
import lightgbm as lgb
b = lgb.train({"objective": "binary", "max_depth": depth, "num_leaves": 2 ** depth, "learning_rate": .05, "verbose": -1, "num_threads": 2, "min_data_in_leaf": 2,
               "max_bin": 255}, lgb.Dataset(X, y, categorical_feature=list(range(cats))), max(folders))
for trees, folder in folders.items():
    b.save_model(folder + "/lightgbm.txt", num_iteration=trees)
    want = b.predict(X[:1000], raw_score=True, num_iteration=trees)
    assert (lgb.Booster(model_file=folder + "/lightgbm.txt").predict(X[:1000], raw_score=True) == want).all()
"""
LLEAVES = """
import sys, subprocess, tempfile, lleaves
folder, library = sys.argv[1:3]
m = lleaves.Model(model_file=folder + "/lightgbm.txt")
with tempfile.TemporaryDirectory() as temporary:
    m.compile(cache=temporary + "/forest.o", raw_score=True, finline=INLINE)
    subprocess.run(["cc", "-shared", "-o", library, temporary + "/forest.o", "-lm"], check=True)
"""
# Ranks in place of values are faster, and files of five trees compile several times faster than two files and run as fast.
TL2CGEN = """
import sys, treelite, tl2cgen
folder, library = sys.argv[1:3]
m = treelite.frontend.load_xgboost_model(folder + "/xgboost.json")
tl2cgen.export_lib(m, toolchain="gcc", libpath=library, params={"parallel_comp": max(1, m.num_tree // 5), "quantize": 1}, verbose=False)
"""
ONNX = """
import sys, xgboost, lightgbm
from onnxmltools.convert import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
folder, out, features = sys.argv[1], sys.argv[2], int(sys.argv[3])
types = [("x", FloatTensorType([None, features]))]
if "xgboost" in out:
    m = convert_xgboost(xgboost.Booster(model_file=folder + "/xgboost.ubj"), initial_types=types)
else:
    m = convert_lightgbm(lightgbm.Booster(model_file=folder + "/lightgbm.txt"), initial_types=types, zipmap=False)
open(out, "wb").write(m.SerializeToString())
"""
YDF = """
import json, sys, numpy as np, xgboost as xgb, ydf
from ydf.model.tree.condition import NumericalHigherThanCondition
from ydf.model.tree.node import Leaf, NonLeaf
from ydf.model.tree.tree import Tree
from ydf.model.tree.value import RegressionValue
folder, out, features = sys.argv[1], sys.argv[2], int(sys.argv[3])
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
m.save(out)
"""
TIME_YDF = """
import json, re, sys, numpy as np, ydf
folder, model, features, own, ours, repeats, batches = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:7]), list(map(int, sys.argv[7:]))
ydf.verbose(0)
m = ydf.load_model(folder + "/" + model)
X = np.fromfile(folder + "/rows.bin", "f4").reshape(-1, features)
data = {f"f{k}": X[:, k] for k in range(features)}
for engine in m.list_compatible_engines()[:2]:  # The fastest come first.
    m.force_engine(engine)
    for batch in batches:
        # duration_per_example is one thread's; that of several is only told in words.
        got = [m.benchmark(data, benchmark_duration=.1, warmup_duration=.03, batch_size=batch, num_threads=own) for _ in range(repeats)]
        times = [r.duration_per_example * 1e9 if own == 1 else 1e3 * float(re.search(r"Multi-thread inference time per example: ([0-9.]+) us", str(r))[1]) for r in got]
        print(json.dumps({"way": engine, "batch": batch, "ns_per_row": times, "margins": []}), flush=True)
"""
# Timed by their call from Python: a way each, its rows of the form that suits it. A compiled forest is made before, which is not timed.
CATBOOST = """
import sys, numpy as np, catboost
depth, features, trees, folder, out = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
X = np.fromfile(folder + "/rows.bin", "f4").reshape(-1, features)
y = (np.nan_to_num(X[:, -6:]).sum(1) + np.random.default_rng(3).normal(size=len(X)) > 0).astype(int)
m = catboost.CatBoostClassifier(iterations=trees, depth=depth, learning_rate=.05, border_count=254, verbose=0,
                                thread_count=2, allow_writing_files=False)
m.fit(X, y)
m.save_model(out)
"""
LIGNUM = """
import sys, tempfile, lignum
with tempfile.TemporaryDirectory() as temporary:
    lignum.load(sys.argv[2].removesuffix(".lignum.so")).compile(work_dir=temporary, library=sys.argv[2])
"""
TIME_FROM_PYTHON = """
import json, os, sys, time, numpy as np
system, folder, file, way, features, repeats, batches = *sys.argv[1:5], *map(int, sys.argv[5:7]), list(map(int, sys.argv[7:]))
X = np.fromfile(folder + "/rows.bin", "f4").reshape(-1, features)
path = folder + "/" + file
if system == "lignum":
    import lignum
    model, X = lignum.load(path), X.astype("f8")
    if way == "compiled":
        model = lignum.load(path, compiled=path + ".lignum.so")
    predict = lambda rows: model.predict(rows, raw_score=True, n_jobs=1)
elif system == "daal4py":
    import daal4py
    daal4py.daalinit(1)
    if file.endswith(".ubj"):
        import xgboost
        maker = xgboost.Booster(model_file=path)
    else:
        import lightgbm
        maker = lightgbm.Booster(model_file=path)
    model = daal4py.mb.convert_model(maker)
    X = X.astype(way)
    predict = lambda rows: model.predict_proba(rows)[:, 1]
else:
    import catboost
    model = catboost.CatBoostClassifier().load_model(path)
    predict = lambda rows: model.predict(rows, prediction_type="RawFormulaVal", thread_count=1)
for batch in batches:
    starts = [c * batch % (len(X) - batch + 1) for c in range(64)]
    first = predict(X[:batch])[:5].astype("f8")
    margins = [] if system == "catboost" else np.log(first / (1 - first)).tolist() if system == "daal4py" else first.tolist()
    calls, times = 1, []
    def run(calls):
        begin = time.process_time_ns()
        for c in range(calls): predict(X[starts[c % 64] : starts[c % 64] + batch])
        return time.process_time_ns() - begin
    while run(calls) < 20e6: calls *= 2
    times = [run(calls) / calls / batch for _ in range(repeats)]
    print(json.dumps({"batch": batch, "ns_per_row": times, "margins": margins}), flush=True)
"""


def train(shapes):
    """The models of these shapes, which differ in the number of trees alone, where they are not there."""
    for maker, script in (("xgboost", XGBOOST), ("lightgbm", LIGHTGBM)):
        lacking = [s for s in shapes if not (folder_of(s) / MODELS[maker]).exists()]
        if lacking:
            print(f"{time.strftime('%H:%M:%S')} training {maker}: {title(lacking[-1])}", file=sys.stderr)
            for s in lacking:
                folder_of(s).mkdir(parents=True, exist_ok=True)
            depth, _, *rest = lacking[0]
            run = python(script, depth, *rest, *itertools.chain(*((s.trees, folder_of(s)) for s in lacking)),
                         OMP_WAIT_POLICY="passive")  # On a busy machine threads that spin take the time of those they wait for.
            if run.returncode:
                for s in lacking:
                    (folder_of(s) / MODELS[maker]).unlink(missing_ok=True)
                sys.exit(run.stderr)


def made(shape, name, script):
    """Whether the peer's form of the forest is there, made now or before. A refusal is kept, until a compiler may take longer than it then did."""
    folder = folder_of(shape)
    said = folder / (name + ".refused")
    if not (folder / name).exists() and not (said.exists() and int(said.read_text().split()[0]) >= args.compile_seconds) and not args.table:
        began = time.time()
        try:
            # CatBoost trains, the others read the library's file.
            arguments = (shape.depth, shape.features, shape.trees, folder, folder / name) if name.endswith(".cbm") else (folder, folder / name, shape.features)
            run = python(script, *arguments, seconds=args.compile_seconds)
            error = run.stderr.strip()[-200:] if run.returncode else ""
        except subprocess.TimeoutExpired:
            error = f"not made in {args.compile_seconds} s"
        said.unlink(missing_ok=True)
        if error:
            (folder / name).unlink(missing_ok=True)
            said.write_text(f"{args.compile_seconds} s allowed: {error}")
        print(f"{time.strftime('%H:%M:%S')}  {name}: " + (error or f"made in {time.time() - began:.0f} s"), file=sys.stderr)
    return (folder / name).exists()


def forms(shape, maker):
    """What is timed on this maker's forest: (system, the file it reads, what sets it apart from the system's other ways)."""
    def wanted(system):
        return not args.peers or system in args.peers.split(",")

    yield from ((system, MODELS[maker], "") for system in GFR + [maker])
    if args.tiny:
        return
    if wanted("lignum"):
        yield "lignum", MODELS[maker], "interpreted"
        if made(shape, MODELS[maker] + ".lignum.so", LIGNUM):
            yield "lignum", MODELS[maker], "compiled"
    if wanted("daal4py") and not shape.categorical:
        yield from (("daal4py", MODELS[maker], way) for way in ("f4", "f8"))
    if maker == "xgboost" and wanted("catboost"):
        if made(shape, "catboost.cbm", CATBOOST):
            yield "catboost", "catboost.cbm", ""
    if maker == "xgboost" and wanted("tl2cgen") and made(shape, "tl2cgen.so", TL2CGEN):
        yield "tl2cgen", "tl2cgen.so", ""
    if maker == "lightgbm" and wanted("lleaves"):
        if made(shape, "lleaves.so", LLEAVES.replace("INLINE", "True")):
            yield "lleaves", "lleaves.so", ""
        elif made(shape, "lleaves-outlined.so", LLEAVES.replace("INLINE", "False")):
            yield "lleaves", "lleaves-outlined.so", "not inlined"
    if not shape.categorical:  # Their converters take no category sets.
        if wanted("onnxruntime") and made(shape, maker + ".onnx", ONNX):
            yield "onnxruntime", maker + ".onnx", ""
        if maker == "xgboost" and wanted("ydf") and made(shape, "xgboost.ydf", YDF):
            yield "ydf", "xgboost.ydf", ""


def measure(shape, maker, system, file, way, own, ours):
    """The lines of one system, a batch each, written to the shape's file at once."""
    folder = folder_of(shape)
    if system == "ydf":
        run = python(TIME_YDF, folder, file, shape.features, own, ours, REPEATS, *BATCHES, threads=own)
    elif system in FROM_PYTHON:
        run = python(TIME_FROM_PYTHON, system, folder, file, way, shape.features, REPEATS, *BATCHES, threads=own)
    else:
        site = pathlib.Path(__import__("sysconfig").get_paths()["purelib"])
        library = {"xgboost": "xgboost/lib/libxgboost.so", "lightgbm": "lightgbm/lib/lib_lightgbm.so", "onnxruntime": "onnxruntime/capi/libonnxruntime.so.*"}.get(system)
        # XGBoost takes no more threads than OpenMP would by itself.
        run = process([RELEASE / "bench" / "score_one", system, folder / file, folder / "rows.bin", shape.features, own, ours, REPEATS, *BATCHES],
                      PEER_LIBRARY=str(next(site.glob(library))) if library else "", OMP_NUM_THREADS=str(own))
    if run.returncode:
        print(f"  {system}: {run.stderr.strip()[-200:]}", file=sys.stderr)
    threads_of = {(1, 1): "", (own, 1): "its own threads", (1, ours): "called by ours"}[own, ours]
    lines = []
    for line in (json.loads(text) for text in run.stdout.splitlines() if text.startswith("{")):
        ways = ", ".join(filter(None, [way, line.get("way"), threads_of if system in HAVE_OWN_THREADS else ""]))
        lines.append({**line, "maker": maker, "system": system, "threads": own * ours, "way": ways, "date": time.strftime("%Y-%m-%d %H:%M"), "machine": MACHINE,
                      "load": round(os.getloadavg()[0], 1)})
    with open(folder / "times.jsonl", "a") as out:
        out.writelines(json.dumps(line) + "\n" for line in lines)
    return lines


def kept(shape):
    """The lines of former runs on this machine, of each system the last that were written."""
    latest, file = {}, folder_of(shape) / "times.jsonl"
    for line in map(json.loads, file.read_text().splitlines() if file.exists() else []):
        if line["machine"] == MACHINE:
            latest[tuple(line[k] for k in ("maker", "system", "threads", "batch", "way"))] = line
    return list(latest.values())


def compare(shape, maker, threads, old):
    """{(system, batch): the line of its fastest way} of one maker's forest."""
    lines, merged = [], {}
    found = [line for line in old if line["maker"] == maker and line["threads"] == threads]
    again = {system for system in GFR + PEERS[maker] if args.again is not None and system.startswith(args.again)}
    for _ in range(0 if args.table else ROUNDS):
        for system, file, way in forms(shape, maker):
            if system in again or not any(line["system"] == system for line in found):
                for own, ours in {(1, 1)} if threads == 1 else {(1, threads), (threads, 1)} if system in HAVE_OWN_THREADS else {(1, threads)}:
                    # YDF's benchmark has only threads of its own; what is called from Python is timed on one.
                    if (system, ours) != ("ydf", 2) and (system not in FROM_PYTHON or own * ours == 1):
                        lines += measure(shape, maker, system, file, way, own, ours)
    for line in lines + [line for line in found if not any(line["system"] == new["system"] for new in lines)]:
        one = merged.setdefault((line["system"], line["batch"], line["way"]), {**line, "ns_per_row": []})
        one["ns_per_row"] = one["ns_per_row"] + line["ns_per_row"]
    cells = {}
    for line in merged.values():
        want = next((other["margins"] for other in merged.values() if other["system"] == maker and other["batch"] == line["batch"]), [])
        if line["system"].startswith("gfr"):
            if want and line["margins"] != want:
                sys.exit(f"{line['system']} gives other margins than {maker}: {line['margins']} {want}")
        elif line["margins"] and not np.allclose(line["margins"], want, rtol=1e-3, atol=1e-3):
            print(f"  {line['system']} gives other margins than {maker} and is left out: {line['margins']} {want}", file=sys.stderr)
            continue
        cell = (line["system"], line["batch"])
        cells[cell] = min(cells.get(cell, line), line, key=lambda way: statistics.median(way["ns_per_row"]))
    if not args.table and not {(maker, 1), ("gfr-auto", 1)} <= set(cells):
        sys.exit(f"{maker} or gfr was not timed")
    return cells


def median(cells, system, batch):
    return statistics.median(cells[system, batch]["ns_per_row"]) if (system, batch) in cells else float("nan")


def best_peer(cells, maker, batch):
    return min(((median(cells, peer, batch), peer) for peer in PEERS[maker] if (peer, batch) in cells), default=(float("nan"), ""))


def show(shape, maker, threads, cells):
    """One table: a line a system, a column a batch."""
    print(f"\n{maker}: {title(shape)}, {threads} thread{'s' * (threads > 1)}: ns a row and tree (lowest - highest), x of the best peer")
    print(f"{'':14}" + "".join(f"{'batch ' + str(b):>34}" for b in BATCHES))
    for system in [s for s in GFR + PEERS[maker] + OTHER_TREES[maker] if (s, BATCHES[0]) in cells]:
        row = f"{system:14}"
        for b in BATCHES:
            v = [ns / shape.trees for ns in cells[system, b]["ns_per_row"]]
            x = best_peer(cells, maker, b)[0] / median(cells, system, b)
            row += f"{statistics.median(v):9.3f} ({min(v):.3f} - {max(v):.3f}) {x:6.2f}x".rjust(34)
        print(row)
    for system in [s for s in OTHER_TREES[maker] if (s, BATCHES[0]) in cells]:
        print(f"{'':14}{system} runs trees of its own, of this shape and these rows")
    print(f"{'best peer':14}" + "".join(f"{best_peer(cells, maker, b)[1]:>34}" for b in BATCHES), flush=True)


def summarize(results):
    """One line a shape, maker and number of threads; then the ratios of each depth."""
    last = BATCHES[-1]
    dates = [line["date"] for *_, cells in results for line in cells.values()]
    print(f"\n{MACHINE}, {min(dates)} to {max(dates)}: ns a row and tree, medians; a ratio is the peer's time over gfr's. maker: the library that made the forest")
    print(f"{'':52}{'batch 1':^40}{'batch ' + str(last):^86}")
    print(f"{'depth':>5}{'trees':>6}{'features':>9}{'missing':>8}{'categories':>11}  {'maker':9}thr{'auto':>9}{'best peer':>21}{'ratio':>8}"
          f"{'avx512':>9}{'avx2':>8}{'maker':>8}{'best peer':>21}{'avx512:maker':>13}{'avx512:best':>12}{'avx2:best':>10}  left out")
    ratios = collections.defaultdict(list)
    for shape, maker, threads, cells in results:
        (one, one_name), (many, many_name) = best_peer(cells, maker, 1), best_peer(cells, maker, last)
        auto, avx512, avx2, own = (median(cells, s, b) for s, b in (("gfr-auto", 1), ("gfr-avx512", last), ("gfr-avx2", last), (maker, last)))
        ratio = [one / auto, own / avx512, many / avx512, many / avx2]
        for name, value in zip(("batch 1, auto : best peer", f"batch {last}, avx512 : maker", f"batch {last}, avx512 : best peer", f"batch {last}, avx2 : best peer"), ratio):
            ratios[name, shape.depth].append(value)
        per_tree = [ns / shape.trees for ns in (auto, one, avx512, avx2, own, many)]
        lacking = [p for p in PEERS[maker] if (p, last) not in cells]
        print(f"{shape.depth:5}{shape.trees:6}{shape.features:9}{shape.missing:8.0%}{shape.categorical:11.0%}  {maker:9}{threads:3}{per_tree[0]:9.2f}{one_name:>13}{per_tree[1]:8.2f}"
              f"{ratio[0]:7.2f}x{per_tree[2]:9.3f}{per_tree[3]:8.3f}{per_tree[4]:8.2f}{many_name:>13}{per_tree[5]:8.2f}{ratio[1]:12.1f}x{ratio[2]:11.1f}x{ratio[3]:9.1f}x  {', '.join(lacking)}")
    print(f"\n{'ratio':34}{'depth':>6}{'lines':>6}{'lowest':>9}{'median':>9}")
    for (name, depth), values in sorted(ratios.items()):
        print(f"{name:34}{depth:6}{len(values):6}{min(values):8.2f}x{statistics.median(values):8.2f}x")


def main():
    if args.only:
        grid = [Shape(*values) for values in itertools.product(*([float(v) if "." in v else int(v) for v in part.split(",")] for part in args.only.split("x")))]
    elif args.tiny:
        grid = [Shape(3, 5, 8, 0.3, 0.25)]
    elif args.full:
        # What matters most comes first.
        grid = [Shape(depth, trees, *rest) for *rest, depth, trees in itertools.product([40, 200], [0.3, 0], [0, 0.2], [6, 8, 4], [100, 500, 2000])]
    else:
        grid = [Shape(6, 500, 40, 0.3, 0), Shape(8, 500, 40, 0.3, 0)]
        if args.wide:
            grid += [Shape(*v) for v in ((4, 500, 40, 0.3, 0), (6, 100, 40, 0.3, 0), (6, 2000, 40, 0.3, 0), (6, 500, 200, 0.3, 0), (6, 500, 40, 0, 0), (6, 500, 40, 0.3, 0.2))]
    print(time.strftime("%Y-%m-%d %H:%M"), MACHINE, f"load {os.getloadavg()[0]:.1f}")
    results = []
    for _, shapes in itertools.groupby(grid, key=lambda s: s[:1] + s[2:]):
        shapes = list(shapes)
        if not args.table:
            train(shapes)
        for shape in shapes:
            if args.prepare:
                for maker in PEERS:
                    list(forms(shape, maker))
                continue
            old = kept(shape) if args.full else []
            for maker, threads in itertools.product(PEERS, [1, 2] if args.wide or args.full else [1]):
                cells = compare(shape, maker, threads, old)
                if cells:
                    results.append((shape, maker, threads, cells))
                    show(*results[-1])
    if results:
        summarize(results)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # So that what was started ends too.
with contextlib.ExitStack() as temporary:
    if args.tiny:
        nowhere = pathlib.Path(temporary.enter_context(tempfile.TemporaryDirectory()))
        folder_of = lambda shape: nowhere  # noqa: E731
    main()
