"""The lake: rows made from it are those of the log byte for byte, and pandas and DuckDB read it."""
import importlib.util
import json
import pathlib
import sys
import unittest

import pyarrow.dataset as ds

from gfr_process import Folder, run, run_json
from gfr_python import SITE


def simulated(folder, users=120, days=12):
    project = folder / "p"
    run("init", project)
    run("simulate", "--project", project, "--users", users, "--items", 60, "--days", days, "--seed", 3)
    return project


def same_rows(test, a, b):
    """Every file of two exported datasets."""
    names = sorted(p.name for p in pathlib.Path(a).glob("*.parquet"))
    test.assertTrue(names)
    test.assertEqual(names, sorted(p.name for p in pathlib.Path(b).glob("*.parquet")))
    for name in names:
        test.assertEqual((pathlib.Path(a) / name).read_bytes(), (pathlib.Path(b) / name).read_bytes(), name)


class Lake(unittest.TestCase):
    def test_rows_from_the_lake_are_those_from_the_log_in_one_pass_and_by_partitions(self):
        with Folder() as folder:
            project = simulated(folder)
            counted = run_json("dataset", "--project", project, "--out", folder / "log")
            self.assertGreater(counted["objectives"]["pctr"]["rows"], 1000)
            self.assertEqual(run_json("dataset", "--project", project, "--from-lake", "--out", folder / "lake"), counted)
            same_rows(self, folder / "log", folder / "lake")
            run("dataset", "--project", project, "--from-lake", "--memory", "1MiB", "--workers", 2, "--out", folder / "parts")
            same_rows(self, folder / "log", folder / "parts")

    def test_each_date_is_a_file_that_its_marker_names_and_others_read_it(self):
        with Folder() as folder:
            project = simulated(folder)
            lake = project / "data/events"
            markers = sorted(lake.glob("date=*/_commit.json"))
            self.assertGreater(len(markers), 8)
            events = 0
            for marker in markers:
                said = json.loads(marker.read_text())
                self.assertEqual([f["name"] for f in said["files"]], sorted(p.name for p in marker.parent.glob("*.parquet")))
                self.assertEqual(said["files"][0]["first"], events)
                events = said["files"][-1]["end"]
            self.assertTrue(all(json.loads(m.read_text())["complete"] for m in markers[:-1]))
            self.assertEqual(events, run_json("dataset", "--project", project)["events"])
            table = ds.dataset(lake, partitioning="hive").to_table(columns=["log_offset", "type", "item_ids", "date"])
            self.assertEqual(table.num_rows, events)
            by_type = {v["values"]: v["counts"] for v in table["type"].value_counts().to_pylist()}
            sys.path.extend(str(site) for site in SITE if str(site) not in sys.path)
            if importlib.util.find_spec("duckdb"):
                import duckdb
                sql = f"select type, count(*) from read_parquet('{lake}/*/*.parquet', hive_partitioning = true) group by type"
                self.assertEqual(dict(duckdb.connect().sql(sql).fetchall()), by_type)
            else:
                print("SKIPPED in part: duckdb is not there; `tools/setup --test-peers` installs it")
            if importlib.util.find_spec("pandas"):
                import pandas as pd
                frame = pd.read_parquet(lake, columns=["type", "log_offset"])
                self.assertEqual(frame["type"].value_counts().to_dict(), by_type)
            else:
                print("SKIPPED in part: pandas is not there; `tools/setup --test-peers` installs it")


if __name__ == "__main__":
    unittest.main()
