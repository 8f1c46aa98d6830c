#!/usr/bin/env python3
"""The distances of 1M rows x 50 columns against as many of a reference, beside NannyML, Evidently and river: processor and wall time, and peak memory.

Ours is drift_distances.cc: it reads the columns from files, one after another, makes the reference's bins, counts both sides and compares them by PSI,
KS, Jensen-Shannon and Wasserstein. NannyML (Jensen-Shannon and KS by column) and Evidently (its preset for drifted columns) get a DataFrame that is in
memory already: reading it is not timed. river judges value by value: it is timed on --river values of one column, and the table multiplies. A process
a system; memory is what it had at its most beyond what it had with the data read. Our PSI must be that of numpy on the same bins to 1e-6.

--tiny is what CTest runs: ours and numpy alone, on few rows.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
parser = argparse.ArgumentParser()
parser.add_argument("--distances", required=True, help="build/release/drift_distances")
parser.add_argument("--rows", type=int, default=1_000_000)
parser.add_argument("--columns", type=int, default=50)
parser.add_argument("--river", type=int, default=50_000)
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--only", help="nannyml, evidently or river: what the parent starts")
parser.add_argument("--folder")
parser.add_argument("--tiny", action="store_true")
args = parser.parse_args()
WHEELS = ["nannyml==0.13.1", "evidently==0.7.23", "river==0.26.1", "pandas==2.3.3"]
if not args.tiny:
    import peers

    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # NannyML would report each use.
    peers.run_in("bench-venv-drift", WHEELS, without_dependencies=False)
import numpy as np  # noqa: E402

if args.tiny:
    args.rows, args.columns, args.repeats = 20_000, 3, 1


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def make(folder):
    """Normal, log-normal and uniform columns in turn; every fifth has moved."""
    rng = np.random.default_rng(1)
    for c in range(args.columns):
        for side in ("reference", "current"):
            values = rng.normal(size=args.rows) if c % 3 == 0 else rng.lognormal(size=args.rows) if c % 3 == 1 else rng.random(args.rows)
            if side == "current" and c % 5 == 0:
                values = values * 1.1 + 0.05
            values.astype(np.float32).tofile(folder / f"{side}-{c}.f32")


def frames(folder):
    import pandas as pd
    return [pd.DataFrame({f"f{c}": np.fromfile(folder / f"{side}-{c}.f32", np.float32) for c in range(args.columns)}) for side in ("reference", "current")]


def timed(run):
    before, wall, cpu = peak_mib(), time.perf_counter(), time.process_time()
    run()
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu, "peak_mib": peak_mib() - before}


def nannyml(folder):
    import nannyml as nml
    reference, current = frames(folder)
    names = list(reference.columns)

    def run():
        calculator = nml.UnivariateDriftCalculator(column_names=names, continuous_methods=["jensen_shannon", "kolmogorov_smirnov"], chunk_size=len(current))
        calculator.fit(reference)
        calculator.calculate(current)
    return timed(run)


def evidently(folder):
    from evidently import Report
    from evidently.presets import DataDriftPreset
    reference, current = frames(folder)
    return timed(lambda: Report([DataDriftPreset()]).run(current_data=current, reference_data=reference).dict())


def river(folder):
    from river import drift
    values = np.fromfile(folder / "current-0.f32", np.float32)[: args.river].astype(float).tolist()
    found = {}
    for name, detector in {"ADWIN": drift.ADWIN(), "PageHinkley": drift.PageHinkley(), "KSWIN": drift.KSWIN(seed=1)}.items():
        if name == "KSWIN":
            some = values[: max(1000, len(values) // 10)]
        else:
            some = values

        def run(detector=detector, some=some):
            for value in some:
                detector.update(value)
        found[name] = timed(run)
        found[name]["values"] = len(some)
    return found


def psi(reference, current):
    """On deciles of the sample that ours takes, ends closed as ours are, half a count added."""
    sample = reference[(np.arange(min(200_000, len(reference))) * len(reference)) // min(200_000, len(reference))]
    edges = np.unique(np.sort(sample)[np.ceil(np.arange(1, 11) / 10 * len(sample)).astype(int) - 1])

    def counts(values):
        return np.bincount(np.minimum(np.searchsorted(edges, values, side="left"), len(edges) - 1), minlength=len(edges))
    p, q = counts(reference), counts(current)
    p, q = np.append(p, 0) + 0.5, np.append(q, 0) + 0.5  # And none is missing.
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def main(folder):
    make(folder)
    runs = [json.loads(subprocess.run([args.distances, folder, str(args.columns)], check=True, capture_output=True, text=True).stdout) for _ in range(args.repeats)]
    ours = min(runs, key=lambda r: r["cpu_s"])
    for c in range(min(3, args.columns)):
        expected = psi(*(np.fromfile(folder / f"{side}-{c}.f32", np.float32) for side in ("reference", "current")))
        assert abs(ours["columns"][c]["psi"] - expected) < 1e-6, (c, ours["columns"][c]["psi"], expected)
    print(f"{args.rows:,} rows x {args.columns} columns against as many; the best of {args.repeats} runs of ours, one of the others")
    print(f"{'':<14}{'wall s':>10}{'cpu s':>10}{'peak MiB':>10}{'cpu / ours':>12}")

    def line(name, r):
        print(f"{name:<14}{r['wall_s']:>10.3f}{r['cpu_s']:>10.3f}{r['peak_mib']:>10.0f}{r['cpu_s'] / ours['cpu_s']:>12.1f}", flush=True)
    line("gfr", ours)
    if args.tiny:
        return
    for name in ("nannyml", "evidently", "river"):
        child = subprocess.run([sys.executable, __file__, "--distances", args.distances, "--rows", str(args.rows), "--columns", str(args.columns), "--river", str(args.river), "--only", name, "--folder", folder], capture_output=True, text=True)
        if child.returncode:
            print(f"{name}: it failed: {child.stderr.strip().splitlines()[-1:]}")
            continue
        measured = json.loads(child.stdout.splitlines()[-1])
        if name != "river":
            line(name, measured)
            continue
        for detector, r in measured.items():
            factor = args.rows * args.columns / r["values"]
            line(detector + "*", {"wall_s": r["wall_s"] * factor, "cpu_s": r["cpu_s"] * factor, "peak_mib": r["peak_mib"]})
    print("* river, from a part of one column, times the values")


if args.only:
    print(json.dumps({"nannyml": nannyml, "evidently": evidently, "river": river}[args.only](pathlib.Path(args.folder))))
else:
    with tempfile.TemporaryDirectory() as folder:
        main(pathlib.Path(folder))
