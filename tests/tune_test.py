"""Tuning: a tiny budget, a study that goes on where it was, Ctrl-C, and parameters written into gfr.toml."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import tomllib
import unittest

from gfr_process import GFR, SOURCE, Folder, run, run_json
from gfr_python import PEERS, environment, has_peer


def make_project(path):
    run("init", path)
    toml = (path / "gfr.toml").read_text().replace("folds = 4", "folds = 2")
    toml = re.sub(r"max_rounds = \d+", "max_rounds = 60  # a remark", toml)
    assert "# a remark" in toml
    (path / "gfr.toml").write_text(toml)
    run("simulate", "--project", path, "--users", 300, "--items", 100, "--days", 42, "--seed", 9)


class Trials(unittest.TestCase):
    def test_a_fold_is_judged_by_lines_of_json(self):
        with Folder() as folder:
            make_project(folder / "p")
            asked = [{"fold": 0, "train": {"depth": 3, "max_rounds": 40}}, {"fold": 1, "train": {"depth": 3, "max_rounds": 40}}, {"fold": 1, "train": {"depth": 3, "max_rounds": 40}},
                     {"fold": 1, "train": {"max_rounds": 1}}, {"fold": 2, "train": {}}, {"fold": 0, "train": {"depht": 3}}, {"fold": 0, "train": {"depth": 99}}, "nonsense"]
            done = subprocess.run([GFR, "trials", "--project", folder / "p"], input="".join(json.dumps(a) + "\n" for a in asked), capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            ready, first, newest, again, one_round, *refused = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual((ready["folds"], set(ready["objectives"])), (2, {"pctr", "pcvr"}))
            for answer in (first, newest):
                for o in answer["objectives"].values():
                    self.assertGreater(o["positives"], 10)
                    self.assertTrue(0.5 < o["normalised_entropy"] < 1.2)
                self.assertAlmostEqual(answer["normalised_entropy"], sum(o["normalised_entropy"] for o in answer["objectives"].values()) / 2)
            self.assertNotEqual(first["objectives"], newest["objectives"])
            self.assertEqual(newest["objectives"], again["objectives"])
            self.assertEqual(one_round["objectives"]["pctr"]["rounds"], 1)
            for answer, why in zip(refused, ("fold 2 is none of the 2", "depht", "depth", 'a line is {"fold"')):
                self.assertIn(why, answer["error"])

    def test_the_newest_fold_is_the_test_part_of_training(self):
        with Folder() as folder:
            make_project(folder / "p")
            path = folder / "p/gfr.toml"
            train = tomllib.loads(path.read_text())["train"]
            done = subprocess.run([GFR, "trials", "--project", folder / "p"], input=json.dumps({"fold": 1, "train": train}) + "\n", capture_output=True, text=True, check=True)
            answer = json.loads(done.stdout.splitlines()[1])
            report = run_json("train", "--project", folder / "p")
            for name, o in answer["objectives"].items():
                for key in ("rows", "positives", "log_loss", "normalised_entropy"):
                    self.assertEqual(o[key], report["objectives"][name][key], (name, key))


@unittest.skipUnless(has_peer("optuna"), "optuna is not there; `tools/setup --test-peers` installs it")
class Tune(unittest.TestCase):
    def setUp(self):
        folder = Folder()
        self.path = folder.__enter__() / "p"
        self.addCleanup(folder.__exit__)
        make_project(self.path)

    def tune(self, *arguments):
        return subprocess.Popen([PEERS, "-m", "gfr.tune", "--project", self.path, "--json", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=environment())

    def test_it_goes_on_where_it_was_and_applies_the_best(self):
        out, err = (first := self.tune("--minutes", 60, "--trials", 2)).communicate(timeout=1200)
        self.assertEqual(first.returncode, 0, err)
        one = json.loads(out)
        self.assertEqual((one["trials"], one["trials_before"]), (2, 0))
        self.assertIn("trial 0: ", err)
        out, err = (second := self.tune("--minutes", 60, "--trials", 4, "--apply")).communicate(timeout=1200)
        self.assertEqual(second.returncode, 0, err)
        two = json.loads(out)
        self.assertEqual((two["trials"], two["trials_before"]), (4, 2))
        self.assertEqual(two["normalised_entropy_first"], one["normalised_entropy_first"])
        self.assertLessEqual(two["normalised_entropy"], min(one["normalised_entropy"], one["normalised_entropy_first"]))
        text = (self.path / "gfr.toml").read_text()
        self.assertIn("max_rounds = 60  # a remark", text)
        before = tomllib.loads((self.path / "gfr.toml.before-tuning").read_text())
        now = tomllib.loads(text)
        for key, value in two["train"].items():
            self.assertAlmostEqual(now["train"][key] / value, 1, places=5)
        self.assertEqual({k: v for k, v in now.items() if k != "train"}, {k: v for k, v in before.items() if k != "train"})
        run("train", "--project", self.path)

    def test_ctrl_c_keeps_what_was_tried_and_a_kill_loses_only_its_trial(self):
        interrupted = self.tune("--minutes", 60, "--seed", 3)
        said = ""
        while "trial 1" not in said and "trial 2" not in said:
            line = interrupted.stderr.readline()
            self.assertTrue(line, said)  # It ended before.
            said += line
        interrupted.send_signal(signal.SIGINT)
        out, err = interrupted.communicate(timeout=1200)
        self.assertEqual(interrupted.returncode, 130, said + err)
        kept = json.loads(out)
        self.assertTrue(kept["interrupted"])
        self.assertGreaterEqual(kept["trials"], 1)
        killed = self.tune("--minutes", 60)
        while "goes on with" not in killed.stderr.readline():
            pass
        killed.kill()
        killed.communicate()
        out, err = (last := self.tune("--minutes", 60, "--trials", kept["trials"] + 1)).communicate(timeout=1200)
        self.assertEqual(last.returncode, 0, err)
        self.assertEqual(json.loads(out)["trials_before"], kept["trials"])

    def test_its_budget_is_kept(self):
        out, err = (short := self.tune("--minutes", 0.1)).communicate(timeout=1200)
        self.assertIn(short.returncode, (0, 1), err)  # 1: not even one trial was ready, which it says.


if __name__ == "__main__":
    unittest.main()
