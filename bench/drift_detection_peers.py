#!/usr/bin/env python3
"""How soon planted faults are found beside NannyML, Evidently and river, on the same rows and at the same rate of false alerts.

The rows are those of drift_detection.cc: 28 days of training, then a fault in each of its streams, and 30 quiet days. The peers' thresholds are set with
hindsight, in their favour: as low as leaves one alert or none in the quiet days of the same seed. Ours are set by the training alone.
  NannyML    Jensen-Shannon of each column by the hour
  Evidently  its normed Wasserstein (numbers) and Jensen-Shannon (categories) of each column by the hour, against 20,000 rows of the training
  river      ADWIN and PageHinkley by column, row by row
A peer's alert is the first hour whose statistic, over its most in the training, is above the threshold; for river the first row. The label of each row is
a column for them, since a base rate is one of the faults.
"""
import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
parser = argparse.ArgumentParser()
parser.add_argument("--detection", required=True, help="build/release/drift_detection")
parser.add_argument("--seeds", type=int, default=5)
parser.add_argument("--requests", type=float, default=150)
args = parser.parse_args()
WHEELS = ["nannyml==0.13.1", "evidently==0.7.23", "river==0.26.1", "pandas==2.3.3"]  # As drift_peers.py.
import peers  # noqa: E402

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # NannyML would report each use.
peers.run_in("bench-venv-drift", WHEELS, without_dependencies=False)
warnings.filterwarnings("ignore")
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

COLUMNS = ["price", "channel", "hour_of_day", "loyalty", "age", "rating", "device", "label"]
CATEGORIES = {"channel", "device"}
# What a column of time and one that grows say is no drift: ours knows so by itself.
WATCHED = [c for c in COLUMNS if c not in ("hour_of_day", "age")]
cpu = collections.Counter()


def load(path):
    return pd.DataFrame(np.fromfile(path, np.float32).reshape(-1, 9), columns=["hour", *COLUMNS])


def nannyml_by_hour(training):
    import nannyml as nml
    dated = lambda rows: pd.DataFrame({"at": pd.to_datetime(rows.hour * 3600, unit="s"),  # noqa: E731
                                       **{c: rows[c].astype("category" if c in CATEGORIES else float) for c in WATCHED}})
    calculator = nml.UnivariateDriftCalculator(column_names=WATCHED, treat_as_categorical=sorted(CATEGORIES), timestamp_column_name="at", chunk_period="h",
                                               continuous_methods=["jensen_shannon"], categorical_methods=["jensen_shannon"]).fit(dated(training))

    def statistic(rows):
        frame = calculator.calculate(dated(rows)).filter(period="analysis").to_df()
        hours = ((pd.to_datetime(frame[("chunk", "chunk", "start_date")]) - pd.Timestamp(0)) // pd.Timedelta(hours=1)).to_numpy()
        many = rows.groupby("hour").size().reindex(hours).to_numpy() >= 50
        return hours, {c: np.where(many, frame[(c, "jensen_shannon", "value")].to_numpy(float), np.nan) for c in WATCHED}
    return statistic


def evidently_by_hour(training):
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType
    reference = training.iloc[:: max(1, len(training) // 20_000)]

    def statistic(rows):
        out = {}
        for c in WATCHED:
            kind = ColumnType.Categorical if c in CATEGORIES else ColumnType.Numerical
            test = get_stattest(reference[c], reference[c], kind, "jensenshannon" if c in CATEGORIES else "wasserstein")
            values = [test(reference[c].dropna(), part[c].dropna(), kind, None).drift_score if part[c].count() >= 50 else np.nan
                      for _, part in rows.groupby("hour", sort=True)]
            out[c] = np.array(values, float)
        return np.sort(rows.hour.unique()), out
    return statistic


def by_hour(make, training, quiet, faults, from_hour):
    """Hours to each fault's alert."""
    statistic = make(training)
    usual = {c: np.nanmax(v) for c, v in statistic(training[training.hour >= training.hour.max() - 7 * 24])[1].items()}

    def over(rows):
        hours, values = statistic(rows)
        return hours, np.nanmax(np.array([v / max(usual[c], 1e-12) for c, v in values.items()]), axis=0)
    quiet_over = over(quiet)[1]
    threshold = np.sort(quiet_over[~np.isnan(quiet_over)])[-2]  # One hour is above it.
    found = []
    for rows in faults:
        hours, scores = over(rows)
        alerts = hours[(scores > threshold) & (hours >= from_hour)]
        found.append(alerts[0] + 1 - from_hour if len(alerts) else None)
    return found


def river_by_row(make, settings, training, quiet, faults, from_hour):
    """The most sensitive setting with at most one alert in the quiet days."""
    def alerts(setting, rows):
        first = []
        for c in WATCHED:
            detector = make(setting)
            values = pd.concat([training[c].iloc[-20_000:], rows[c]]).fillna(-1).to_numpy(float)
            hours = np.concatenate([np.full(min(20_000, len(training)), -1.0), rows.hour.to_numpy(float)])
            for value, hour in zip(values.tolist(), hours.tolist()):
                detector.update(value)
                if detector.drift_detected and hour >= 0:
                    first.append(hour)
        return sorted(first)
    for setting in settings:
        if len(alerts(setting, quiet)) <= 1:
            break
    found = []
    for rows in faults:
        after = [h for h in alerts(setting, rows) if h >= from_hour]
        found.append(after[0] + 1 - from_hour if after else None)
    return found


def main():
    from river import drift
    results = collections.defaultdict(lambda: collections.defaultdict(list))
    names = []
    for seed in range(1, args.seeds + 1):
        with tempfile.TemporaryDirectory() as folder:
            ours = json.loads(subprocess.run([args.detection, "--dump", folder, str(seed), str(args.requests)], check=True, capture_output=True, text=True).stdout)
            folder, names = pathlib.Path(folder), [f["name"] for f in ours["faults"]]
            training, quiet = load(folder / "training.f32"), load(folder / "quiet.f32")
            faults = [load(folder / f"fault-{f}.f32") for f in range(len(names))]
        results["gfr"]["quiet alerts"].append(ours["quiet_alerts"])
        cpu["gfr"] += ours["quiet_cpu_s"]
        systems = {
            "gfr": lambda: [f["found_h"] for f in ours["faults"]],
            "NannyML": lambda: by_hour(nannyml_by_hour, training, quiet, faults, ours["from_hour"]),
            "Evidently": lambda: by_hour(evidently_by_hour, training, quiet, faults, ours["from_hour"]),
            "ADWIN": lambda: river_by_row(lambda d: drift.ADWIN(delta=d), [1e-2, 1e-4, 1e-7, 1e-12, 1e-20, 1e-40], training, quiet, faults, ours["from_hour"]),
            "PageHinkley": lambda: river_by_row(lambda t: drift.PageHinkley(threshold=t), [50, 200, 1000, 5000, 25_000, 125_000], training, quiet, faults, ours["from_hour"]),
        }
        for system, find in systems.items():
            before = time.process_time()
            for fault, hours in zip(ours["faults"], find()):
                waits = 0 if system == "gfr" or hours is None else fault["label_h"]  # Nobody knows a label sooner.
                results[system][fault["name"]].append(hours if hours is None else hours + waits)
            cpu[system] += time.process_time() - before
            print(f"seed {seed}, {system}: {dict((n, results[system][n][-1]) for n in names)}", flush=True)
    print(f"\n{args.seeds} seeds, median hours to the alert (found of all)")
    print(f"{'':<40}" + "".join(f"{s:>18}" for s in results))
    for name in names:
        cells = []
        for system in results:
            hours = [h for h in results[system][name] if h is not None]
            cells.append(f"{statistics.median(hours):.1f} ({len(hours)}/{args.seeds})" if hours else f"- (0/{args.seeds})")
        print(f"{name:<40}" + "".join(f"{c:>18}" for c in cells))
    print("ours in the quiet days:", results["gfr"]["quiet alerts"], "; processor seconds (ours: the quiet days and the rows' making; others: all streams):", {k: round(v, 1) for k, v in cpu.items()})


main()
