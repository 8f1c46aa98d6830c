"""Windowed counts by `gfr.spark features` beside the same features in Spark SQL, both by Spark local[2] on the same lake.

usage: spark_sql.py --gfr build/release/gfr [--events 1000000] [--users 20000]
The log is invented: views and purchases. A row is a view; its features are the user's views, purchases and money spent in the last 7 days (whole days, by
event time), read before the row's own event. Spark SQL computes them with window functions over the lake's columns. The values must be equal in every row.
Prints seconds of the wall and of the processor of each, and what a session of Spark alone takes, which both ratios are also given without.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "tests"), str(SOURCE / "bench")]
SPARK = SOURCE / "build/spark-venv/bin/python"
FROM_MS, DAYS, DAY_MS = 1_767_225_600_000, 28, 86_400_000
FEATURES = ["views_7d", "purchases_7d", "spent_7d"]

TOML = '''
[item]
price = "number"
[[objective]]
name = "bought"
population = "item.view"
label = "purchase"
window = "1h"
[[feature]]
name = "views_7d"
type = "count"
scope = "user"
events = ["item.view"]
window = "7d"
tiles = 7
[[feature]]
name = "purchases_7d"
type = "count"
scope = "user"
events = ["purchase"]
window = "7d"
tiles = 7
[[feature]]
name = "spent_7d"
type = "sum"
of = "money"
scope = "user"
events = ["purchase"]
window = "7d"
tiles = 7
'''
MAP = '''time_format = "ms"
[columns]
type = "type"
time = "ts"
user_id = "user"
item_id = "item"
price = "price"
quantity = "quantity"
[types]
view = "item.view"
order = "purchase"
'''
# Run by Spark's Python: the lake, the folder to write, and whether there is a query at all.
QUERY = '''
import sys
from gfr.spark import session
from gfr import lake
spark = session("local[2]")
events = spark.read.parquet(*lake.files(sys.argv[1]))
if sys.argv[3] == "nothing":
    print(events.count())
    sys.exit()
events.createOrReplaceTempView("events")
before = "SUM({0}) OVER (PARTITION BY user_id ORDER BY day RANGE BETWEEN 6 PRECEDING AND 1 PRECEDING)"
today = "SUM({0}) OVER (PARTITION BY user_id, day ORDER BY log_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
columns = {"views_7d": "view", "purchases_7d": "bought", "spent_7d": "spent"}
sums = ", ".join(f"CAST(COALESCE({before.format(c)}, 0) + COALESCE({today.format(c)}, 0) AS FLOAT) AS {n}" for n, c in columns.items())
spark.sql(f"""
    WITH e AS (SELECT log_offset, user_id, type, time_ms DIV 86400000 AS day, IF(type = 'item.view', 1, 0) AS view, IF(type = 'purchase', 1, 0) AS bought,
                      IF(type = 'purchase', COALESCE(GET(item_prices, 0), 0) * COALESCE(GET(item_quantities, 0), 1), 0) AS spent FROM events),
         f AS (SELECT log_offset, type, {sums} FROM e)
    SELECT log_offset, {", ".join(columns)} FROM f WHERE type = 'item.view'""").write.option("compression", "zstd").parquet(sys.argv[2])
'''


def invented(events, users, seed):
    random = np.random.default_rng(seed)
    # Some users come far more often than others.
    user = (users * random.random(events) ** 2).astype(int)
    # No two events of one time: the import's order is that of time.
    ts = FROM_MS + np.sort(random.choice(DAYS * DAY_MS // 10, events, replace=False)) * 10
    return pa.table({"ts": ts, "type": np.where(random.random(events) < 0.05, "order", "view"), "user": [f"u{u}" for u in user],
                     "item": [f"i{i}" for i in random.integers(0, 1000, events)], "price": random.integers(1, 200, events).astype(float),
                     "quantity": np.ones(events, int)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--partitions", type=int, default=6)
    flags = parser.parse_args()
    os.environ["GFR"] = os.path.abspath(flags.gfr)
    extension = os.environ.setdefault("GFR_EXTENSION", str(pathlib.Path(flags.gfr).resolve().parent / "python/gfr"))
    from gfr_process import Folder, run
    from support.watch import Watch
    if not shutil.which("java") or not SPARK.exists() or not list(pathlib.Path(extension).glob("_rows.*.so")):
        print("SKIPPED: Java, pyspark or the extension gfr._rows is not there; `tools/setup --spark` installs pyspark")
        return
    env = {**os.environ, "PYTHONPATH": str(SOURCE / "python"), "PYSPARK_PYTHON": str(SPARK), "PYTHONDONTWRITEBYTECODE": "1", "SPARK_LOCAL_IP": "127.0.0.1"}

    def measured(name, *command):
        start = time.monotonic()
        process = subprocess.Popen([str(SPARK), *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env)
        watch = Watch([process.pid])
        _, err = process.communicate()
        seconds = time.monotonic() - start
        watch.end()
        if process.returncode != 0:
            sys.exit(f"{name}: {err[-4000:]}")
        print(f"{name:<24}{seconds:>8.1f} s{watch.cpu_seconds:>8.1f} s CPU{flags.events / watch.cpu_seconds:>12,.0f} events/CPU-s{watch.memory:>8,.0f} MiB", flush=True)
        return watch.cpu_seconds

    with Folder() as folder:
        project = folder / "p"
        run("init", project)
        (project / "gfr.toml").write_text(TOML)
        (folder / "map.toml").write_text(MAP)
        pq.write_table(invented(flags.events, flags.users, 7), folder / "events.parquet")
        run("import", "parquet", folder / "events.parquet", "--map", folder / "map.toml", "--project", project)
        events = project / "data/events"
        alone = measured("a session of Spark", "-c", QUERY, events, folder / "none", "nothing")
        gfr = measured("gfr.spark features", "-m", "gfr.spark", "features", "--project", project, "--out", folder / "gfr", "--master", "local[2]", "--partitions",
                       flags.partitions)
        sql = measured("Spark SQL", "-c", QUERY, events, folder / "sql", "query")
        print(f"Spark SQL takes {sql / gfr:.2f} times the processor; {(sql - alone) / max(0.1, gfr - alone):.2f} times without the session")
        columns = ["log_offset", *FEATURES]
        mine = ds.dataset(folder / "gfr/objective=bought", format="parquet").to_table(columns=columns).sort_by("log_offset")
        theirs = ds.dataset(folder / "sql", format="parquet").to_table(columns=columns).sort_by("log_offset")
        for name in columns:
            if not np.array_equal(mine[name].to_numpy(), theirs[name].to_numpy()):
                sys.exit(f"column {name} differs")
        print(f"{mine.num_rows:,} rows are equal")


if __name__ == "__main__":
    main()
