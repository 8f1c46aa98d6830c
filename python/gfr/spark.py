"""`python -m gfr.spark dataset|features`: training rows of a project's lake by Spark, the very rows of `gfr dataset`.

PySpark reads the lake, shuffles records by user, sorts within partitions, and runs gfr's own feature code on record batches
(mapInArrow over the extension; gfr/rows.py has the steps). What all users share goes to every task as a file of epochs.
`--master` is a cluster's or local[N]; under spark-submit it is left out. Executors need this package (the wheel).

Rows: OUT/objective=NAME/*.parquet, each file by log_offset, and OUT/_gfr.json, which is written last: without it they are not
whole. A task that fails is run again by Spark, without a trace in the rows.
"""
import argparse
import datetime
import json
import os
import pathlib
import sys
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from gfr import lake, rows, store

EPOCHS = "epoch_end_ms long, delta binary"
RECORD = "log_offset long, arrival_ms long, record binary"


def say(text):
    print(f"spark: {text}", file=sys.stderr, flush=True)


def spark_type(arrow):
    return {pa.string(): "string", pa.int64(): "long", pa.float32(): "float"}[arrow]


class Replay:
    """One replay of a lake by a Spark session. `partitions`: how many parts of users; a task holds the states of one."""

    def __init__(self, spark, events_uri, settings, partitions, folder):
        self.spark, self.settings, self.partitions, self.folder = spark, settings, partitions, pathlib.Path(folder)
        files = [path.replace("s3://", "s3a://", 1) for path in lake.files(events_uri)]
        self.events = spark.read.parquet(*files)
        self.records = self.events.select("log_offset", "arrival_ms", "record")

    def of_types(self, types):
        from pyspark.sql import functions as F
        return self.events.where(F.col("type").isin(list(types))).select("log_offset", "arrival_ms", "record")

    def prepare(self):
        """Who is whom, and when the log ends."""
        from pyspark.sql import functions as F
        plan = self.settings.plan()
        known = self.of_types(plan.needed_types).orderBy("log_offset").collect()
        schema = pa.schema([("log_offset", pa.int64()), ("arrival_ms", pa.int64()), ("record", pa.binary())])
        batches = [pa.record_batch([[r[k] for r in known[i:i + 65536]] for k in range(3)], schema=schema) for i in range(0, len(known), 65536)]
        last_ms, self.count = self.events.agg(F.max("arrival_ms"), F.count("*")).first()
        # A row an epoch: a minute.
        firsts = (self.events.groupBy(F.expr(f"arrival_ms div {rows.EPOCH_MS}").alias("epoch")).agg(F.min("log_offset"), F.min("arrival_ms")).collect())
        starts = pa.table({"log_offset": pa.array([f[1] for f in firsts], pa.int64()), "arrival_ms": pa.array([f[2] for f in firsts], pa.int64())})
        self.settings.know(batches, last_ms, [starts])
        return plan

    def merged(self, deltas):
        settings = self.settings
        return (deltas.repartition(self.partitions, "epoch_end_ms").sortWithinPartitions("epoch_end_ms")
                .mapInArrow(lambda batches: rows.merge(settings, batches), EPOCHS))

    def publish(self, deltas, name):
        """The merged epochs as a file that every task finds; gives its path, as a function for the tasks."""
        from pyspark import SparkFiles, StorageLevel
        merged = self.merged(deltas).persist(StorageLevel.DISK_ONLY)
        path = self.folder / name
        with rows.EpochFile(path) as file:
            # A part of them at a time, in order: a job each.
            for end_ms, delta in merged.repartitionByRange(max(1, self.partitions // 4), "epoch_end_ms").sortWithinPartitions("epoch_end_ms").toLocalIterator():
                file.add(end_ms, bytes(delta))
        merged.unpersist()
        self.spark.sparkContext.addFile(str(path))
        return lambda: SparkFiles.get(name)

    def rows(self):
        """The training rows as a DataFrame. Each partition is by log_offset."""
        from pyspark import StorageLevel
        plan, settings = self.prepare(), self.settings
        say(f"{self.count} records, {len(plan.columns)} columns, objectives {', '.join(plan.objectives)}; {self.partitions} partitions")
        catalogue = self.of_types(plan.catalogue_types).mapInArrow(lambda batches: rows.catalogue(settings, batches), EPOCHS)
        catalogue_path = self.publish(catalogue, "catalogue.epochs")
        self.routed = (self.records.mapInArrow(lambda batches: rows.route(settings, batches), RECORD + ", group long")
                       .repartition(self.partitions, "group").drop("group").sortWithinPartitions("log_offset").persist(StorageLevel.DISK_ONLY))
        lines = self.routed.mapInArrow(lambda batches: rows.lines(settings, catalogue_path(), batches), EPOCHS)
        epochs_path = self.publish(lines.unionAll(catalogue), "merged.epochs")
        schema = ", ".join(f"`{field.name}` {spark_type(field.type)}" for field in settings.row_schema())
        return self.routed.mapInArrow(lambda batches: rows.rows(settings, epochs_path(), batches), schema)


def write(replay, out, features_only):
    """OUT, whole or without its marker. Gives the number of rows by objective."""
    made = replay.rows()
    if features_only:
        made = made.drop("label", "whole_label")
    target = out.replace("s3://", "s3a://", 1)
    made.write.partitionBy("objective").mode("errorifexists").option("compression", "zstd").parquet(target)
    plan = replay.settings.plan()
    system, where = store.open_uri(out, **store.settings())
    counts = {}
    for name in plan.objectives:
        files = system.get_file_info(fs.FileSelector(f"{where}/objective={name}", allow_not_found=True))
        counts[name] = sum(pq.read_metadata(info.path, filesystem=system).num_rows for info in files if info.extension == "parquet")
    marker = {"format": 1, "events": replay.count, "fingerprint": plan.fingerprint, "columns": plan.columns, "rows": counts}
    with system.open_output_stream(f"{where}/_gfr.json") as file:
        file.write((json.dumps(marker, indent=1) + "\n").encode())
    return marker


def milliseconds(text):
    """Of RFC 3339; a time without a zone is UTC."""
    moment = datetime.datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)).timestamp() * 1000)


def session(master):
    from pyspark.sql import SparkSession
    builder = SparkSession.builder.appName("gfr")
    if master:
        builder = builder.master(master)
        if master.startswith("local"):
            builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").config("spark.ui.enabled", "false")
    # Partitions are whole users, of the number that was asked for.
    return (builder.config("spark.sql.adaptive.enabled", "false").config("spark.sql.execution.arrow.maxRecordsPerBatch", "16384")
            .config("spark.sql.session.timeZone", "UTC").getOrCreate())


def main():
    parser = argparse.ArgumentParser(prog="python -m gfr.spark", description="Training rows of a project's lake by Spark")
    parser.add_argument("what", choices=["dataset", "features"], help="dataset: rows with labels; features: the same without, also of what is too young for one")
    parser.add_argument("--project", default=".", help="the project's folder, for gfr.toml and data/events")
    parser.add_argument("--lake", help="the lake, a folder or s3://BUCKET/PREFIX; default: the project's data/events")
    parser.add_argument("--out", required=True, help="a folder, or s3://BUCKET/PREFIX, that is not there yet")
    parser.add_argument("--master", help="as local[2] or spark://HOST:7077; spark-submit says it itself")
    parser.add_argument("--partitions", type=int, help="parts of users (default: three a core, and one for each 256 MiB of the lake)")
    parser.add_argument("--from", dest="start", help="rows that arrived from then on: RFC 3339")
    parser.add_argument("--to", help="RFC 3339, exclusive")
    flags = parser.parse_args()
    toml = (pathlib.Path(flags.project) / "gfr.toml").read_text()
    events = flags.lake or str(pathlib.Path(flags.project) / "data/events")
    settings = rows.Settings(toml, milliseconds(flags.start) if flags.start else -rows.FOREVER - 1, milliseconds(flags.to) if flags.to else rows.FOREVER,
                             flags.what == "dataset")
    spark = session(flags.master)
    try:
        with tempfile.TemporaryDirectory(prefix="gfr-spark-") as folder:
            partitions = flags.partitions or max(3 * spark.sparkContext.defaultParallelism, lake.size(events) >> 28)
            replay = Replay(spark, events, settings, partitions, folder)
            marker = write(replay, os.path.abspath(flags.out) if "://" not in flags.out else flags.out, flags.what == "features")
            print(json.dumps(marker))
    finally:
        spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
