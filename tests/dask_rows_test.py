"""Training rows by Dask with two workers are those of `gfr dataset`, to the bit."""
import json
import os
import pathlib
import subprocess
import unittest

from dask_test import Cluster
from gfr_process import Folder, run
from gfr_python import PEERS, has_peer
from rows_in_parts import same_rows

EXTENSION = pathlib.Path(os.environ.get("GFR_EXTENSION", ""))


class DaskRows(unittest.TestCase):
    def test_rows_of_two_workers_are_those_of_one_process(self):
        missing = (not has_peer("distributed") and "dask is not there; `tools/setup --test-peers` installs it") or (
            not list(EXTENSION.glob("_rows.*.so")) and "the extension gfr._rows is not built; `tools/setup` installs nanobind")
        if missing:
            print(f"SKIPPED: dask: {missing}")
            self.skipTest(missing)
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            run("simulate", "--project", project, "--users", 100, "--items", 60, "--days", 8, "--seed", 3)
            run("dataset", "--project", project, "--out", folder / "one")
            with Cluster(folder, workers=2, GFR_EXTENSION=str(EXTENSION)) as cluster:
                done = subprocess.run([PEERS, "-m", "gfr.dask_rows", "--scheduler", cluster.address, "--project", project, "--out", folder / "dask", "--workers", "2",
                                       "--partitions", "5", "--wait", "600"], env=cluster.env, capture_output=True, text=True, timeout=1800)
            self.assertEqual(done.returncode, 0, done.stderr[-6000:])
            self.assertEqual(json.loads((folder / "dask/_gfr.json").read_text()), json.loads(done.stdout.splitlines()[-1]))
            same_rows(self, folder / "one", folder / "dask", ["pctr"])


if __name__ == "__main__":
    unittest.main()
