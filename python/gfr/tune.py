"""`python -m gfr.tune`: the [train] parameters that predict best, searched with Optuna over time-ordered folds.

Each trial's parameters are judged by `gfr trials`: a forest learns, stops and is calibrated on what came before a fold and
is judged on the fold; what is made small is the mean normalised entropy over objectives and folds. The study is kept in
the project's data/tuning and goes on where it was, after Ctrl-C or a crash; a study is of one log, one set of features and
objectives and one split, and is refused for another.
"""
import argparse
import hashlib
import json
import math
import os
import pathlib
import re
import signal
import sys
import time
import tomllib

import optuna

from gfr import program

# What is searched: a key of [train], and how.
SPACE = {
    "depth": lambda t: t.suggest_int("depth", 3, 10),
    "eta": lambda t: t.suggest_float("eta", 0.02, 0.3, log=True),
    "min_child_weight": lambda t: t.suggest_float("min_child_weight", 0.5, 100, log=True),
    "lambda": lambda t: t.suggest_float("lambda", 0.1, 100, log=True),
    "subsample": lambda t: t.suggest_float("subsample", 0.5, 1),
    "colsample": lambda t: t.suggest_float("colsample", 0.3, 1),
}
DEFAULTS = {"depth": 6, "eta": 0.1, "min_child_weight": 1, "lambda": 1, "subsample": 1, "colsample": 1}


class OutOfTime(Exception):
    """A trial that was not judged to its end; it is tried no further."""


def say(text):
    os.write(2, f"tune: {text}\n".encode())  # Not sys.stderr, which a signal's handler must not enter twice.


def snippet(parameters):
    """The keys of [train] as TOML lines."""
    return "".join(f"{key} = {value:.6g}\n" if isinstance(value, float) else f"{key} = {value}\n" for key, value in parameters.items())


def apply(path, parameters):
    """Writes the parameters into the [train] table of gfr.toml, keeping all else; the old file stays as gfr.toml.before-tuning."""
    path = pathlib.Path(path)
    text = path.read_text()
    lines, out, inside, left = text.splitlines(), [], False, dict(parameters)
    for line in lines:
        if re.match(r"\s*\[", line):
            if inside:
                out += snippet(left).splitlines()
                left = {}
            inside = re.match(r"\s*\[\s*train\s*\]", line) is not None
        key = re.match(r"\s*([a-z_]+)\s*=", line)
        if inside and key and key[1] in left:
            out += snippet({key[1]: left.pop(key[1])}).splitlines()
        else:
            out.append(line)
    if left:
        out += ([] if inside else ["", "[train]"]) + snippet(left).splitlines()
    made = "\n".join(out) + "\n"
    got = tomllib.loads(made)["train"]
    assert all(math.isclose(got[k], v, rel_tol=1e-5) for k, v in parameters.items())
    path.with_suffix(".toml.before-tuning").write_text(text)
    beside = path.with_suffix(".toml.tmp")
    beside.write_text(made)
    os.replace(beside, path)


def fingerprint(project, ready):
    """What a study's values can be compared for: all of gfr.toml but what is searched, the log's rows and the folds."""
    with open(project / "gfr.toml", "rb") as file:
        config = tomllib.load(file)
    fixed = {k: v for k, v in config.get("train", {}).items() if k not in SPACE}
    parts = [config.get(k) for k in ("feature", "objective", "split", "dataset")] + [fixed, ready]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


class Tuner:
    def __init__(self, gfr_trials, folds, fixed, deadline):
        self.gfr_trials, self.folds, self.fixed, self.deadline = gfr_trials, folds, fixed, deadline
        self.stopped = False

    def judge(self, trial):
        parameters = {key: suggest(trial) for key, suggest in SPACE.items()}
        values = []
        for fold in reversed(range(self.folds)):  # The newest first: it says most.
            if self.stopped or time.monotonic() > self.deadline:
                raise OutOfTime
            self.gfr_trials.write({"fold": fold, "train": {**self.fixed, **parameters}})
            answer = self.gfr_trials.read()
            if answer is None:
                raise program.GfrError("gfr trials has ended; what it said is above")
            if "error" in answer:
                raise program.GfrError(answer["error"], 2)
            values.append(answer["normalised_entropy"])
            trial.report(sum(values) / len(values), len(values))
            if len(values) < self.folds and trial.should_prune():
                raise optuna.TrialPruned("worse than most")
        return sum(values) / len(values)


def finished(study):
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


def tune(project, minutes, most_trials, gfr=None, memory=None, seed=7):
    """Searches until the time is over; gives the study, what was searched before, and whether it was interrupted."""
    project = pathlib.Path(project)
    folder = project / "data/tuning"
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + minutes * 60
    with program.Conversation(gfr, "trials", "--project", project, *(["--memory", memory] if memory else [])) as gfr_trials:
        ready = gfr_trials.read()
        if ready is None:
            raise program.GfrError("gfr trials did not begin; what it said is above", gfr_trials.close() or 1)
        with open(project / "gfr.toml", "rb") as file:
            train = tomllib.load(file).get("train", {})
        tuner = Tuner(gfr_trials, ready["folds"], {k: v for k, v in train.items() if k not in SPACE}, deadline)
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / "journal.log")))
        study = optuna.create_study(
            study_name=fingerprint(project, ready), storage=storage, load_if_exists=True, direction="minimize",
            sampler=optuna.samplers.TPESampler(seed=seed + len(finished_of(storage, project, ready)), multivariate=False),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0))
        before = len(finished(study))
        if before:
            say(f"goes on with {before} trials of before, the best {study.best_value:.5f}")
        else:  # What gfr.toml has now is judged first, so that the best is never worse.
            study.enqueue_trial({**DEFAULTS, **{k: v for k, v in train.items() if k in SPACE}})

        def stop(*_):
            if tuner.stopped:
                raise KeyboardInterrupt
            say("stops after this fold, or at once when asked again; what was tried is kept")
            tuner.stopped = True

        old = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}

        def progress(study, trial):
            if trial.state == optuna.trial.TrialState.COMPLETE:
                say(f"trial {trial.number}: {trial.value:.5f}, best {study.best_value:.5f} (trial {study.best_trial.number}), "
                    f"{max(0.0, deadline - time.monotonic()) / 60:.1f} minutes left; " + ", ".join(f"{k} {v:.4g}" for k, v in trial.params.items()))
            elif trial.state == optuna.trial.TrialState.PRUNED:
                say(f"trial {trial.number}: given up after {len(trial.intermediate_values)} of {ready['folds']} folds")

        try:
            while not tuner.stopped and time.monotonic() < deadline and len(finished(study)) < most_trials:
                study.optimize(tuner.judge, n_trials=1, callbacks=[progress], catch=(OutOfTime,))
        finally:
            for s, handler in old.items():
                signal.signal(s, handler)
        gfr_trials.close(kill=tuner.stopped)
    return study, before, tuner.stopped


def finished_of(storage, project, ready):
    """The trials of the study that is there already, or none."""
    name = fingerprint(project, ready)
    if name not in optuna.study.get_all_study_names(storage):
        return []
    return optuna.load_study(study_name=name, storage=storage).trials


def main():
    parser = argparse.ArgumentParser(prog="python -m gfr.tune", description="search [train] parameters over time-ordered folds; goes on where it was")
    parser.add_argument("--project", default=".", help="the project's folder")
    parser.add_argument("--minutes", type=float, default=30, help="the budget; the fold that is running when it ends is waited for")
    parser.add_argument("--trials", type=int, default=10**6, help="stop when so many trials are complete, with those of before")
    parser.add_argument("--apply", action="store_true", help="write the best parameters into gfr.toml")
    parser.add_argument("--memory", help="of the replay, as 6GiB")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--gfr", help="the gfr program; else the environment's GFR, else on the PATH")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    flags = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study, before, stopped = tune(flags.project, flags.minutes, flags.trials, flags.gfr, flags.memory, flags.seed)
    except program.GfrError as error:
        say(str(error))
        return error.code
    except KeyboardInterrupt:
        return 130
    done = finished(study)
    if not done:
        say("no trial was finished: give it more minutes")
        return 1
    best = study.best_trial
    now = min(done, key=lambda t: t.number)
    if flags.apply:
        apply(pathlib.Path(flags.project) / "gfr.toml", best.params)
    if flags.json:
        print(json.dumps({"train": best.params, "normalised_entropy": best.value, "normalised_entropy_first": now.value, "trials": len(done),
                          "trials_before": before, "interrupted": stopped, "applied": flags.apply}, indent=2))
    else:
        print(f"# Mean normalised entropy {best.value:.5f} (the first trial, of gfr.toml as it was: {now.value:.5f}), {len(done)} trials.\n[train]\n" + snippet(best.params), end="")
    return 130 if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
