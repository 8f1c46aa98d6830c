"""Training rows by Spark are those of `gfr dataset`, to the bit: skewed users, and a worker that is killed."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import unittest

from gfr_process import SOURCE, Folder, run
from rows_in_parts import same_rows

PYTHON = SOURCE / "build/spark-venv/bin/python"
EXTENSION = pathlib.Path(os.environ.get("GFR_EXTENSION", ""))
ALL = os.environ.get("GFR_TEST_ALL")
MISSING = (not shutil.which("java") and "Java is not there") or (not PYTHON.exists() and "pyspark is not there; `tools/setup --spark` installs it") or (
    not list(EXTENSION.glob("_rows.*.so")) and "the extension gfr._rows is not built; `tools/setup` installs nanobind")


def spark(project, out, *arguments, master="local[1]", what="dataset"):
    env = {**os.environ, "PYTHONPATH": str(SOURCE / "python"), "PYSPARK_PYTHON": str(PYTHON), "GFR_EXTENSION": str(EXTENSION), "PYTHONDONTWRITEBYTECODE": "1",
           "SPARK_LOCAL_IP": "127.0.0.1"}
    return subprocess.Popen([PYTHON, "-m", "gfr.spark", what, "--project", project, "--out", out, "--master", master, *map(str, arguments)], env=env,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(test, process):
    out, err = process.communicate(timeout=1200)
    test.assertEqual(process.returncode, 0, err[-6000:])
    return json.loads(out.splitlines()[-1])


def workers_of(driver):
    """Python workers of Spark below a process: children of pyspark's daemons, which make process groups of their own."""
    parents, daemons = {}, set()
    for line in subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout.splitlines():
        pid, parent, command = line.split(None, 2)
        parents[int(pid)] = int(parent)
        if "pyspark.daemon" in command:
            daemons.add(int(pid))

    def is_below(pid):
        while pid in parents and pid != driver:
            pid = parents[pid]
        return pid == driver

    return [pid for pid in daemons if parents[pid] in daemons and is_below(pid)]


class Spark(unittest.TestCase):
    def setUp(self):
        if MISSING:
            print(f"SKIPPED: {MISSING}")
            self.skipTest(MISSING)

    def simulated(self, folder):
        project = folder / "p"
        run("init", project)
        run("simulate", "--project", project, "--users", 100, "--items", 60, "--days", 8, "--seed", 3)
        return project

    def test_rows_are_those_of_one_process(self):
        with Folder() as folder:
            project = self.simulated(folder)
            run("dataset", "--project", project, "--out", folder / "one")
            said = finish(self, spark(project, folder / "spark", "--partitions", 3))
            self.assertEqual(json.loads((folder / "spark/_gfr.json").read_text()), said)
            same_rows(self, folder / "one", folder / "spark", ["pctr"])

    @unittest.skipUnless(ALL, "`make test-all` runs it")
    def test_a_worker_that_is_killed_leaves_no_trace(self):
        with Folder() as folder:
            project = self.simulated(folder)
            run("dataset", "--project", project, "--out", folder / "one")
            process = spark(project, folder / "spark", "--partitions", 6, master="local[2,4]")
            killed = []

            def kill():
                # The daemon is spared, as the JVM would start another. The kills end before the tries of a task do.
                while process.poll() is None and len(killed) < 3:
                    for pid in workers_of(process.pid)[:1]:
                        try:
                            os.kill(pid, signal.SIGKILL)
                        except ProcessLookupError:
                            continue
                        killed.append(pid)
                        time.sleep(3)
                    time.sleep(0.05)

            killer = threading.Thread(target=kill)
            killer.start()
            finish(self, process)
            killer.join()
            self.assertTrue(killed, "no worker was found to kill")
            same_rows(self, folder / "one", folder / "spark", ["pctr"])

    @unittest.skipUnless(ALL, "`make test-all` runs it")
    def test_the_driver_killed_leaves_rows_that_do_not_look_whole(self):
        with Folder() as folder:
            project = self.simulated(folder)
            process = spark(project, folder / "spark", "--partitions", 6, master="local[2]")
            # It writes rows: all steps before have ended.
            while process.poll() is None and not (folder / "spark").exists():
                time.sleep(0.02)
            self.assertIsNone(process.poll(), "the driver ended before it was killed")
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            self.assertFalse((folder / "spark/_gfr.json").exists())
            # What is there is neither taken for rows nor written over.
            again = spark(project, folder / "spark", "--partitions", 3)
            _, err = again.communicate(timeout=1200)
            self.assertNotEqual(again.returncode, 0)
            self.assertIn("already exists", err)
            self.assertFalse((folder / "spark/_gfr.json").exists())


if __name__ == "__main__":
    unittest.main()
