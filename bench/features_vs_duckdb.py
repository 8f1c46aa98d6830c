#!/usr/bin/env python3
"""Point-in-time features beside DuckDB's window query and polars' rolling aggregation: simulated events of 30 days, count, sum and max in
windows of 1 h, 1 d, 7 d and 30 d, for every row. First all values of gfr against an oracle in SQL (support/oracle.py) on the same events;
then rows a second of CPU on one thread, columns in memory to columns in memory: medians, and ratios within this run.

The peers' windows slide exactly and hold the row itself, gfr's move by tiles and end before it: the same work. All three leave their columns
in the order in which they worked them out, gfr and DuckDB with the number of the row. Of several ways to say it to polars the quickest counts.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))
import peers  # noqa: E402

peers.run_in("bench-venv", ["duckdb==2.0.1", "polars==2.1.0", "polars-runtime-32==2.1.0", "numpy==2.4.6", "pyarrow==26.0.1"])
import duckdb  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
import pyarrow as pa  # noqa: E402

import oracle  # noqa: E402


def cpu_of(work, runs):
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def duckdb_seconds(events, runs):
    connection = duckdb.connect(config={"threads": 1})
    connection.register("input", pa.table({"user": events["user"].astype(np.uint32), "t": events["now_ms"], "money": events["money"] / 100.0}))
    connection.execute("CREATE TEMP TABLE e AS SELECT row_number() OVER () AS row, * FROM input")
    windows = [f"w{w} AS (PARTITION BY user ORDER BY t RANGE BETWEEN {ms} PRECEDING AND CURRENT ROW)" for w, (ms, _) in oracle.WINDOWS.items()]
    values = [f"count(*) OVER w{w}, sum(money) OVER w{w}, max(money) OVER w{w}" for w in oracle.WINDOWS]
    columns = [f"c{i}" for i in range(12)]
    query = f"CREATE OR REPLACE TEMP TABLE o(row, {', '.join(columns)}) AS SELECT row, {', '.join(values)} FROM e WINDOW {', '.join(windows)}"
    return cpu_of(lambda: connection.execute(query), runs)


def polars_seconds(events, runs):
    frame = pl.DataFrame({"user": events["user"].astype(np.uint32), "t": events["now_ms"], "money": events["money"] / 100.0})
    frame = frame.with_columns(one=pl.lit(1, pl.UInt32))

    def rolling():
        by_user = frame.sort("user", "t")  # rolling wants it so; gfr and DuckDB sort within their measure too.
        for ms, _ in oracle.WINDOWS.values():
            by_user.rolling("t", period=f"{ms}i", group_by="user").agg(pl.len(), pl.col("money").sum().alias("s"), pl.col("money").max().alias("m"))

    def rolling_by():
        each = []
        for w, (ms, _) in oracle.WINDOWS.items():
            each += [pl.col("one").rolling_sum_by("t", f"{ms}i").over("user").alias(f"c{w}"),
                     pl.col("money").rolling_sum_by("t", f"{ms}i").over("user").alias(f"s{w}"),
                     pl.col("money").rolling_max_by("t", f"{ms}i").over("user").alias(f"m{w}")]
        frame.sort("user", "t").select(each)

    sample, full = frame.head(len(frame) // 20), frame
    frame = sample
    best = min((rolling, rolling_by), key=lambda work: cpu_of(work, 1))
    frame = full
    return cpu_of(best, runs), best.__name__


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--users", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=5, help="of gfr; the peers run a third as often")
    parser.add_argument("--oracle-chunks", type=int, default=40, help="parts in which the oracle takes the users; 0 leaves it out")
    args = parser.parse_args()
    program = pathlib.Path(args.gfr).parent / "bench/point_in_time"
    with tempfile.TemporaryDirectory(dir=pathlib.Path(args.gfr).parent) as folder:
        size = ["--events", str(args.events), "--users", str(args.users), "--dir", folder]
        ours = json.loads(subprocess.run([program, *size, "--runs", str(args.runs)], check=True, stdout=subprocess.PIPE).stdout)
        events, values = oracle.load(folder)
    result = {"events": args.events, "users": args.users, "columns": 12}
    if args.oracle_chunks:
        wrong, compared = oracle.different(duckdb.connect(), events, values, args.oracle_chunks)
        result["oracle"] = {"values": compared, "different": wrong}
        print(f"oracle: {compared} values, {wrong} different", file=sys.stderr)
        if wrong:
            sys.exit(1)
    del values
    runs = max(1, args.runs // 3)
    gfr = statistics.median(ours["cpu_s"])
    duck = duckdb_seconds(events, runs)
    polars, how = polars_seconds(events, runs)
    rate = lambda seconds: round(args.events / seconds)
    result |= {"rows_per_cpu_second": {"gfr": rate(gfr), "duckdb": rate(duck), "polars": rate(polars)}, "polars_form": how,
               "versions": {"duckdb": duckdb.__version__, "polars": pl.__version__},
               "times_duckdb": round(duck / gfr, 1), "times_polars": round(polars / gfr, 1)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
