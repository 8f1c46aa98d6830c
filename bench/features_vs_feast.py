#!/usr/bin/env python3
"""Point-in-time join beside Feast's offline store (DuckDB) and polars' join_asof: rows of a user and a time, and for each the count, sum and
greatest amount of the user's events until then. gfr makes them from the events; Feast and polars join three tables that already hold the
values after each event (made by numpy, outside of the measure). All values are compared. CPU seconds, medians, ratios within this run.

Feast reads its tables from Parquet, as it does; the others begin and end with columns in memory.
"""
import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
import peers  # noqa: E402

peers.run_in("bench-feast-venv", ["feast[duckdb]==0.67.0", "polars==2.1.0"], without_dependencies=False)
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import polars as pl  # noqa: E402

NAMES = ("count", "sum", "max")


def cpu_of(work, runs):
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        result = work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), result


def load(folder, prefix):
    kinds = {"user": ("<u8", "u64"), "now_ms": ("<i8", "i64"), "money": ("<i8", "i64")}
    return pd.DataFrame({name: np.fromfile(f"{folder}/{prefix}{name}.{suffix}", kind) for name, (kind, suffix) in kinds.items()})


def after_each_event(events):
    groups = events.groupby("user", sort=False)["money"]
    return {"count": groups.cumcount() + 1, "sum": groups.cumsum() / 100.0, "max": groups.cummax() / 100.0}


def feast_join(folder, tables, queries, runs):
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource
    from feast.types import Float64
    from feast.value_type import ValueType
    repo = pathlib.Path(folder) / "repo"
    repo.mkdir()
    (repo / "feature_store.yaml").write_text(
        "project: bench\nregistry: registry.db\nprovider: local\noffline_store: {type: duckdb}\nonline_store: {type: sqlite, path: online.db}\n"
        "entity_key_serialization_version: 3\n")
    store = FeatureStore(repo_path=str(repo))
    user = Entity(name="user", join_keys=["user"], value_type=ValueType.INT64)
    views = []
    for name, table in tables.items():
        table.rename(columns={"value": name}).to_parquet(repo / f"{name}.parquet")
        source = FileSource(name=f"{name}_source", path=str(repo / f"{name}.parquet"), timestamp_field="event_timestamp")
        views.append(FeatureView(name=f"{name}_view", entities=[user], ttl=datetime.timedelta(days=365), schema=[Field(name=name, dtype=Float64)],
                                 source=source))
    store.apply([user, *views])
    entity_df = queries.assign(row=np.arange(len(queries)))
    features = [f"{name}_view:{name}" for name in tables]
    seconds, out = cpu_of(lambda: store.get_historical_features(entity_df=entity_df, features=features).to_df(), runs)
    return seconds, out.sort_values("row")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    program = pathlib.Path(args.gfr).parent / "bench/point_in_time"
    with tempfile.TemporaryDirectory() as folder:
        ours = json.loads(subprocess.run([program, "--events", str(args.events), "--queries", str(args.queries), "--users", str(args.users),
                                          "--dir", folder, "--runs", str(2 * args.runs + 1)], check=True, stdout=subprocess.PIPE).stdout)
        events, queries = load(folder, "event_"), load(folder, "")
        values = {name: np.fromfile(f"{folder}/{name}_.f32", "<f4") for name in NAMES}
        stamp = lambda frame: pd.to_datetime(frame["now_ms"], unit="ms", utc=True)
        tables = {name: pd.DataFrame({"user": events["user"].astype("int64"), "event_timestamp": stamp(events), "value": value.astype("float64")})
                  for name, value in after_each_event(events).items()}
        asked = pd.DataFrame({"user": queries["user"].astype("int64"), "event_timestamp": stamp(queries)})

        left = pl.DataFrame({"user": asked["user"].to_numpy(), "t": queries["now_ms"].to_numpy()}).with_row_index("row")
        right = {name: pl.DataFrame({"user": t["user"].to_numpy(), "t": events["now_ms"].to_numpy(), name: t["value"].to_numpy()})
                 for name, t in tables.items()}

        def join_asof():
            out = left.sort("t")
            for name in NAMES:
                out = out.join_asof(right[name], on="t", by="user")
            return out.sort("row")

        polars, joined = cpu_of(join_asof, args.runs)
        feast, got = feast_join(folder, tables, asked, args.runs)
    different = {"polars": 0, "feast": 0}
    for name in NAMES:
        for peer, column in (("polars", joined[name].to_numpy()), ("feast", got[name].to_numpy())):
            want = np.asarray(column, dtype=np.float64)
            if name != "max":
                want = np.nan_to_num(want)  # No event yet: gfr's count and sum are 0, a join finds no row.
            different[peer] += int(np.sum(~((values[name] == want.astype(np.float32)) | (np.isnan(values[name]) & np.isnan(want)))))
    gfr = statistics.median(ours["cpu_s"])
    print(json.dumps({"queries": args.queries, "events": args.events, "different": different,
                      "cpu_s": {"gfr": round(gfr, 3), "polars": round(polars, 3), "feast": round(feast, 3)},
                      "times_polars": round(polars / gfr, 1), "times_feast": round(feast / gfr, 1)}))
    sys.exit(any(different.values()))


if __name__ == "__main__":
    main()
