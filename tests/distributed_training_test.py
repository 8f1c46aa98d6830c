"""`gfr train` by several processes: the same quality, and an end with a reason when one of them is lost."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from gfr_process import GFR, Folder, eventually, is_alive, run, run_json

SMALL, LARGE = ("--users", 250, "--items", 100, "--days", 35, "--seed", 3), ("--users", 900, "--items", 200, "--days", 42, "--seed", 3)


def market(folder, size=SMALL, **settings):
    project = folder / "p"
    run("init", project)
    run("simulate", "--project", project, *size)
    toml = re.sub(r"folds = \d+", "folds = 0", (project / "gfr.toml").read_text())
    for key, value in settings.items():
        toml = re.sub(rf"^{key} = .*$", f"{key} = {value}", toml, flags=re.M) if re.search(rf"^{key} = ", toml, re.M) else toml + f"\n{key} = {value}\n"
    (project / "gfr.toml").write_text(toml)
    return project


def train(project, workers, *arguments):
    report = run_json("train", "--project", project, "--workers", workers, *arguments)
    return {name: o["auc_roc"] for name, o in report["objectives"].items()}


class Training:
    """A `gfr train` that would go on for long, seen from its first rounds on."""

    def __init__(self, project, *arguments, environment=None):
        self.errors = open(project / "stderr.txt", "w+")
        self.process = subprocess.Popen([GFR, "train", "--project", str(project), *arguments], stdout=subprocess.DEVNULL, stderr=self.errors,
                                        env={**os.environ, **(environment or {})})
        self.path = project / "stderr.txt"

    def said(self):
        return self.path.read_text()

    def await_text(self, text, seconds=600):
        until = time.monotonic() + seconds
        while text not in self.said():
            assert self.process.poll() is None and time.monotonic() < until, self.said()
            time.sleep(0.05)

    def workers(self):
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()  # Children are those of one thread, whichever it is.
        return sorted(int(child) for task in tasks for child in (task / "children").read_text().split())

    def end(self):
        return self.process.wait(600)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            for pid in self.workers():
                os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        self.errors.close()


# Few, shallow trees: how far apart two forests' AUC is then goes by their cut points, not by when each stopped.
STEADY = {"depth": 3, "max_rounds": 60, "early_stopping": 60, "colsample": 1.0, "refit": "false"}
ENDLESS = {"max_rounds": 100000, "early_stopping": 10000, "eta": 0.0002}


class DistributedTraining(unittest.TestCase):
    def test_one_two_and_four_processes_have_the_same_quality(self):
        with Folder() as folder:
            project = market(folder, LARGE, **STEADY)
            alone = train(project, 1)
            for workers in (2, 4):
                for name, auc in train(project, workers).items():
                    self.assertAlmostEqual(auc, alone[name], delta=0.002, msg=f"{name} by {workers}")

    def test_the_softmax_and_left_out_negatives_have_the_same_quality(self):
        with Folder() as folder:
            project = market(folder, LARGE, **STEADY)
            toml = (project / "gfr.toml").read_text()
            for change in (lambda t: t.replace('name = "pctr"', 'name = "pctr"\nlink = "softmax"'), lambda t: t + "\n[dataset]\nnegatives = 0.3\nmax_user_rows = 300\n"):
                (project / "gfr.toml").write_text(change(toml))
                alone, together = train(project, 1), train(project, 2)
                self.assertAlmostEqual(together["pctr"], alone["pctr"], delta=0.002)

    def test_a_killed_worker_ends_training_with_its_name(self):
        with Folder() as folder:
            project = market(folder, **ENDLESS)
            with Training(project, "--workers", "2") as training:
                training.await_text("round=0 ")
                victim, other = training.workers()
                os.kill(victim, signal.SIGKILL)
                self.assertEqual(training.end(), 1, training.said())
                self.assertRegex(training.said(), rf"worker [12] of 2 \(process {victim} on .*\) was lost: killed by signal 9")
                eventually(lambda: not is_alive(other), "the other ends too")

    def test_a_stopped_worker_ends_training_with_its_name(self):
        with Folder() as folder:
            project = market(folder, **ENDLESS)
            with Training(project, "--workers", "2") as training:
                training.await_text("round=0 ")
                victim = training.workers()[1]
                os.kill(victim, signal.SIGSTOP)
                self.assertEqual(training.end(), 1, training.said())
                self.assertRegex(training.said(), rf"worker [12] of 2 \(process {victim} on .*\) was lost: it has been silent for")
                eventually(lambda: not is_alive(victim), "it is not left behind")

    def test_a_worker_joins_from_elsewhere_when_it_knows_the_secret(self):
        with Folder() as folder:
            project = market(folder)
            alone = train(project, 1)
            secret = {"GFR_TRAIN_TOKEN": "between us"}
            with Training(project, "--remote-workers", "1", "--listen", "127.0.0.1:0", environment=secret) as training:
                training.await_text("gfr train worker --tracker ")
                address = re.search(r"--tracker (\S+)", training.said()).group(1)
                stranger = subprocess.run([GFR, "train", "worker", "--tracker", address], env={**os.environ, "GFR_TRAIN_TOKEN": "a guess"}, capture_output=True, text=True)
                self.assertEqual(stranger.returncode, 1)
                self.assertIn("GFR_TRAIN_TOKEN", stranger.stderr)
                joined = subprocess.Popen([GFR, "train", "worker", "--tracker", address], env={**os.environ, **secret})
                self.assertEqual(training.end(), 0, training.said())
                self.assertEqual(joined.wait(300), 0)
                self.assertIn("worker 2 of 2", training.said())
            together = json.loads((project / "data/reports/train-2.json").read_text())["objectives"]["pctr"]["auc_roc"]
            self.assertAlmostEqual(together, alone["pctr"], delta=0.02)  # Of few rows.

    def test_workers_that_do_not_come_are_not_waited_for_without_end(self):
        with Folder() as folder:
            project = market(folder)
            with Training(project, "--remote-workers", "1", "--join-timeout", "2", environment={"GFR_TRAIN_TOKEN": "x"}) as training:
                self.assertEqual(training.end(), 1)
                self.assertRegex(training.said(), "[01] of 2 workers joined")  # Its own may be late too.

    def test_a_worker_ends_when_the_training_it_joined_is_killed(self):
        with Folder() as folder:
            project = market(folder, **ENDLESS)
            with Training(project, "--workers", "2") as training:
                training.await_text("round=0 ")
                workers = training.workers()
                training.process.kill()
                training.process.wait()
                eventually(lambda: not any(map(is_alive, workers)), "the workers end")


if __name__ == "__main__":
    unittest.main()
