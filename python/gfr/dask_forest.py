"""One forest on a Dask cluster: rows in Parquet, with what docs/formats/exchange.md says of them, to XGBoost's UBJSON.

The objective, the base score, early stopping and the order of rows within a request are those of `gfr train`; only where
sketches put their cut points depends on how many workers share the rows.
"""
import threading
import time

import dask
import dask.array as da
import distributed
import numpy as np
import pyarrow.parquet as pq
import xgboost
from xgboost import collective
from xgboost import dask as dxgb

from gfr import store

LABEL, WEIGHT, FIRST_OF_REQUEST, FEATURES = 0, 1, 2, 3  # Places of the columns.
LEAST_HESSIAN = 1e-6  # As in gfr: XGBoost divides by sums of them.


class WorkerLost(RuntimeError):
    """A worker has left the cluster, or has not been heard of."""


def _shares(margins, matrix):
    """Of the softmax within requests: each row's share, its request's positives, and its loss when it is a positive.

    label_lower_bound, which no objective here uses, marks the first row of each request; a request's rows lie together.
    """
    label = matrix.get_label().astype(np.float64)
    if label.size == 0:
        return label, label, label, label
    begin = np.flatnonzero(matrix.get_float_info("label_lower_bound"))
    request = np.repeat(np.arange(begin.size), np.diff(np.append(begin, label.size)))
    above = margins.reshape(-1).astype(np.float64)
    above -= np.maximum.reduceat(above, begin)[request]
    exp = np.exp(above)
    total = np.add.reduceat(exp, begin)[request]
    return label, exp / total, np.add.reduceat(label, begin)[request], np.log(total) - above


def softmax_objective(margins, matrix):
    label, share, positives, _ = _shares(margins, matrix)
    weight = matrix.get_weight() if matrix.get_weight().size else 1.0
    gradient = weight * (positives * share - label)
    hessian = weight * np.maximum(positives * share * (1 - share), LEAST_HESSIAN)
    return gradient.astype(np.float32), hessian.astype(np.float32)


def softmax_log_loss(margins, matrix):
    """The mean over the positives of all workers."""
    label, _, _, loss = _shares(margins, matrix)
    sums = collective.allreduce(np.array([(label * loss).sum(), label.sum()]), collective.Op.SUM)
    return "softmax", float(sums[0] / sums[1])


def _read(uri, settings, row_groups):
    """Row groups of a Parquet file as float32 of shape (rows, columns), missing NaN."""
    filesystem, path = store.open_uri(uri, **settings)
    with pq.ParquetFile(path, filesystem=filesystem) as file:
        table = file.read_row_groups(row_groups, use_threads=False)
    rows = np.empty((table.num_rows, table.num_columns), np.float32)
    for k, column in enumerate(table.columns):
        rows[:, k] = column.to_numpy()
    return rows


def _load(client, uri, workers, pieces_each=4):
    """The file as a dask array, its pieces spread evenly over the workers; whole row groups, so whole requests."""
    settings = store.settings()
    filesystem, path = store.open_uri(uri, **settings)
    with pq.ParquetFile(path, filesystem=filesystem) as file:
        groups = np.array([file.metadata.row_group(g).num_rows for g in range(file.metadata.num_row_groups)])
        columns = file.metadata.num_columns
    if groups.size < len(workers):
        raise ValueError(f"{uri} has {groups.sum()} rows in {groups.size} row groups, too few for {len(workers)} workers")
    count = min(groups.size, pieces_each * len(workers))
    ends = np.searchsorted(np.cumsum(groups), groups.sum() * (np.arange(count) + 1) / count)  # Of like sizes.
    bounds = np.unique(np.append(0, np.append(ends[:-1] + 1, groups.size)))
    arrays = []
    for piece, (begin, end) in enumerate(zip(bounds[:-1], bounds[1:])):
        future = client.submit(_read, uri, settings, list(range(begin, end)), workers=[workers[piece % len(workers)]], pure=False)
        arrays.append(da.from_delayed(dask.delayed(future), (int(groups[begin:end].sum()), columns), np.float32))
    return client.persist(da.concatenate(arrays))


def _matrix(client, rows, softmax, weighted=False, base_margin=None, ref=None):
    label = rows[:, LABEL]
    return dxgb.DaskQuantileDMatrix(
        client, rows[:, FEATURES:], label, weight=rows[:, WEIGHT] if weighted else None,
        base_margin=None if base_margin is None else da.full_like(label, base_margin, dtype=np.float32),
        label_lower_bound=rows[:, FIRST_OF_REQUEST] if softmax else None, **({"ref": ref} if ref is not None else {}))


def _train(client, asked, workers, timeout_s):
    softmax = asked["link"] == "softmax"
    parameters = {**asked["parameters"], "verbosity": 0}
    train = _load(client, asked["train"]["path"], workers)
    dtrain = _matrix(client, train, softmax, asked["weighted"], asked["base_margin"])
    if "max_bin" in parameters:
        dtrain.max_bin = int(parameters["max_bin"])
    options = {}
    if softmax:
        parameters.pop("eval_metric")
        options = {"obj": softmax_objective}
    if asked["validation"]:
        validation = _matrix(client, _load(client, asked["validation"]["path"], workers), softmax, ref=dtrain)
        options |= {"evals": [(validation, "validation")],
                    "callbacks": [xgboost.callback.EarlyStopping(rounds=asked["early_stopping"], metric_name="softmax" if softmax else "logloss",
                                                                 data_name="validation", min_delta=1e-7, save_best=True)]}
        if softmax:
            parameters["disable_default_eval_metric"] = 1
            options["custom_metric"] = softmax_log_loss
    made = dxgb.train(client, parameters, dtrain, asked["rounds"], verbose_eval=False,
                      coll_cfg=collective.Config(timeout=timeout_s, tracker_timeout=timeout_s), **options)
    booster = made["booster"]
    booster.feature_names = booster.feature_types = None
    booster.set_attr(best_iteration=None, best_score=None)
    history = made["history"].get("validation", {})
    losses = next(iter(history.values())) if history else []
    return bytes(booster.save_raw("ubj")), float(min(losses)) if losses else None, booster.num_boosted_rounds()


def _seen(client):
    """When each worker was heard of last, by its address; and the scheduler's clock."""
    def of(dask_scheduler):
        return time.time(), {address: w.last_seen for address, w in dask_scheduler.workers.items()}
    return client.run_on_scheduler(of)


def train_forest(client, asked, workers, silence_s=30, timeout_s=120):
    """Trains what `asked` says (docs/formats/exchange.md) on `workers`, addresses of the cluster.

    Gives the forest's UBJSON, its best log loss (None without validation) and its rounds. Raises WorkerLost as soon as the
    scheduler knows that one is gone, or has not heard of it for `silence_s`; `timeout_s` is how long workers wait for one
    another.
    """
    outcome = {}

    def work():
        try:
            outcome["made"] = _train(client, asked, workers, timeout_s)
        except BaseException as error:  # noqa: BLE001: raised again below, in the caller's thread.
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    lost = []
    while thread.is_alive() and not lost:
        thread.join(0.5)
        now, seen = _seen(client)
        lost = [w for w in workers if w not in seen or now - seen[w] > silence_s]
    if lost:
        thread.join(10)  # The others notice at once that it is gone, and end.
        raise WorkerLost(", ".join(lost))
    if "error" in outcome:
        raise outcome["error"]
    return outcome["made"]


def wait_for_workers(client, wanted, least, wait_s):
    """The addresses of at least `wanted` workers; of at least `least` when no more have come within `wait_s`."""
    until = time.monotonic() + wait_s
    while True:
        now, seen = _seen(client)
        live = sorted(w for w, last in seen.items() if now - last < 10)
        if len(live) >= wanted or (len(live) >= least and time.monotonic() > until):
            return live
        if time.monotonic() > until:
            raise distributed.client.TimeoutError(f"{len(live)} workers are there after {wait_s:g} s; needed are {least}")
        time.sleep(0.2)
