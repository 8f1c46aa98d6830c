"""`gfr dataset` on the second night reads what is new, and gives the very bytes of a full replay; `gfr doctor` says what is kept."""
import json
import os
import signal
import subprocess
import time
import unittest

from gfr_process import GFR, Folder, run, run_json

REPLAYED = "all events are replayed"


def nights(folder):
    """A project with all of a simulated log but its last day, and the file of that day's events."""
    made, project = folder / "made", folder / "p"
    run("init", made)
    run("simulate", "--project", made, "--users", 120, "--items", 60, "--days", 9, "--seed", 3)
    lines = run("log", "dump", "--project", made)[0].splitlines()
    days = sorted({json.loads(line)["time"][:10] for line in lines})
    for name, of_last in (("old", False), ("new", True)):
        kept = [line for line in lines if (json.loads(line)["time"][:10] == days[-1]) == of_last]
        assert len(kept) > 50, name
        (folder / f"{name}.ndjson").write_text("\n".join(kept) + "\n")
    run("init", project)
    run("import", "ndjson", folder / "old.ndjson", "--project", project)
    return project, folder / "new.ndjson"


class Incremental(unittest.TestCase):
    def dataset(self, project, out, *arguments):
        """What was said while the rows were made."""
        return run("dataset", "--project", project, "--out", out, *arguments)[1]

    def assert_same(self, a, b):
        names = sorted(p.name for p in a.glob("*.parquet"))
        self.assertTrue(names)
        for name in [*names, "datasheet.json"]:
            self.assertEqual((a / name).read_bytes(), (b / name).read_bytes(), name)

    def test_the_second_night_reads_what_is_new_and_gives_the_bytes_of_a_full_replay(self):
        with Folder() as folder:
            project, new = nights(folder)
            self.assertIn("no rows were kept of this log yet", self.dataset(project, folder / "first"))
            kept = {p.name for p in (project / "data/log.rows").iterdir()}
            run("import", "ndjson", new, "--project", project)
            self.assertNotIn(REPLAYED, self.dataset(project, folder / "second"))
            self.assertNotIn(REPLAYED, self.dataset(project, folder / "full", "--full"))
            self.assert_same(folder / "second", folder / "full")
            self.assertNotEqual((folder / "first/pctr.parquet").read_bytes(), (folder / "second/pctr.parquet").read_bytes())
            self.assertTrue({"part-1", "part-2"} <= {p.name for p in (project / "data/log.rows").iterdir()}, kept)
            finding = {f["check"]: f for f in run_json("doctor", "--project", project)["findings"]}["dataset.kept_rows"]
            on_disk = sum(p.stat().st_size for p in (project / "data/log.rows").iterdir())
            self.assertEqual((finding["severity"], finding["count"]), ("ok", on_disk))
            self.assertIn("dataset.kept_rows", run("doctor", "--project", project)[0])

    def test_a_run_that_was_killed_leaves_what_was_kept_before(self):
        with Folder() as folder:
            project, new = nights(folder)
            self.dataset(project, folder / "first")
            run("import", "ndjson", new, "--project", project)
            rows = project / "data/log.rows"
            for kill_at in ("part.new", "state.new"):
                process = subprocess.Popen([GFR, "dataset", "--project", project, "--out", folder / "killed"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                while process.poll() is None and not (rows / kill_at).exists():
                    time.sleep(0.001)
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                self.assertFalse((folder / "killed/datasheet.json").exists() and process.returncode == -signal.SIGKILL, "half a dataset looks whole")
            self.dataset(project, folder / "second")
            self.dataset(project, folder / "full", "--full")
            self.assert_same(folder / "second", folder / "full")
            self.assertEqual([p.name for p in rows.iterdir() if p.name.endswith(".new")], [])


if __name__ == "__main__":
    unittest.main()
