"""A project's folder, as a notebook sees it."""
import dataclasses
import datetime
import pathlib
import tempfile
import tomllib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gfr import program as gfr_program


def _time(value):
    """RFC 3339 of a datetime (a naive one is UTC) or a text, which is taken as it is."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


@dataclasses.dataclass(frozen=True)
class Version:
    """A model version of the registry: immutable, its files checked by SHA-256 whenever `gfr` loads it."""
    project: "Project" = dataclasses.field(repr=False, compare=False)
    name: str  # "1"
    champion: bool
    aliases: tuple  # Of champion, challenger, shadow.
    created: datetime.datetime

    def metrics(self):
        """The report of its training, as dict: of the forest before its refit, on the test part, which nothing was chosen by."""
        return self.project._json("models", "show", self.name)

    def card(self):
        """The model card: Markdown, with how old its newest label is now."""
        return self.project._text("models", "card", self.name)

    def evaluate(self, **options):
        """Project.evaluate of this version."""
        return self.project.evaluate(self.name, **options)

    def predict(self, rows, objective="pctr"):
        """Project.predict by this version."""
        return self.project.predict(rows, objective, self.name)

    def promote(self, alias="champion"):
        """Makes it the champion (a running server changes over to it), challenger or shadow."""
        self.project._text("models", "promote", self.name, "--alias", alias)


class Project:
    """The project in `folder`, made by `gfr init`. Errors of `gfr` are raised as gfr.GfrError, with its words.

    `program`: the gfr program; else the environment's GFR, else the one on the PATH.
    """

    def __init__(self, folder=".", program=None):
        self.folder = pathlib.Path(folder)
        self.program = gfr_program.find_program(program)
        if not (self.folder / "gfr.toml").exists():
            raise gfr_program.GfrError(f"there is no project in '{folder}' (no gfr.toml); `gfr init {folder}` makes one", 2)

    def __repr__(self):
        return f"gfr.Project({str(self.folder)!r})"

    def _text(self, *arguments):
        return gfr_program.run(self.program, *arguments, "--project", self.folder)

    def _json(self, *arguments):
        return gfr_program.run_json(self.program, *arguments, "--project", self.folder)

    @property
    def config(self):
        """gfr.toml as a dict: what is written there, without defaults."""
        with open(self.folder / "gfr.toml", "rb") as file:
            return tomllib.load(file)

    @property
    def objectives(self):
        """Their names, in the order of gfr.toml."""
        return [o["name"] for o in self.config.get("objective", [])]

    def features(self):
        """What `gfr features list` says: {"features": [{"name", ...}], ...}."""
        return self._json("features", "list")

    # ---- Datasets

    def export(self, folder, start=None, end=None, memory=None, workers=None):
        """Replays the log and writes FOLDER/OBJECTIVE.parquet of each objective; gives {objective: path}.

        `start`, `end`: rows that arrived from (inclusive) and until (exclusive); datetimes or RFC 3339. `memory`
        ("6GiB"): a log that needs more is replayed by partitions of users, on `workers` threads.
        """
        options = [x for name, value in (("--from", start), ("--to", end)) if value is not None for x in (name, _time(value))]
        options += [x for name, value in (("--memory", memory), ("--workers", workers)) if value is not None for x in (name, value)]
        self._json("dataset", "--out", folder, *options)
        return {name: pathlib.Path(folder) / f"{name}.parquet" for name in self.objectives}

    def dataset(self, objective="pctr", start=None, end=None, memory=None, workers=None):
        """The mature rows of an objective in log order, as a pyarrow.Table (`.to_pandas()` where pandas is there).

        Columns: each feature as float32 (missing: null; a category: its raw code, the upper 24 bits of the key of its
        text), then `label` (float32, 0 or 1), `user` (uint64, key of the id), `arrival_ms` (int64, milliseconds since
        1970, UTC), `log_offset` (uint64, of the event), `request` (uint64, equal for the rows of one request).
        The schema's metadata has the features' fingerprints. Options: `export`. Raises GfrError, KeyError.
        """
        if objective not in self.objectives:
            raise KeyError(f"no objective '{objective}'; gfr.toml has {', '.join(self.objectives)}")
        with tempfile.TemporaryDirectory(prefix="gfr-dataset-") as folder:
            return pq.read_table(self.export(folder, start, end, memory, workers)[objective], memory_map=False)

    # ---- Versions

    def versions(self):
        """The registry's versions, oldest first, as a list of Version."""
        return [Version(self, m["version"], m["champion"], tuple(m["aliases"]), datetime.datetime.fromisoformat(m["created"]))
                for m in self._json("models", "list")["models"]]

    def version(self, name=None):
        """A version by its name ("3" or 3) or alias; the champion when left out. Raises KeyError."""
        wanted = "champion" if name is None else str(name)
        versions = self.versions()
        for v in versions:
            if v.name == wanted or wanted in v.aliases:
                return v
        raise KeyError(f"no version '{wanted}'; there are {', '.join(v.name for v in versions) or 'none yet'}")

    def diff(self, a, b):
        """What differs between the metrics and lineage of two versions: a list of {"what", "from", "to", ...}."""
        return self._json("models", "diff", a, b)["changes"]

    # ---- Training and judging

    def train(self, memory=None, workers=None):
        """`gfr train`: trains, calibrates, judges and registers; gives the report with "version" and "champion"."""
        options = [x for name, value in (("--memory", memory), ("--workers", workers)) if value is not None for x in (name, value)]
        return self._json("train", *options)

    def evaluate(self, version=None, start=None, end=None, against=None, position_bias=False, html=None):
        """Judges a version (the champion when left out) on the rows of [start, end), else on its own test range.

        Gives the report as a dict (docs/evaluating.md): of each objective the figures with 95 % intervals by bootstrap
        over users, `lift`, `reliability`, `importance`, `slices`; `ranking` beside baselines; with `against`, another
        version, paired differences. `html`: a file for the report as one page.
        """
        options = []
        for name, value in (("--model", version), ("--from", start), ("--to", end), ("--against", against), ("--html", html)):
            if value is not None:
                options += [name, _time(value)]
        return self._json("evaluate", *options, *(["--position-bias"] if position_bias else []))

    def predict(self, rows, objective="pctr", version=None):
        """Calibrated probabilities of feature rows, as float32 of shape (rows,), by a version (default: the champion).

        `rows`: a pyarrow.Table or a pandas.DataFrame with a column for each feature of the version, as `dataset` gives
        them; others are passed over. An objective with the softmax link needs `request` too, and whole requests.
        """
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
        with tempfile.TemporaryDirectory(prefix="gfr-predict-") as folder:
            path = pathlib.Path(folder) / "rows.parquet"
            pq.write_table(table, path)
            options = ["--version", version] if version is not None else []
            text = gfr_program.run(self.program, "predict", "--project", self.folder, "--objective", objective, "--data", path, *options)
        return np.array(text.split(), dtype=np.float32)
