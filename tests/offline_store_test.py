"""The offline feature store by its commands: values as of a time against those of training, and against plain counting."""
import csv
import io
import json
import struct
import unittest

import pyarrow as pa
import pyarrow.parquet as pq

from gfr_process import Folder, run, run_json

CONTEXT = ["geography", "acquisition_channel", "device"]


def log(project):
    return [json.loads(line) for line in run("log", "dump", "--project", project)[0].splitlines()]


def bits(values):
    return [None if v is None or v != v else struct.pack("<f", v) for v in values]


class Join(unittest.TestCase):
    def make(self, folder):
        project = folder / "p"
        run("init", project)
        run("simulate", "--project", project, "--users", 150, "--items", 80, "--days", 14, "--seed", 5)
        return project

    def test_the_requests_of_the_log_joined_have_every_bit_of_their_training_rows(self):
        with Folder() as folder:
            project = self.make(folder)
            events = log(project)
            requests = {e["data"]["request_id"]: e for e in events if e["type"] == "feed.request"}
            rows = []
            for r in requests.values():
                d = r["data"]
                for item in d["items"]:
                    rows.append([d["request_id"], d["user_id"], d["session_id"], d["surface"], item["item_id"], r["time"]] +
                                [d["context"].get(c, "") for c in CONTEXT])
            with open(folder / "rows.csv", "w", newline="") as file:
                out = csv.writer(file)
                out.writerow(["request", "user", "session", "surface", "item", "time", *("said_" + c for c in CONTEXT)])
                out.writerows(rows)
            given = ",".join(f"said_{c}={c}" for c in CONTEXT)  # A column may not have a feature's name.
            done = run_json("features", "join", folder / "rows.csv", "--given", given, "--out", folder / "joined.parquet", "--project", project)
            self.assertEqual((done["rows"], done["after_log"]), (len(rows), 0))
            joined = pq.read_table(folder / "joined.parquet").to_pydict()
            place = {(request, item): i for i, (request, item) in enumerate(zip(joined["request"], joined["item"]))}
            run("dataset", "--project", project, "--out", folder / "rows")
            trained = pq.read_table(folder / "rows/pctr.parquet").to_pydict()
            shown = {i: e["data"] for i, e in enumerate(events)}
            seen, wanted = {}, []
            for offset in trained["log_offset"]:  # Rows of an impression are in the order of its items.
                line = seen[offset] = seen.get(offset, -1) + 1
                wanted.append(place[shown[offset]["request_id"], shown[offset]["items"][line]["item_id"]])
            self.assertGreater(len(wanted), 3000)
            names = [f["name"] for f in run_json("features", "list", "--project", project)["features"]]
            self.assertGreater(len(names), 30)
            for name in names:
                self.assertEqual(bits(joined[name][i] for i in wanted), bits(trained[name]), name)
            # A few features, from Parquet, on standard output.
            pq.write_table(pa.table({"t": pa.array([1767700000000], pa.timestamp("ms", "UTC")), "user": ["u100001"], "mine": [7]}), folder / "one.parquet")
            text, _ = run("features", "join", folder / "one.parquet", "--time", "t", "--features", names[0], "--project", project)
            self.assertEqual(list(csv.reader(io.StringIO(text)))[0], ["t", "user", "mine", names[0]])
            self.assertTrue(text.splitlines()[1].startswith("2026-01-06T11:46:40Z,u100001,7,"), text)

    def test_what_is_wrong_is_said_by_line_and_strangers_are_counted(self):
        with Folder() as folder:
            project = self.make(folder)
            (folder / "rows.csv").write_text("user,time\nu100001,2026-01-06T00:00:00Z\nu100001,yesterday\n")
            _, err = run("features", "join", folder / "rows.csv", "--project", project, expect=2)
            self.assertRegex(err, r"rows\.csv:3: column 'time': 'yesterday' is not a time; valid are RFC 3339")
            _, err = run("features", "join", folder / "rows.csv", "--features", "nothing", "--project", project, expect=1)
            self.assertIn("there is no feature 'nothing'", err)
            run("features", "join", folder / "nowhere.csv", "--project", project, expect=1)
            run("features", "join", "--project", project, expect=2)
            (folder / "rows.csv").write_text("user,time\nnobody,2027-01-06T00:00:00Z\n")
            out, err = run("features", "join", folder / "rows.csv", "--project", project)
            self.assertIn("1 rows name a user that was not in the log", err)
            self.assertIn("1 rows are of a time behind the log's last event", err)
            self.assertEqual(len(out.splitlines()), 2)


if __name__ == "__main__":
    unittest.main()
