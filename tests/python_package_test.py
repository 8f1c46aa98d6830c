"""The gfr package: a project's datasets, versions, reports, predictions and plots; and that pip installs it."""
import json
import pathlib
import subprocess
import unittest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfr_process import GFR, SOURCE, Folder, run, run_json
from gfr_python import PEERS, environment, has_peer

import gfr


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.path = cls.folder.__enter__() / "p"
        run("init", cls.path)
        toml = (cls.path / "gfr.toml").read_text().replace("folds = 4", "folds = 0")
        (cls.path / "gfr.toml").write_text(toml)
        run("simulate", "--project", cls.path, "--users", 500, "--items", 200, "--days", 42, "--seed", 5)
        cls.project = gfr.Project(cls.path, program=GFR)
        cls.trained = cls.project.train()

    @classmethod
    def tearDownClass(cls):
        cls.folder.__exit__()

    def test_a_dataset_is_the_rows_that_gfr_counts(self):
        counted = run_json("dataset", "--project", self.path)["objectives"]
        for objective in self.project.objectives:
            table = self.project.dataset(objective)
            self.assertEqual((table.num_rows, pc.sum(table["label"]).as_py()), (counted[objective]["rows"], counted[objective]["positives"]))
        self.assertEqual(table.column_names[-5:], ["label", "user", "arrival_ms", "log_offset", "request"])
        self.assertIn(b"gfr.fingerprint", table.schema.metadata)
        with self.assertRaisesRegex(KeyError, "no objective 'x'.*pctr"):
            self.project.dataset("x")

    def test_a_dataset_of_a_time_range_has_those_rows_of_the_whole(self):
        whole, part = self.project.dataset("pctr"), self.project.dataset("pctr", start="2026-01-20", end="2026-01-21T12:00:00Z")
        first, last = (int(np.datetime64(t, "ms").astype(np.int64)) for t in ("2026-01-20", "2026-01-21T12:00"))
        wanted = whole.filter((pc.field("arrival_ms") >= first) & (pc.field("arrival_ms") < last))
        self.assertGreater(part.num_rows, 0)
        self.assertTrue(part.equals(wanted.combine_chunks()) or part.combine_chunks().equals(wanted.combine_chunks()))

    def test_rows_of_one_request_share_their_request(self):
        table = self.project.dataset("pctr")
        of = {}
        for request, offset, user in zip(*(table[c].to_pylist() for c in ("request", "log_offset", "user"))):
            self.assertEqual(of.setdefault(request, user), user)
        self.assertGreater(len(of), 100)
        self.assertLess(len(of), table.num_rows / 2)

    def test_versions_have_their_metrics_and_cards(self):
        version = self.project.version()
        self.assertEqual((version.name, version.champion, version.aliases), ("1", True, ("champion",)))
        self.assertEqual(version.metrics()["objectives"]["pctr"]["auc_roc"], self.trained["objectives"]["pctr"]["auc_roc"])
        self.assertIn("newest event", version.card())
        self.assertEqual([v.name for v in self.project.versions()][0], "1")
        with self.assertRaisesRegex(KeyError, "no version '77'"):
            self.project.version(77)

    def test_a_report_is_that_of_gfr_evaluate(self):
        report = self.project.evaluate(1)
        self.assertEqual(report, run_json("evaluate", "--model", 1, "--project", self.path))
        bins = report["objectives"]["pctr"]["reliability"]
        self.assertEqual(sum(b["rows"] for b in bins), report["objectives"]["pctr"]["rows"])
        positives = sum(b["rows"] * b["observed"] for b in bins)
        self.assertAlmostEqual(positives, report["objectives"]["pctr"]["positives"], places=6)

    def test_predictions_are_those_the_report_is_made_of(self):
        report = self.project.evaluate(1)
        for objective in self.project.objectives:
            table = self.project.dataset(objective)
            lineage = json.loads((self.path / "data/models/feed/1/model.json").read_text())["card"]
            test = table.filter((pc.field("arrival_ms") >= int(lineage[f"{objective}.test_from_ms"])) & (pc.field("arrival_ms") < int(lineage[f"{objective}.test_to_ms"])))
            p = self.project.predict(test, objective, version=1).astype(np.float64)
            label = test["label"].to_numpy().astype(np.float64)
            self.assertEqual((p.dtype, p.shape), (np.float64, (report["objectives"][objective]["rows"],)))
            log_loss = -np.mean(label * np.log(p) + (1 - label) * np.log1p(-p))
            self.assertAlmostEqual(log_loss, report["objectives"][objective]["log_loss"], places=6)

    def test_predictions_need_every_feature_and_say_which_is_missing(self):
        table = self.project.dataset("pctr").slice(0, 10)
        with self.assertRaisesRegex(gfr.GfrError, "no column 'price'"):
            self.project.predict(table.drop_columns(["price"]))
        with self.assertRaisesRegex(gfr.GfrError, "no objective 'x'.*pctr"):
            self.project.predict(table, "x")
        shuffled = table.select(list(reversed(table.column_names)))
        np.testing.assert_array_equal(self.project.predict(table), self.project.predict(shuffled))

    def test_rows_without_a_place_are_predicted_at_the_reference(self):
        table = self.project.dataset("pctr").slice(0, 100)
        blind = table.drop_columns(["position"])
        first = blind.append_column("position", pa.array(np.zeros(100, np.float32)))
        np.testing.assert_array_equal(self.project.predict(blind), self.project.predict(first))
        self.assertFalse(np.array_equal(self.project.predict(blind), self.project.predict(table)))

    def test_a_softmax_objective_shares_one_click_among_a_requests_rows(self):
        with Folder() as folder:
            path = folder / "p"
            run("init", path)
            toml = (path / "gfr.toml").read_text().replace("folds = 4", "folds = 0").replace('name = "pctr"', 'name = "pctr"\nlink = "softmax"', 1)
            (path / "gfr.toml").write_text(toml)
            run("simulate", "--project", path, "--users", 300, "--items", 100, "--days", 42, "--seed", 6)
            project = gfr.Project(path, program=GFR)
            project.train()
            report, table = project.evaluate(), project.dataset("pctr")
            card = json.loads((path / "data/models/feed/1/model.json").read_text())["card"]
            test = table.filter((pc.field("arrival_ms") >= int(card["pctr.test_from_ms"])) & (pc.field("arrival_ms") < int(card["pctr.test_to_ms"])))
            p, label = project.predict(test).astype(np.float64), test["label"].to_numpy().astype(np.float64)
            self.assertAlmostEqual(-np.mean(label * np.log(p) + (1 - label) * np.log1p(-p)), report["objectives"]["pctr"]["log_loss"], places=6)
            # The same requests by ids that a double cannot tell from their neighbours.
            codes = pc.index_in(test["request"], pc.unique(test["request"])).to_numpy().astype(np.int64)
            large = test.set_column(test.schema.get_field_index("request"), "request", pa.array(2**53 + codes, pa.int64()))
            np.testing.assert_array_equal(project.predict(large).astype(np.float64), p)
            with self.assertRaisesRegex(gfr.GfrError, "no column 'request'"):
                project.predict(test.drop_columns(["request"]))

    def test_what_gfr_refuses_is_raised_with_its_words(self):
        with self.assertRaisesRegex(gfr.GfrError, "no gfr.toml"):
            gfr.Project(self.path / "nowhere", program=GFR)
        with self.assertRaises(gfr.GfrError) as caught:
            self.project.evaluate(start="soon")
        self.assertEqual(caught.exception.code, 2)
        with self.assertRaisesRegex(gfr.GfrError, "no program '/nowhere/gfr'"):
            gfr.Project(self.path, program="/nowhere/gfr")

    @unittest.skipUnless(has_peer("flit_core"), "flit_core is not there; `tools/setup --test-peers` installs it")
    def test_pip_installs_it_and_it_runs_without_the_source(self):
        with Folder() as folder:
            done = subprocess.run([PEERS, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index",
                                   "--target", folder / "site", SOURCE / "python"], capture_output=True, text=True, env=environment())
            self.assertEqual(done.returncode, 0, done.stderr)
            code = f"import gfr, sys; print(gfr.__file__); print(len(gfr.Project(sys.argv[1]).versions()))"
            env = environment()
            env["PYTHONPATH"] = str(folder / "site") + ":" + env["PYTHONPATH"].split(":", 1)[1]
            out = subprocess.run([PEERS, "-c", code, self.path], capture_output=True, text=True, env=env, check=True, cwd=folder).stdout.split()
            self.assertTrue(out[0].startswith(str(folder)), out[0])
            self.assertGreaterEqual(int(out[1]), 1)

    @unittest.skipUnless(has_peer("matplotlib"), "matplotlib is not there; `tools/setup --test-peers` installs it")
    def test_plots_show_the_figures_of_the_report(self):
        report = self.project.evaluate(1)
        code = """
import json, sys
from gfr import plots
report = json.load(sys.stdin)
o = report["objectives"]["pctr"]
ax = plots.reliability(report)
assert [tuple(p) for p in ax.lines[1].get_xydata()] == [(b["mean_probability"], b["observed"]) for b in o["reliability"]]
ax.figure.savefig(sys.argv[1] + "/reliability.png")
assert [bar.get_height() for bar in plots.lift(report).patches] == [b["lift"] for b in o["lift"]]
widths = [bar.get_width() for bar in plots.importance(report, most=5).patches]
assert widths == sorted(f["shap"] for f in o["importance"])[-5:], widths
"""
        with Folder() as folder:
            done = subprocess.run([PEERS, "-c", code, folder], input=json.dumps(report), capture_output=True, text=True, env=environment())
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater((folder / "reliability.png").stat().st_size, 1000)


if __name__ == "__main__":
    unittest.main()
