"""`python -m gfr.dask_train`: gfr train, its forests trained by xgboost.dask on a Dask cluster.

`gfr train` replays the log, splits, calibrates, judges and registers as ever; each forest's rows go to the cluster as
Parquet, on a folder that all workers see or on S3, and its UBJSON comes back. The version is the same artefact.
"""
import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

import cloudpickle
import distributed

from gfr import dask_forest, program, store


def say(text):
    print(f"dask_train: {text}", file=sys.stderr, flush=True)


class Trainer:
    """Answers `gfr train --exchange`, forest by forest. A forest whose worker is lost begins again on those left."""

    def __init__(self, client, dataset, workers, least, restarts, silence_s):
        self.client, self.dataset, self.restarts, self.silence_s = client, dataset, restarts, silence_s
        self.wanted, self.least = workers, least

    def forest(self, asked):
        sent = []
        try:
            if self.dataset and self.dataset.startswith("s3://"):
                for part in ("train", "validation"):
                    if asked[part]:
                        path = pathlib.Path(asked[part]["path"])
                        uri = f"{self.dataset.rstrip('/')}/{path.parent.parent.name}/{path.parent.name}/{path.name}"
                        store.put(str(path), uri)
                        sent.append(uri)
                        asked[part]["path"] = uri
            return self.on_the_cluster(asked)
        finally:
            for uri in sent:
                store.remove(uri)

    def on_the_cluster(self, asked):
        start = time.monotonic()
        while True:
            workers = dask_forest.wait_for_workers(self.client, self.wanted, self.least, wait_s=20)
            self.wanted = min(self.wanted, len(workers))  # Those that are gone are waited for once.
            say(f"forest {asked['forest']} begins, on {len(workers)} workers")
            try:
                forest, log_loss, rounds = dask_forest.train_forest(self.client, asked, workers, self.silence_s)
                break
            except dask_forest.WorkerLost as lost:
                if self.restarts == 0:
                    raise RuntimeError(f"worker {lost} is lost, and no restart is left (--restarts)") from lost
                self.restarts -= 1
                say(f"worker {lost} is lost; forest {asked['forest']} begins again on the others")
        pathlib.Path(asked["answer"]).write_bytes(forest)
        say(f"forest {asked['forest']}: {asked['train']['rows']} rows on {len(workers)} workers, {rounds} rounds, "
            + ("" if log_loss is None else f"log loss {log_loss:.5f}, ") + f"{time.monotonic() - start:.1f} s")
        return {"log_loss": log_loss}


def train(project, trainer, exchange, gfr=None, options=()):
    """Runs `gfr train --exchange`; gives its report as a dict. Raises GfrError."""
    with program.Conversation(gfr, "train", "--project", project, "--exchange", exchange, "--json", *options) as gfr_train:
        while True:
            line = gfr_train.process.stdout.readline()
            if not line.startswith('{"forest"'):
                break
            try:
                answer = trainer.forest(json.loads(line))
            except Exception as error:  # noqa: BLE001: whatever it is, gfr ends with its words.
                answer = {"error": f"{type(error).__name__}: {error}"}
            gfr_train.write(answer)
        text = line + gfr_train.read_rest()
        code = gfr_train.close()
    if code != 0:
        raise program.GfrError("gfr train has ended", code)
    return json.loads(text)


def main():
    parser = argparse.ArgumentParser(prog="python -m gfr.dask_train", description="gfr train, its forests trained by xgboost.dask on a Dask cluster")
    parser.add_argument("--scheduler", required=True, help="the scheduler's address, as tcp://HOST:8786")
    parser.add_argument("--project", default=".", help="the project's folder")
    parser.add_argument("--dataset", help="where workers read rows: a folder that all see, or s3://BUCKET/PREFIX (the environment's AWS_*; "
                                          "workers have their own credentials); default: in the project's folder")
    parser.add_argument("--workers", type=int, default=1, help="wait for so many")
    parser.add_argument("--least-workers", type=int, default=1, help="go on with so many when others are lost")
    parser.add_argument("--restarts", type=int, default=3, help="so often may a forest begin again after a loss")
    parser.add_argument("--silence", type=float, default=30, help="a worker that is silent for so many seconds is lost")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait for the workers at first")
    parser.add_argument("--memory", help="of the replay, as 6GiB")
    parser.add_argument("--gfr", help="the gfr program; else the environment's GFR, else on the PATH")
    parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")
    flags = parser.parse_args()
    for module in (dask_forest, store):  # Workers need xgboost and pyarrow, but not this package.
        cloudpickle.register_pickle_by_value(module)
    local = flags.dataset if flags.dataset and not flags.dataset.startswith("s3://") else os.path.join(flags.project, "data")
    exchange = None
    try:
        program.find_program(flags.gfr)
        with distributed.Client(flags.scheduler, timeout=flags.wait) as client:
            dask_forest.wait_for_workers(client, flags.workers, flags.workers, flags.wait)
            exchange = tempfile.mkdtemp(prefix="exchange-", dir=local)
            os.chmod(exchange, 0o755)  # Workers may be other users.
            trainer = Trainer(client, flags.dataset, flags.workers, flags.least_workers, flags.restarts, flags.silence)
            report = train(flags.project, trainer, os.path.abspath(exchange), flags.gfr, ["--memory", flags.memory] if flags.memory else [])
    except program.GfrError as error:
        say(str(error))
        return error.code
    except OSError as error:
        say(f"{type(error).__name__}: {error}")
        return 1
    finally:
        if exchange:
            shutil.rmtree(exchange, ignore_errors=True)
            if flags.dataset and flags.dataset.startswith("s3://"):
                store.remove_folder(f"{flags.dataset.rstrip('/')}/{os.path.basename(exchange)}")
    if flags.json:
        print(json.dumps(report, indent=2))
    else:
        for name, o in report["objectives"].items():
            print(f"{name}: AUC-ROC {o['auc_roc']:.4f}, log loss {o['log_loss']:.5f}, {o['rows']} rows")
        print(f"registered version {report['version']}{' (champion)' if report['champion'] else ''}; report: {report['report']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
