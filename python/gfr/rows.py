"""Training rows of partitions of users, by the very code of `gfr dataset`: the steps that Spark and Dask run.

The extension gfr._rows does the work on Arrow record batches of the lake's columns log_offset, arrival_ms and record.

    1  Settings              gfr.toml, and who is whom: every step of every task has the same
    2  catalogue(batches)    any records                            -> (epoch_end_ms, delta)
    3  merge(batches)        those, in order of epoch_end_ms        -> one of each; EpochFile keeps them in a file
    4  route(batches)        any records                            -> each with its `group`; rows of one group stay together
    5  lines(batches)        a partition's records, by log_offset   -> (epoch_end_ms, delta); merged with the catalogue's
    6  rows(batches)         a partition's records, by log_offset   -> training rows

Each step takes and gives an iterator of pyarrow.RecordBatch. Keys (`user`, `request`, `group`) are int64 with the bits of the
uint64 that `gfr dataset` writes. However the records are split, the rows are those of `gfr dataset`, bit for bit.
"""
import functools
import importlib.util
import os
import pathlib
import struct
import sys
import tempfile

import pyarrow as pa
import pyarrow.compute as pc

RECORD = ["log_offset", "arrival_ms", "record"]
EPOCHS = pa.schema([("epoch_end_ms", pa.int64()), ("delta", pa.binary())])
FOREVER = 2**63 - 1
EPOCH_MS = 60_000


def extension():
    """The module gfr._rows: of the wheel, else of the folder that the environment's GFR_EXTENSION names (a build's python/gfr)."""
    if "gfr._rows" in sys.modules:
        return sys.modules["gfr._rows"]
    folders = [pathlib.Path(__file__).parent, *map(pathlib.Path, filter(None, [os.environ.get("GFR_EXTENSION")]))]
    for folder in folders:
        for path in sorted(folder.glob(f"_rows.{sys.implementation.cache_tag}-*.so")):
            spec = importlib.util.spec_from_file_location("gfr._rows", path)
            module = sys.modules["gfr._rows"] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise ImportError(f"the extension gfr._rows for Python {version} is not there; `make package` builds a wheel that has it, for the Python that built it")


def first_of_epochs(times):
    """Of a table of log_offset and arrival_ms: the first record of each epoch that has any, by offset."""
    epoch = pc.divide(times["arrival_ms"], pa.scalar(EPOCH_MS))
    firsts = times.append_column("epoch", epoch).group_by("epoch").aggregate([("log_offset", "min"), ("arrival_ms", "min")])
    return pa.table({"log_offset": firsts["log_offset_min"], "arrival_ms": firsts["arrival_ms_min"]}).sort_by("log_offset")


class Settings:
    """What all tasks share: plain data that can be pickled. `labels`: False gives rows of what is too young for a label too."""

    def __init__(self, toml, start_ms=-FOREVER - 1, end_ms=FOREVER, labels=True):
        self.toml, self.start_ms, self.stop_ms, self.labels = toml, start_ms, end_ms, labels
        self.known, self.last_ms, self.starts = [], -FOREVER - 1, b""

    def know(self, batches, last_ms, starts):
        """Before any step: the records of `needed_types`, by log_offset; the greatest arrival_ms of all records; and the tables that
        first_of_epochs() gives of all parts of the log."""
        for batch in batches:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as out:
                out.write_batch(batch)
            self.known.append(sink.getvalue().to_pybytes())
        self.last_ms = last_ms
        sink = pa.BufferOutputStream()
        firsts = first_of_epochs(pa.concat_tables(starts)).combine_chunks()
        with pa.ipc.new_stream(sink, firsts.schema) as out:
            out.write_table(firsts)
        self.starts = sink.getvalue().to_pybytes()
        return self

    def plan(self):
        made = extension().Plan(self.toml, self.start_ms, self.stop_ms, self.labels)
        for known in self.known:
            for batch in pa.ipc.open_stream(known):
                made.add(batch)
        made.set_end_ms(self.last_ms)
        for batch in pa.ipc.open_stream(self.starts) if self.starts else ():
            made.set_epoch_starts(batch)
        return made

    def row_schema(self):
        plan = self.plan()
        whole = [("whole_label", pa.float32())] if any(plan.early) else []
        return pa.schema([("objective", pa.string()), ("line", pa.int64()), *((name, pa.float32()) for name in plan.columns), ("label", pa.float32()),
                          ("user", pa.int64()), ("arrival_ms", pa.int64()), ("log_offset", pa.int64()), ("request", pa.int64()), *whole])


@functools.lru_cache(maxsize=2)
def _plan(key):
    return key.settings.plan()


class _Key:
    """Settings as a key of what they are, so that the tasks of one process share a plan."""

    def __init__(self, settings):
        self.settings = settings
        self.content = (settings.toml, settings.start_ms, settings.stop_ms, settings.labels, settings.last_ms, settings.starts, tuple(settings.known))

    def __hash__(self):
        return hash(self.content)

    def __eq__(self, other):
        return self.content == other.content


def plan_of(settings):
    return _plan(_Key(settings))


def _epochs(batch):
    made = pa.record_batch(batch)
    return pa.record_batch([made.column(0), made.column(1).cast(pa.binary())], schema=EPOCHS)


def _fold(fold, batches):
    for batch in batches:
        out = fold.push(batch)
        if len(out):
            yield _epochs(out)
    yield _epochs(fold.finish())


def catalogue(settings, batches):
    return _fold(extension().Catalogue(plan_of(settings)), batches)


def merge(settings, batches):
    return _fold(extension().Merge(plan_of(settings)), batches)


def route(settings, batches):
    """The records that a partition needs, with `group`."""
    plan = plan_of(settings)
    for batch in batches:
        group = pa.record_batch(plan.groups(batch)).column(0)
        out = pa.record_batch([*(batch.column(name) for name in RECORD), group], names=[*RECORD, "group"])
        yield out.filter(pa.compute.not_equal(group, 0))


def lines(settings, catalogue_path, batches):
    """`catalogue_path`: the EpochFile of the catalogue's merged epochs, on this machine."""
    return _fold(extension().Lines(plan_of(settings), str(catalogue_path)), batches)


def rows(settings, epochs_path, batches, at_once=16384):
    """`epochs_path`: the EpochFile of all merged epochs, on this machine. Rows come by log_offset; columns: row_schema."""
    plan = plan_of(settings)
    names, whole = pa.array(plan.objectives), any(plan.early)
    with tempfile.TemporaryDirectory(prefix="gfr-rows-") as folder:
        task = extension().Rows(plan, str(epochs_path), os.path.join(folder, "records"))
        for batch in batches:
            task.push(batch)
        while (made := task.read(at_once)) is not None:
            batch = pa.record_batch(made)
            columns = [names.take(batch.column(0)), *batch.columns[1:]]
            schema = [("objective", pa.string()), *((f.name, f.type) for f in list(batch.schema)[1:])]
            if not whole:
                columns, schema = columns[:-1], schema[:-1]
            yield pa.record_batch(columns, schema=pa.schema(schema))
        del task


class EpochFile:
    """Writes merged epochs, in order of their ends, as the file that `lines` and `rows` read (src/dataset/epoch_file.h)."""

    def __init__(self, path):
        self.path, self.file, self.last = path, open(path, "wb"), None

    def add(self, end_ms, delta):
        if self.last is not None and end_ms <= self.last:
            raise ValueError(f"epoch {end_ms} comes behind {self.last}; epochs must be merged and in order")
        self.last = end_ms
        self.file.write(struct.pack("<qQ", end_ms, len(delta)))
        self.file.write(delta)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
