"""Training rows by Dask with two workers are those of `gfr dataset`, to the bit; also when a worker or the driver is killed."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from dask_test import Cluster
from gfr_process import Folder, run
from gfr_python import PEERS, has_peer
from rows_in_parts import same_rows

ALL = os.environ.get("GFR_TEST_ALL")
EXTENSION = pathlib.Path(os.environ.get("GFR_EXTENSION", ""))


def why_not():
    """Why Dask's rows cannot be tested here; empty: they can."""
    if not has_peer("distributed"):
        return "dask is not there; `tools/setup --test-peers` installs it"
    return "" if list(EXTENSION.glob("_rows.*.so")) else "the extension gfr._rows is not built; `tools/setup` installs nanobind"


def simulated(folder):
    project = folder / "p"
    run("init", project)
    run("simulate", "--project", project, "--users", 100, "--items", 60, "--days", 8, "--seed", 3)
    run("dataset", "--project", project, "--out", folder / "one")
    return project


def start(cluster, project, out, partitions=5):
    """The driver, in a process group of its own."""
    return subprocess.Popen([PEERS, "-m", "gfr.dask_rows", "--scheduler", cluster.address, "--project", project, "--out", out, "--workers", str(cluster.count),
                             "--partitions", str(partitions), "--wait", "600"], env=cluster.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def scratch_of(folder):
    return list(folder.glob("rows-*"))


def wait_for(happened, process, seconds=600):
    """Until it happened (True), or the process ended first (False)."""
    until = time.monotonic() + seconds
    while not happened():
        if process.poll() is not None:
            return False
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.005)
    return True


# What shows that a step has begun: files in the scratch folder, by their names; rows in the end.
STEPS = {"survey": None, "catalogue": "rows-*/catalogue.*", "route": "rows-*/routed.*", "lines": "rows-*/lines.*", "rows": "dask/objective=*/*"}


# Leaves the shared value on one worker, as Dask's memory manager does, ends that one by its process id, and asks for a task of it.
SHARED = """
import os, signal, sys, time
import distributed
from gfr import dask_rows


def main():
    with distributed.Client(sys.argv[1], timeout=600) as client:
        client.wait_for_workers(2, timeout=600)
        pids = client.run(os.getpid)
        shared = dask_rows.share(client, "7")
        distributed.wait(shared)
        while len(holders := client.who_has(shared)[shared.key]) != 1:
            time.sleep(0.05)
        os.kill(pids[holders[0]], signal.SIGKILL)
        print(client.submit(dask_rows.same, shared, pure=False).result(timeout=600))


if __name__ == "__main__":
    main()
"""


class DaskRows(unittest.TestCase):
    def setUp(self):
        if missing := why_not():
            print(f"SKIPPED: dask: {missing}")
            self.skipTest(missing)

    def test_rows_of_two_workers_are_those_of_one_process(self):
        with Folder() as folder:
            project = simulated(folder)
            with Cluster(folder, workers=2, GFR_EXTENSION=str(EXTENSION)) as cluster:
                out, err = (process := start(cluster, project, folder / "dask")).communicate(timeout=1800)
            self.assertEqual(process.returncode, 0, err[-6000:])
            self.assertEqual(json.loads((folder / "dask/_gfr.json").read_text()), json.loads(out.splitlines()[-1]))
            same_rows(self, folder / "one", folder / "dask", ["pctr"])

    def test_what_all_tasks_share_outlives_the_worker_that_alone_has_it(self):
        with Folder() as folder, Cluster(folder, workers=2, GFR_EXTENSION=str(EXTENSION)) as cluster:
            done = subprocess.run([PEERS, "-c", SHARED, cluster.address], env=cluster.env, capture_output=True, text=True, timeout=1800)
            self.assertEqual(done.stdout.strip(), "7", done.stderr[-3000:])

    def assert_whole_or_said(self, folder, process, one):
        """After a kill: the very rows, or a clear error (given) and nothing that looks whole."""
        _, err = process.communicate(timeout=1800)
        if process.returncode == 0:
            same_rows(self, one, folder / "dask", ["pctr"])
            return ""
        self.assertTrue(err.strip(), "the error says nothing")
        self.assertFalse((folder / "dask/_gfr.json").exists(), "rows that are not whole look so")
        return err[-3000:]

    def test_a_worker_killed_in_any_step_leaves_the_same_rows_or_a_clear_error(self):
        steps = STEPS if ALL else {"rows": STEPS["rows"]}
        with Folder() as folder:
            project = simulated(folder)
            for step, pattern in steps.items():
                with self.subTest(step), Cluster(folder, workers=2, GFR_EXTENSION=str(EXTENSION)) as cluster:
                    process = start(cluster, project, folder / "dask", partitions=8)
                    wait_for(lambda: scratch_of(folder) if pattern is None else list(folder.glob(pattern)), process)
                    cluster.workers[0].send_signal(signal.SIGKILL)
                    cluster.workers[0].wait()
                    # One worker is left, which does what the other had to do.
                    self.assertEqual(self.assert_whole_or_said(folder, process, folder / "one"), "", f"killed at {step}: the other worker was to go on")
                    self.assertEqual(scratch_of(folder), [], "scratch files stay")
                shutil.rmtree(folder / "dask", ignore_errors=True)

    def test_the_driver_killed_leaves_rows_that_do_not_look_whole_and_the_next_one_makes_them(self):
        steps = STEPS if ALL else {"rows": STEPS["rows"]}
        with Folder() as folder:
            project = simulated(folder)
            with Cluster(folder, workers=2, GFR_EXTENSION=str(EXTENSION)) as cluster:
                for step, pattern in steps.items():
                    with self.subTest(step):
                        process = start(cluster, project, folder / "dask", partitions=8)
                        running = wait_for(lambda: scratch_of(folder) if pattern is None else list(folder.glob(pattern)), process)
                        process.kill()
                        process.communicate()
                        # Unless it had ended by itself before.
                        whole = (folder / "dask/_gfr.json").exists()
                        self.assertFalse(whole and running and process.returncode != 0 and not self.rows_are_whole(folder), step)
                        if not whole and (folder / "dask").exists():
                            again = start(cluster, project, folder / "dask")
                            _, err = again.communicate(timeout=1800)
                            self.assertNotEqual(again.returncode, 0, "what a killed driver left was taken for nothing")
                            self.assertIn("is there already", err)
                        shutil.rmtree(folder / "dask", ignore_errors=True)
                        for left in scratch_of(folder):
                            shutil.rmtree(left, ignore_errors=True)
                process = start(cluster, project, folder / "dask")
                self.assertEqual(self.assert_whole_or_said(folder, process, folder / "one"), "")

    def rows_are_whole(self, folder):
        same_rows(self, folder / "one", folder / "dask", ["pctr"])
        return True


if __name__ == "__main__":
    unittest.main()
