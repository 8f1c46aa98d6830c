"""`python -m gfr.dask_rows`: training rows of a project's lake by Dask, the very rows of `gfr dataset`.

Each step is one task a partition, over files in a scratch folder that all workers see; gfr/rows.py has the steps. Workers need
this package with its extension (the wheel). A task that is lost with its worker is run again elsewhere: it writes its files
beside and renames them when they are whole.

Rows: OUT/objective=NAME/*.parquet, each file by log_offset, and OUT/_gfr.json, which is written last: without it they are not
whole.
"""
import argparse
import heapq
import json
import os
import pathlib
import shutil
import sys
import tempfile

import distributed
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfr import lake, rows, store


def say(text):
    print(f"dask_rows: {text}", file=sys.stderr, flush=True)


class Beside:
    """A file that appears whole: written under another name and renamed at the end."""

    def __init__(self, path, schema):
        self.path, self.writing = str(path), f"{path}.{os.getpid()}.tmp"
        self.writer = pq.ParquetWriter(self.writing, schema, compression="zstd")

    def __enter__(self):
        return self.writer

    def __exit__(self, kind, *_):
        self.writer.close()
        if kind is None:
            os.replace(self.writing, self.path)
        else:
            os.unlink(self.writing)


def batches_of(path, columns, types=None):
    """Record batches of a file of the lake."""
    system, where = store.open_uri(path, **store.settings())
    with system.open_input_file(where) as file:
        for batch in pq.ParquetFile(file).iter_batches(16384, columns=[*columns, *(["type"] if types else [])]):
            if types:
                batch = batch.filter(pc.is_in(batch.column("type"), pa.array(types))).select(columns)
            yield batch


def written(path, schema, batches):
    with Beside(path, schema) as out:
        for batch in batches:
            if batch.num_rows:
                out.write_batch(batch)
    return str(path)


def survey(path, types):
    """Of a file of the lake: its records of these types, its last arrival, how many records, and where its epochs begin."""
    known = [b for b in batches_of(path, rows.RECORD, types) if b.num_rows]
    times = pa.Table.from_batches(list(batches_of(path, ["log_offset", "arrival_ms"])))
    return known, pc.max(times["arrival_ms"]).as_py(), times.num_rows, rows.first_of_epochs(times)


def fold_catalogue(settings, path, types, out):
    return written(out, rows.EPOCHS, rows.catalogue(settings, batches_of(path, rows.RECORD, types)))


def route(settings, path, partitions, out):
    """A file of the lake to one file a partition."""
    files = {}
    schema = pa.schema([("log_offset", pa.int64()), ("arrival_ms", pa.int64()), ("record", pa.binary())])
    writing = f"{out}.{os.getpid()}.tmp"
    shutil.rmtree(writing, ignore_errors=True)
    os.makedirs(writing)
    for batch in rows.route(settings, batches_of(path, rows.RECORD)):
        part = pc.subtract(batch.column("group"), pc.multiply(pc.divide(batch.column("group"), partitions), partitions))
        for p in pc.unique(part).to_pylist():
            if p not in files:
                files[p] = pq.ParquetWriter(f"{writing}/{p % partitions}-{int(p < 0)}", schema, compression="zstd")
            files[p].write_batch(pa.record_batch(batch.filter(pc.equal(part, p)).select(rows.RECORD).columns, schema=schema))
    for file in files.values():
        file.close()
    try:
        os.replace(writing, out)
    except OSError:  # Another attempt was first.
        shutil.rmtree(writing)
    return str(out)


def partition_batches(folders, p):
    """The records of a partition in log order: folders are in it, and a folder has at most two files of a partition."""
    for folder in folders:
        parts = [f"{folder}/{p}-{sign}" for sign in (0, 1) if os.path.exists(f"{folder}/{p}-{sign}")]
        if len(parts) < 2:
            for path in parts:
                yield from pq.ParquetFile(path).iter_batches(16384)
        elif parts:
            yield from pa.concat_tables([pq.read_table(path, partitioning=None) for path in parts]).sort_by("log_offset").to_batches(16384)


def fold_lines(settings, catalogue, folders, p, out):
    return written(out, rows.EPOCHS, rows.lines(settings, catalogue, partition_batches(folders, p)))


def build_rows(settings, epochs, folders, p, out):
    """A partition's rows to one file of each objective; gives how many each has."""
    schema, counts, files = settings.row_schema(), {}, {}
    schema = pa.schema(list(schema)[1:])
    for batch in rows.rows(settings, epochs, partition_batches(folders, p)):
        for name in pc.unique(batch.column("objective")).to_pylist():
            if name not in files:
                path = pathlib.Path(out) / f"objective={name}" / f"part-{p:05}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                # Of a worker that is killed it stays: readers of folders pass over names that begin with "_".
                files[name] = (path.parent / f"_{path.name}.{os.getpid()}.tmp", path)
                files[name] += (pq.ParquetWriter(files[name][0], schema, compression="zstd"),)
            mine = batch.filter(pc.equal(batch.column("objective"), name))
            files[name][2].write_batch(pa.record_batch(mine.columns[1:], schema=schema))
            counts[name] = counts.get(name, 0) + mine.num_rows
    for writing, path, writer in files.values():
        writer.close()
        os.replace(writing, path)
    return counts


def merge_epochs(settings, paths, out):
    """The epochs of files, each in any order, merged to an EpochFile. One machine's work, in the memory of the open epochs."""
    sources = []
    for path in paths:
        table = pq.read_table(path, partitioning=None).sort_by("epoch_end_ms")
        sources.append(((end.as_py(), k, delta) for k, (end, delta) in enumerate(zip(table["epoch_end_ms"], table["delta"]))))

    def batches():
        ends, deltas, size = [], [], 0
        for end, _, delta in heapq.merge(*sources, key=lambda epoch: epoch[0]):
            ends.append(end)
            deltas.append(delta.as_py())
            size += len(deltas[-1])
            if size > 1 << 24:
                yield pa.record_batch([ends, deltas], schema=rows.EPOCHS)
                ends, deltas, size = [], [], 0
        yield pa.record_batch([ends, deltas], schema=rows.EPOCHS)

    writing = f"{out}.{os.getpid()}.tmp"
    with rows.EpochFile(writing) as file:
        for batch in rows.merge(settings, batches()):
            for end, delta in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist()):
                file.add(end, delta)
    os.replace(writing, out)
    return str(out)


def same(value):
    return value


def share(client, value):
    """A future of the value for many tasks. Not scattered: Dask's memory manager leaves one copy of what is scattered, and with
    the worker that has it the value would be lost, and all tasks of it cancelled. A task's result is made again."""
    return client.submit(same, value, pure=False, retries=2)


def build(client, settings, events, out, scratch, partitions):
    """Rows of a lake in the folder `out`; gives what _gfr.json says. `scratch`: a folder that all workers see."""
    scratch, out = pathlib.Path(scratch), pathlib.Path(out)
    if out.exists():
        raise ValueError(f"'{out}' is there already")
    plan, files = settings.plan(), lake.files(events)

    def each(task, *arguments):
        """task(settings, *arguments[k]) for every k, in order."""
        # Pure: a task that is lost is run again.
        return client.gather([client.submit(task, *one, pure=False, retries=2) for one in zip(*arguments)])

    surveys = each(survey, files, [plan.needed_types] * len(files))
    settings.know([batch for known, *_ in surveys for batch in known], max(last for _, last, *_ in surveys), [starts for *_, starts in surveys])
    shared = share(client, settings)
    n, p = len(files), range(partitions)
    catalogue = each(fold_catalogue, [shared] * n, files, [plan.catalogue_types] * n, [scratch / f"catalogue.{k}" for k in range(n)])
    catalogue_file = client.submit(merge_epochs, shared, catalogue, scratch / "catalogue.epochs", pure=False, retries=2).result()
    folders = each(route, [shared] * n, files, [partitions] * n, [scratch / f"routed.{k}" for k in range(n)])
    lines = each(fold_lines, [shared] * partitions, [catalogue_file] * partitions, [folders] * partitions, p, [scratch / f"lines.{k}" for k in p])
    merged = client.submit(merge_epochs, shared, [*catalogue, *lines], scratch / "merged.epochs", pure=False, retries=2).result()
    counts = each(build_rows, [shared] * partitions, [merged] * partitions, [folders] * partitions, p, [out] * partitions)
    said = {"format": 1, "events": sum(count for _, _, count, _ in surveys), "fingerprint": plan.fingerprint, "columns": plan.columns,
            "rows": {name: sum(c.get(name, 0) for c in counts) for name in plan.objectives}}
    out.mkdir(exist_ok=True)
    for left in out.glob("objective=*/_*.tmp"):
        left.unlink(missing_ok=True)
    writing = out / "_gfr.json.tmp"
    writing.write_text(json.dumps(said, indent=1) + "\n")
    os.replace(writing, out / "_gfr.json")
    return said


def main():
    parser = argparse.ArgumentParser(prog="python -m gfr.dask_rows", description="Training rows of a project's lake by Dask")
    parser.add_argument("--scheduler", required=True, help="the scheduler's address, as tcp://HOST:8786")
    parser.add_argument("--project", default=".", help="the project's folder, for gfr.toml and data/events")
    parser.add_argument("--lake", help="the lake, a folder or s3://BUCKET/PREFIX; default: the project's data/events")
    parser.add_argument("--out", required=True, help="a folder that all workers see, and that is not there yet")
    parser.add_argument("--scratch", help="a folder that all workers see, for files between the steps; default: beside --out")
    parser.add_argument("--partitions", type=int, help="parts of users (default: three a worker, and one for each 256 MiB of the lake)")
    parser.add_argument("--workers", type=int, default=1, help="wait for so many")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait for them")
    flags = parser.parse_args()
    events = flags.lake or os.path.abspath(pathlib.Path(flags.project) / "data/events")
    settings = rows.Settings((pathlib.Path(flags.project) / "gfr.toml").read_text())
    out = os.path.abspath(flags.out)
    with distributed.Client(flags.scheduler, timeout=flags.wait) as client, \
            tempfile.TemporaryDirectory(prefix="rows-", dir=flags.scratch or os.path.dirname(out)) as scratch:
        os.chmod(scratch, 0o777)  # Workers may be other users.
        client.wait_for_workers(flags.workers, timeout=flags.wait)
        partitions = flags.partitions or max(3 * flags.workers, lake.size(events) >> 28)
        print(json.dumps(build(client, settings, events, out, scratch, partitions)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
