#!/usr/bin/env python3
"""Quality before labels: how often its intervals hold what is measured, and its error beside NannyML's CBPE.

1. Invented rows whose true probabilities are known: a model that is off in one slice (city): its level is too low there, or what happens goes less far with
   the score than it says (slope). From a day on most rows are of that slice (covariate shift). Both estimators know the labels of the days before. Their
   error is against the expected value of each day's AUC and average precision, which needs no draw of labels: the mean over 400 draws from the true
   probabilities. Ranking value has no peer: a label is worth the row's price, and the error is relative to the expected value.
2. Real rows, where labels are all there is: the day of trivago's log (clicks on shown items; windows of 15 minutes by country of the city, at least 300
   rows) and adult (chunks of 100 rows in the order of the file), each with LightGBM trained on what came before. The share of intervals that held.

The files are those of the project's data folder (--data); without them part 2 is skipped and says so. --tiny is what CTest runs: part 1 without NannyML.
"""
import argparse
import csv
import io
import json
import os
import lzma
import pathlib
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
parser = argparse.ArgumentParser()
parser.add_argument("--quality", required=True, help="build/release/quality_windows")
parser.add_argument("--data", default=str(pathlib.Path(__file__).resolve().parents[2] / "shared/data"))
parser.add_argument("--seeds", type=int, default=5)
parser.add_argument("--part", type=int, choices=(1, 2), help="only this one; part 2 needs no NannyML, only lightgbm, scikit-learn and pandas")
parser.add_argument("--tiny", action="store_true")
args = parser.parse_args()
WHEELS = ["nannyml==0.13.1", "evidently==0.7.23", "river==0.26.1", "pandas==2.3.3"]  # As drift_peers.py.
if not args.tiny:
    import peers

    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # NannyML would report each use.
    peers.run_in("bench-venv-drift", WHEELS, without_dependencies=False)
import numpy as np  # noqa: E402

DAY, METRICS = 86_400_000, ("auc", "average_precision", "log_loss", "ranking_value")
START = 1767225600000


def ours(columns, label_ms, period_ms, min_rows, slices):
    """Windows of rows in order of arrival: columns are arrival, score, label, what a label is worth, then the slices' codes."""
    with tempfile.NamedTemporaryFile() as file:
        np.column_stack(columns).astype(np.float64).tofile(file.name)
        out = subprocess.run([args.quality, file.name, str(slices), str(label_ms), str(period_ms), str(min_rows)], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)["windows"]


def auc(score, weight):
    """Of true probabilities: each row is a positive by its weight."""
    order = np.argsort(score, kind="stable")
    s, p = score[order], weight[order]
    _, group = np.unique(s, return_inverse=True)
    positives, negatives = np.bincount(group, p), np.bincount(group, 1 - p)
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + negatives / 2)).sum() / (positives.sum() * negatives.sum()))


def average_precision(score, label):
    order = np.argsort(-score, kind="stable")
    hit = np.cumsum(label[order])
    return float((label[order] * hit / np.arange(1, len(hit) + 1)).sum() / hit[-1])


# In city 1: how far what happens is above what the model says at a score of -2 in log-odds, and how far it goes with the score.
FAULTS = {"a slice whose level was off": (1.2, 1.0), "a slice whose slope was off": (0.3, 0.35)}


def shifted(seed, level, slope, days=30, shift=20, rows=2000):
    rng = np.random.default_rng(seed)
    n = days * rows
    day = np.repeat(np.arange(days), rows)
    city = (rng.random(n) < np.where(day >= shift, 0.7, 0.1)).astype(int)
    x = -2 + 0.9 * rng.normal(size=n)
    truth = 1 / (1 + np.exp(-np.where(city == 1, -2 + level + slope * (x + 2), x)))
    score = (1 / (1 + np.exp(-x))).astype(np.float32).astype(float)
    label = (rng.random(n) < truth).astype(int)
    return day, city, score, truth, label, rng.lognormal(3, 0.5, n), shift


def part_one(fault):
    errors = {name: {"ours": [], "CBPE": []} for name in ("auc", "average_precision", "ranking_value")}
    for seed in range(1, 2 if args.tiny else args.seeds + 1):
        day, city, score, truth, label, price, shift = shifted(seed, *FAULTS[fault], rows=500 if args.tiny else 2000)
        arrival = START + day * DAY + np.arange(len(day)) % np.bincount(day)[0]
        windows = ours([arrival, score, label, price, city], 3_600_000, DAY, 100, 1)
        assert len(windows) == day.max() + 1, len(windows)
        rng = np.random.default_rng(seed + 99)
        expected = {"auc": [], "average_precision": []}
        for d in range(shift, day.max() + 1):
            of = day == d
            expected["auc"].append(auc(score[of], truth[of]))
            expected["average_precision"].append(np.mean([average_precision(score[of], (rng.random(of.sum()) < truth[of]).astype(int)) for _ in range(400)]))
        # The first day with the shift: no label of it is known.
        for name, values in expected.items():
            errors[name]["ours"].append(abs(windows[shift][name][0] - values[0]))
        value = (price * truth)[day == shift].mean()
        errors["ranking_value"]["ours"].append(abs(windows[shift]["ranking_value"][0] / value - 1))
        if not args.tiny:
            for name, value in cbpe(day, score, label, shift).items():
                errors[name]["CBPE"].append(abs(value - expected[name][0]))
    for name, of in errors.items():
        print(f"covariate shift to {fault}, {name}: mean error of ours {np.mean(of['ours']):.4f}" + (f", of CBPE {np.mean(of['CBPE']):.4f}, ratio {np.mean(of['ours']) / np.mean(of['CBPE']):.2f}" if of["CBPE"] else ""), flush=True)
        assert np.mean(of["ours"]) < (0.1 if args.tiny else 0.03), of


def cbpe(day, score, label, shift):
    import nannyml as nml
    import pandas as pd
    frame = pd.DataFrame({"p": score, "y": label, "hard": (score > 0.5).astype(int), "day": day})
    estimator = nml.CBPE(y_pred_proba="p", y_pred="hard", y_true="y", problem_type="classification_binary", metrics=["roc_auc", "average_precision"], chunk_size=int((day == 0).sum()))
    estimator.fit(frame[frame.day < shift])
    found = estimator.estimate(frame[frame.day == shift]).filter(period="analysis").to_df()
    return {"auc": found[("roc_auc", "value")].iloc[0], "average_precision": found[("average_precision", "value")].iloc[0]}


def trained(x, y):
    """Not by scikit-learn's interface: the LightGBM that NannyML asks for does not know the newest one's."""
    import lightgbm
    settings = {"objective": "binary", "num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 50, "verbose": -1, "num_threads": 1}
    return lightgbm.train(settings, lightgbm.Dataset(np.asarray(x, np.float64), y), 60)


def calibrated(score, label, later):
    """Platt's line on rows that the forest has not seen."""
    from sklearn.linear_model import LogisticRegression

    def odds(p):
        return np.log(np.clip(p, 1e-6, 1 - 1e-6) / (1 - np.clip(p, 1e-6, 1 - 1e-6))).reshape(-1, 1)
    return LogisticRegression(C=1e6).fit(odds(score), label).predict_proba(odds(later))[:, 1]


def trivago(path):
    rows = []
    with lzma.open(path, "rt", newline="") as file:
        countries = {}
        seen = {}
        for event in csv.DictReader(file):
            key = (event["session_id"], event["reference"])
            if event["action_type"] != "clickout item":
                if event["action_type"].startswith("interaction"):
                    seen[key] = seen.get(key, 0) + 1
                continue
            country = countries.setdefault(event["city"].rsplit(", ", 1)[-1], len(countries))
            prices = [float(p) for p in event["prices"].split("|")]
            items = event["impressions"].split("|")
            for position, (item, price) in enumerate(zip(items, prices)):
                rows.append((int(event["timestamp"]) * 1000, item == event["reference"], country, position, price, price / np.mean(prices), sum(p < price for p in prices), seen.get((event["session_id"], item), 0), len(items)))
    rows.sort(key=lambda r: r[0])
    table = np.array(rows, float)
    x, y = table[:, 3:], table[:, 1].astype(int)
    a, b = int(0.25 * len(table)), int(0.35 * len(table))  # A label is worth the item's price.
    model = trained(x[:a], y[:a])
    score = calibrated(model.predict(x[a:b]), y[a:b], model.predict(x[b:]))
    windows = []
    later = table[b:]
    for country in np.unique(later[:, 2]):
        of = later[:, 2] == country
        if of.sum() >= 300:
            windows += ours([later[of, 0], score[of], later[of, 1], later[of, 4], later[of, 3]], 1_800_000, 900_000, 300, 1)
    return windows


def adult(path):
    import pandas as pd
    with tarfile.open(path) as tar:
        train, test = (pd.read_csv(io.BytesIO(tar.extractfile(f"adult/adult_{part}.csv").read())) for part in ("train", "test"))
    both = pd.concat([train, test], ignore_index=True)
    label = both.columns[-1]
    y = pd.factorize(both[label], sort=True)[0]
    x = both.drop(columns=[label])
    slices = [c for c in x.columns if not pd.api.types.is_numeric_dtype(x[c])]
    for c in slices:
        x[c] = pd.factorize(x[c])[0]
    coded = [x[c].to_numpy() for c in slices]
    a, b = len(train) // 2, len(train) * 3 // 4
    x = x.to_numpy(float)
    model = trained(x[:a], y[:a])
    score = calibrated(model.predict(x[a:b]), y[a:b], model.predict(x[b:]))
    n = len(score)
    arrival = START + np.arange(n) * 36_000  # 100 rows an hour.
    return ours([arrival, score, y[b:], np.ones(n), *(codes[b:] for codes in coded)], 3_600_000, 3_600_000, 100, len(slices))


def part_two():
    together = {metric: [0, 0] for metric in METRICS}
    for name, file, windows_of in (("trivago by 15 minutes and country", "trivago_2018-11-07.csv.xz", trivago), ("adult in chunks of 100", "adult.tar.xz", adult)):
        path = pathlib.Path(args.data) / file
        if not path.exists():
            print(f"SKIPPED: {path} is not there")
            continue
        windows = windows_of(path)
        for metric in METRICS:
            known = [w[metric] for w in windows if None not in w[metric]]
            inside = sum(low <= measured <= high for _, low, high, measured in known)
            together[metric] = [together[metric][0] + inside, together[metric][1] + len(known)]
            error = np.mean([abs(value - measured) for value, _, _, measured in known])
            print(f"{name}, {metric}: {inside} of {len(known)} intervals held ({100 * inside / len(known):.1f} %); mean error {error:.4f}, mean width {np.mean([high - low for _, low, high, _ in known]):.4f}", flush=True)
    for metric, (inside, known) in together.items():
        if known:
            print(f"together, {metric}: {inside} of {known} intervals held ({100 * inside / known:.1f} %); asked: 90 to 98 % of at least 300 windows")


if args.part != 2:
    for each in FAULTS:
        part_one(each)
if not args.tiny and args.part != 1:
    part_two()
