#!/usr/bin/env python3
"""Probabilities beside the simulator's own: ECE on 15 quantile bins against the true probabilities (not labels), observed/expected, and how much
of the log loss between the base rate and XGBoost given the hidden variables the model closes, by how long a user is known; with all
negatives and with a tenth of them. All events are simulated.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pyarrow.parquet as pq
import xgboost as xgb

# Visits of a user so far. What a user likes has to show first: an observer that knows the market's own rules and every item's quality, and only
# has to learn its users, closes 50 % of the gap in the first 3 visits, 66 % in 4 to 9, 72 % in 10 to 19, 81 % in 20 to 39, 87 % in 40 to 79 and 90 %
# in 80 to 159 (docs/evaluating.md).
BANDS = (("cold, 1 to 3 visits", 1, 3), ("4 to 39 visits", 4, 39), ("40 to 79 visits", 40, 79), ("warm, 80 visits and more", 80, 1 << 30))


def gfr(binary, *arguments):
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"gfr {' '.join(map(str, arguments))}: {done.stderr[-2000:]}")
    return done.stdout


def calibrated(calibration, m):
    def softplus(z):
        return np.logaddexp(0, z)
    kind = calibration["kind"]
    if kind == "isotonic":
        return np.interp(m, calibration["x"], calibration["y"])
    if kind == "platt":
        m = calibration["a"] * m + calibration["b"]
    elif kind == "beta":
        m = -calibration["a"] * softplus(-m) + calibration["b"] * softplus(m) + calibration["c"]
    return 1 / (1 + np.exp(-m))


def predictions(version, objective, table):
    model = json.loads((version / "model.json").read_text())
    rows = np.column_stack([table[name].to_numpy().astype(np.float32) for name in model["columns"]])
    for k, categorical in enumerate(model["categorical"]):
        if categorical:
            codes = {np.float32(raw): code for raw, code in model["categories"][k]}
            rows[:, k] = [codes.get(v, np.nan) for v in rows[:, k]]
    booster = xgb.Booster(model_file=str(version / f"{objective}.ubj"))
    margins = booster.predict(xgb.DMatrix(rows, feature_names=model["columns"]), output_margin=True).astype(np.float64)
    return calibrated(json.loads((version / f"{objective}.calibration.json").read_text()), margins), model["card"]


def joined(table, truth, objective):
    """The truth of each row: rows of one user and time, in the order of their slate."""
    if objective == "pctr":
        places = (truth["user"], truth["time_ms"])
    else:
        truth = {name: values[truth["click_time_ms"] > 0] for name, values in truth.items()}
        places = (truth["user"], truth["click_time_ms"])
    mine = np.lexsort((np.arange(table.num_rows), table["arrival_ms"].to_numpy(), table["user"].to_numpy()))
    users, times = table["user"].to_numpy()[mine], table["arrival_ms"].to_numpy()[mine]
    theirs = np.lexsort((np.arange(len(places[0])), places[1], places[0]))
    keys = lambda u, t: u.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ t.astype(np.uint64)  # noqa: E731
    wanted = keys(users, times)
    have = keys(places[0][theirs], places[1][theirs])
    index = {}
    for i, key in enumerate(have.tolist()):
        index.setdefault(key, []).append(i)
    seen, at = {}, np.empty(len(wanted), np.int64)
    for i, key in enumerate(wanted.tolist()):
        k = seen.get(key, 0)
        seen[key] = k + 1
        at[mine[i]] = theirs[index[key][k]]
    return {name: values[at] for name, values in truth.items()}


DAY_MS = 86_400_000


def bought_by(days):
    """The market's delay from a click to its purchase: two thirds at once (some minutes), the others min(6, Exp(1.6)) days."""
    return np.where(days < 0, 0, np.where(days >= 6, 1, 0.66 + 0.34 * (1 - np.exp(-np.maximum(days, 0) / 1.6))))


def within_the_window(truth, window_ms):
    """The probability that a click's label is 1: any purchase of its item by its user within the window counts, so that of another click on
    the item too, as far as the delay lets it fall there."""
    clicks = np.flatnonzero(truth["click_time_ms"] > 0)
    user, item, time, p = (truth[name][clicks] for name in ("user", "quality", "click_time_ms", "pcvr"))  # An item's quality is its own.
    order = np.lexsort((time, item, user))
    user, item, time, p = user[order], item[order], time[order], p[order]
    none = 1 - p  # Its own falls into the window for sure: 6 days and some minutes.
    for step in range(1, len(p)):
        same = (user[step:] == user[:-step]) & (item[step:] == item[:-step]) & (time[step:] - time[:-step] < 14 * DAY_MS)
        if not same.any():
            break
        early, late = np.flatnonzero(same), np.flatnonzero(same) + step
        apart = (time[late] - time[early]) / DAY_MS
        window = window_ms / DAY_MS
        none[early] *= 1 - p[late] * bought_by(window - apart)
        none[late] *= 1 - p[early] * (bought_by(window + apart) - bought_by(apart))
    label = truth["pcvr"].copy()
    label[clicks[order]] = 1 - none
    return label


def log_loss(p, y):
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def ece(p, true):
    edges = np.quantile(p, np.linspace(0, 1, 16)[1:-1])
    bins = np.searchsorted(edges, p, side="right")
    return sum(abs(true[bins == b].mean() - p[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))


def measure(name, p, table, truth, train, test, hidden):
    y = table["label"].to_numpy().astype(np.float64)
    matrix = np.column_stack([truth[h] for h in hidden]).astype(np.float32)
    best = xgb.train({"objective": "binary:logistic", "max_depth": 5, "eta": 0.1, "min_child_weight": 5, "nthread": 2},
                     xgb.DMatrix(matrix[train], y[train]), 150).predict(xgb.DMatrix(matrix))
    base = y[train].mean()
    print(f"{name}: {test.sum()} test rows, ECE against the truth {ece(p[test], truth[name][test]):.5f}, "
          f"observed/expected {y[test].sum() / p[test].sum():.4f}, truth/expected {truth[name][test].sum() / p[test].sum():.4f}", flush=True)
    result = {"rows": int(test.sum()), "ece": ece(p[test], truth[name][test]), "observed_over_expected": y[test].sum() / p[test].sum(),
              "truth_over_expected": truth[name][test].sum() / p[test].sum()}
    for who, low, high in BANDS:
        part = test & (truth["visits"] >= low) & (truth["visits"] <= high)
        if y[part].sum() < 100:
            continue
        worst, ours, theirs, ideal = (log_loss(q, y[part]) for q in (np.full(part.sum(), base), p[part], best[part], truth[name][part]))
        result[who] = {"rows": int(part.sum()), "closed": (worst - ours) / (worst - theirs)}
        print(f"  {who}: {part.sum()} rows: log loss {ours:.5f}; base rate {worst:.5f}, XGBoost given the hidden variables {theirs:.5f}, "
              f"the truth itself {ideal:.5f}: {100 * result[who]['closed']:.1f} % of the gap is closed", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gfr", default="build/release/gfr")
    parser.add_argument("--users", type=int, default=1600)
    parser.add_argument("--items", type=int, default=800)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--visits-a-day", type=float, default=1.0)
    parser.add_argument("--tiny", action="store_true", help="a small market, with bounds that only catch what is broken")
    parser.add_argument("--folder", help="keep the project, its rows and the truth here")
    flags = parser.parse_args()
    if flags.tiny:
        flags.users, flags.items, flags.days = 250, 150, 56
    with tempfile.TemporaryDirectory(prefix="gfr-truth-") as folder:
        folder = pathlib.Path(flags.folder or folder)
        project = folder / "p"
        gfr(flags.gfr, "init", project)
        gfr(flags.gfr, "simulate", "--project", project, "--users", flags.users, "--items", flags.items, "--days", flags.days,
            "--visits-a-day", flags.visits_a_day, "--seed", 5,
            "--truth", folder / "truth.parquet")
        toml = (project / "gfr.toml").read_text().replace("refit = true", "refit = false").replace("folds = 4", "folds = 0")
        if not flags.tiny:  # 50,000 clicks to judge by.
            toml = toml.replace("test = 0.15", "test = 0.4")
        gfr(flags.gfr, "dataset", "--out", folder / "rows", "--project", project)
        truth = {name: column.to_numpy() for name, column in zip(*(lambda t: (t.column_names, t.columns))(pq.read_table(folder / "truth.parquet")))}
        truth["pcvr"] = within_the_window(truth, 7 * DAY_MS)
        rows = {name: pq.read_table(folder / "rows" / f"{name}.parquet") for name in ("pctr", "pcvr")}
        hidden = {"pctr": ["utility", "position"], "pcvr": ["utility", "quality", "sensitivity", "discount"]}
        truths = {name: joined(rows[name], truth, name) for name in rows}
        failed, position_bias = [], 0.2  # The market's own.
        for version, negatives in ((1, 1), (2, 0.1)):
            (project / "gfr.toml").write_text(toml + (f"\n[dataset]\nnegatives = {negatives}\n" if negatives < 1 else ""))
            gfr(flags.gfr, "train", "--project", project)
            if version == 1:
                bias = json.loads(gfr(flags.gfr, "evaluate", "--model", 1, "--from", "2026-01-05T00:00:00Z", "--position-bias", "--json", "--project", project))["objectives"]["pctr"]["position_bias"]
                curve = [(p["position"] + 1) ** (position_bias - bias["exponent"]) - 1 for p in bias["places"]]
                points = [p["examined"] * (p["position"] + 1) ** position_bias - 1 for p in bias["places"]]
                print(f"position bias: exponent {bias['exponent']:.4f} {bias['exponent_interval']}, true {position_bias}; the curve is off by "
                      f"{100 * max(map(abs, curve)):.1f} % at most, a single place by {100 * max(map(abs, points)):.1f} %", flush=True)
                failed += [f"position bias {what}" for what, ok in (("curve", max(map(abs, curve)) <= 0.1), ("places", flags.tiny or max(map(abs, points)) <= 0.1)) if not ok]
            print(f"negatives kept at {negatives} (simulated events)", flush=True)
            for name, table in rows.items():
                p, card = predictions(project / f"data/models/feed/{version}", name, table)
                arrival = table["arrival_ms"].to_numpy()
                test = arrival >= int(card[f"{name}.test_from_ms"])
                window_ms = (30 * 60 if name == "pctr" else 7 * 86400) * 1000
                r = measure(name, p, table, truths[name], arrival < int(card[f"{name}.test_from_ms"]) - window_ms, test, hidden[name])
                bound = {"pctr": 0.005, "pcvr": 0.01}[name] * (6 if flags.tiny else 1)
                ratio = 0.2 if flags.tiny else 0.03
                checks = {"ECE": r["ece"] < bound, "observed/expected": abs(r["observed_over_expected"] - 1) <= ratio,
                          "gap closed": negatives < 1 or [r[band[0]]["closed"] for band in BANDS if band[0] in r][-1] >= (0 if flags.tiny else 0.8),
                          "rows": flags.tiny or r["rows"] >= {"pctr": 500_000, "pcvr": 50_000}[name]}
                failed += [f"{name} at {negatives}: {what}" for what, ok in checks.items() if not ok]
        print("all bounds are met" if not failed else "NOT MET: " + "; ".join(failed))
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
