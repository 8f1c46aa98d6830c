"""LightGBM as the engine of a project: trained, judged, served and recalibrated as XGBoost is, and about as good; losses to choose from."""
import csv
import json
import shutil
import subprocess
import unittest

import lightgbm
import numpy as np
import xgboost
from pyarrow import parquet

from gfr_process import GFR, SOURCE, Folder, Server, run, run_json
from gfr_python import PEERS, environment, has_peer


class Engines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        folder = cls.folder.__enter__()
        cls.addClassCleanup(cls.folder.__exit__)
        cls.projects = {}
        for engine in ("xgboost", "lightgbm"):
            project = cls.projects[engine] = folder / engine
            if engine == "xgboost":
                run("init", project)
                run("simulate", "--project", project, "--users", 1000, "--items", 300, "--days", 42, "--seed", 3)
            else:
                shutil.copytree(folder / "xgboost", project)
            toml = (folder / "xgboost/gfr.toml").read_text().replace("folds = 4", "folds = 0")
            (project / "gfr.toml").write_text(toml.replace("[train]", f'[train]\nengine = "{engine}"') if engine == "lightgbm" else toml)
        cls.reports = {engine: run_json("train", "--project", project) for engine, project in cls.projects.items()}

    def test_quality_is_close_to_xgboosts(self):
        for objective, most in (("pctr", 0.01), ("pcvr", 0.03)):
            a, b = (self.reports[e]["objectives"][objective] for e in ("xgboost", "lightgbm"))
            print(objective, {k: (a[k], b[k]) for k in ("auc_roc", "log_loss")})
            self.assertEqual(a["rows"], b["rows"])
            self.assertLess(abs(a["auc_roc"] - b["auc_roc"]), most)
            self.assertLess(abs(a["log_loss"] / b["log_loss"] - 1), most)
            self.assertGreater(b["importance"][0]["shap"], 0)

    def test_the_version_names_its_engine_and_equals_another_of_the_same_seed(self):
        project = self.projects["lightgbm"]
        models = project / "data/models/feed"
        self.assertEqual(json.loads((models / "1/manifest.json").read_text())["lineage"]["engine"], "lightgbm")
        self.assertIn("| engine | lightgbm |", run("models", "card", "1", "--project", project)[0])
        self.assertTrue((models / "1/pctr.lightgbm.txt").read_text().startswith("tree\n"))
        version = run_json("train", "--project", project)["version"]
        for name in ("pctr.lightgbm.txt", "pctr.calibration.json", "pcvr.lightgbm.txt", "pcvr.calibration.json", "model.json"):
            self.assertEqual((models / "1" / name).read_bytes(), (models / version / name).read_bytes(), name)

    def test_trials_learn_by_the_engine_they_are_asked_for(self):
        asked = [{"fold": 3, "train": {"max_rounds": 10, "engine": engine}} for engine in ("xgboost", "lightgbm", "lightgbm", "none")]
        done = subprocess.run([GFR, "trials", "--project", self.projects["lightgbm"]], input="\n".join(map(json.dumps, asked)) + "\n", capture_output=True,
                              text=True, check=True)
        xgboost, lightgbm, again, none = map(json.loads, done.stdout.splitlines()[1:])
        self.assertNotEqual(xgboost["normalised_entropy"], lightgbm["normalised_entropy"])
        self.assertEqual(again["objectives"], lightgbm["objectives"])
        self.assertIn("valid are xgboost and lightgbm", none["error"])

    def test_versions_of_both_engines_are_compared(self):
        both = self.folder.path / "both"
        shutil.copytree(self.projects["lightgbm"], both)
        toml = (both / "gfr.toml").read_text()
        (both / "gfr.toml").write_text(toml.replace('engine = "lightgbm"', 'engine = "xgboost"'))
        version = run_json("train", "--project", both)["version"]
        report = run_json("evaluate", "--model", version, "--against", "1", "--project", both)
        self.assertEqual(report["against"]["model"], "feed/1")
        low, high = report["against"]["objectives"]["pctr"]["intervals"]["log_loss"]
        self.assertTrue(-0.01 < low < high < 0.01, (low, high))

    def test_what_is_served_is_what_predict_gives(self):
        project = self.projects["lightgbm"]
        with Server(project, "--clock", "log") as server:
            status, feed = server.post("/v1/feed", {"user_id": "u100001", "session_id": "s", "request_id": "r", "surface": "home", "explain": True})
            self.assertEqual(status, 200, feed)
            self.assertEqual(feed["degraded"], [])
        self.assertGreater(len(feed["items"]), 10)
        rows = self.folder.path / "rows.csv"
        with open(rows, "w", newline="") as file:
            names = list(feed["items"][0]["features"])
            out = csv.writer(file)
            out.writerow(names)
            out.writerows([["" if i["features"][n] is None else i["features"][n] for n in names] for i in feed["items"]])
        for objective in ("pctr", "pcvr"):
            predicted = run("predict", "--project", project, "--version", 1, "--objective", objective, "--data", rows)[0].split()
            self.assertEqual([np.float32(p) for p in predicted], [np.float32(i["scores"][objective]) for i in feed["items"]])

    @unittest.skipUnless(has_peer("onnxruntime") and has_peer("mlflow"), "onnxruntime and mlflow are not in build/peers-venv (tools/setup --test-peers)")
    def test_an_exported_version_predicts_the_same_in_onnx_runtime_and_mlflow(self):
        data = self.folder.path / "onnx-rows"
        run("dataset", "--project", self.projects["xgboost"], "--out", data)
        table = parquet.read_table(data / "pctr.parquet").slice(0, 20_000)
        for engine, project in self.projects.items():
            out = self.folder.path / f"{engine}-onnx"
            columns = run_json("models", "export", "1", "--to", out, "--project", project)["columns"]
            rows = np.column_stack([table.column(c).to_numpy(zero_copy_only=False).astype(np.float32) for c in columns])
            self.assertTrue(np.isnan(rows).any())
            np.save(self.folder.path / "rows.npy", rows)
            subprocess.run([PEERS, SOURCE / "tests/onnx_predict.py", out, self.folder.path / "rows.npy", self.folder.path / "out.npz", "mlflow"],
                           env=environment(), check=True)
            given = np.load(self.folder.path / "out.npz")
            parquet.write_table(table.select(columns), self.folder.path / "rows.parquet")
            for objective in ("pctr", "pcvr"):
                predicted = run("predict", "--project", project, "--version", 1, "--objective", objective, "--data", self.folder.path / "rows.parquet")[0].split()
                ours = np.array(predicted, np.float32)
                self.assertEqual(len(ours), len(rows))
                self.assertLess(np.abs(given[objective] - ours).max(), 1e-6, (engine, objective))
                self.assertLess(np.abs(given[f"mlflow.{objective}"] - ours).max(), 1e-6, "trees are added by several threads")
                if engine == "xgboost":
                    booster = xgboost.Booster(model_file=project / f"data/models/feed/1/{objective}.ubj")
                    self.assertEqual(booster.feature_names, columns)
                    codes = self.own_codes(project, rows)
                    margins = booster.predict(xgboost.DMatrix(codes, feature_names=columns), output_margin=True)
                    self.assertEqual(margins.tobytes(), given[f"{objective}_margin"].tobytes())  # To the bit.
            self.assertIn("not empty", run("models", "export", "1", "--to", out, "--project", project, expect=1)[1])
        booster = lightgbm.Booster(model_file=self.projects["lightgbm"] / "data/models/feed/1/pctr.lightgbm.txt")
        self.assertEqual(booster.feature_name(), columns)

    @staticmethod
    def own_codes(project, rows):
        """The rows with the model's own codes of categories, as docs/formats/model.md says."""
        model = json.loads((project / "data/models/feed/1/model.json").read_text())
        rows = rows.copy()
        for k, pairs in enumerate(model["categories"]):
            if model["categorical"][k]:
                codes = dict(map(tuple, pairs))
                rows[:, k] = [codes.get(float(v), np.nan) for v in rows[:, k]]
        return rows

    def test_what_cannot_be_combined_is_refused_by_name(self):
        project = self.projects["lightgbm"]
        for flags in (["--workers", 2], ["--exchange", self.folder.path / "x"]):
            _, err = run("train", *flags, "--project", project, expect=2)
            self.assertIn("[train] engine is lightgbm", err)
        toml = self.folder.path / "bad/gfr.toml"
        shutil.copytree(project, toml.parent)
        toml.write_text(toml.read_text().replace('engine = "lightgbm"', 'engine = "catboost"'))
        _, err = run("train", "--project", toml.parent, expect=2)
        self.assertRegex(err, r"gfr\.toml:\d+: \[train\] engine: is 'catboost'; valid are xgboost and lightgbm")

    def test_the_softmax_link_and_recalibration(self):
        project = self.folder.path / "softmax"
        shutil.copytree(self.projects["lightgbm"], project)
        shutil.rmtree(project / "data/models")
        toml = (project / "gfr.toml").read_text()
        (project / "gfr.toml").write_text(toml.replace('name = "pctr"', 'name = "pctr"\nlink = "softmax"'))
        report = run_json("train", "--project", project)
        self.assertGreater(report["ranking"]["mrr"], self.reports["xgboost"]["ranking"]["mrr"] - 0.02)
        self.assertTrue(0.8 < report["objectives"]["pctr"]["observed_over_expected"] < 1.25)
        self.assertIn("not learnt from", run("train", "--recalibrate", "--project", project, expect=2)[1])

    def learning(self, name, learn, engine="xgboost"):
        """A project whose pctr learns by one of these, without versions."""
        project = self.folder.path / name
        shutil.copytree(self.projects[engine], project)
        shutil.rmtree(project / "data/models")
        toml = (project / "gfr.toml").read_text()
        (project / "gfr.toml").write_text(toml.replace('name = "pctr"', f'name = "pctr"\nlearn = {json.dumps(learn)}'))
        return project

    def test_the_loss_with_the_lowest_log_loss_after_calibration_is_kept(self):
        losses = ["logistic", "softmax", "rank:ndcg", "rank:pairwise"]
        project = self.learning("losses", losses)
        report = run_json("train", "--project", project)
        tried = report["objectives"]["pctr"]["tried"]
        print(tried)
        self.assertEqual([t["loss"] for t in tried], losses)
        kept = min(tried, key=lambda t: t["log_loss"])
        self.assertEqual([t for t in tried if t["kept"]], [kept])
        self.assertIn(f"| pctr.learnt | {kept['loss']} |", run("models", "card", "1", "--project", project)[0])
        self.assertNotIn("tried", report["objectives"]["pcvr"])
        if kept["loss"] == "logistic":  # Then nothing is different from a project that tries nothing else.
            self.assertEqual(*[(p / "data/models/feed/1/pctr.ubj").read_bytes() for p in (project, self.projects["xgboost"])])

    def test_ranking_is_calibrated_and_served(self):
        project = self.learning("ranking", ["rank:ndcg"])
        report = run_json("train", "--project", project)
        pctr = report["objectives"]["pctr"]
        print({k: pctr[k] for k in ("auc_roc", "log_loss", "observed_over_expected")}, report["ranking"]["mrr"])
        self.assertTrue(0.8 < pctr["observed_over_expected"] < 1.25)
        self.assertGreater(report["ranking"]["mrr"], self.reports["xgboost"]["ranking"]["mrr"] - 0.02)
        self.assertEqual(run_json("evaluate", "--project", project)["objectives"]["pctr"]["rows"], pctr["rows"])
        with Server(project, "--clock", "log") as server:
            feed = server.post("/v1/feed", {"user_id": "u100001", "session_id": "s", "request_id": "r", "surface": "home"})[1]
        self.assertEqual(feed["degraded"], [])
        self.assertTrue(all(0 < i["scores"]["pctr"] < 1 for i in feed["items"]))

    def test_losses_that_cannot_be_are_refused(self):
        _, err = run("train", "--project", self.learning("by_lightgbm", ["rank:ndcg"], "lightgbm"), expect=2)
        self.assertIn("learn has rank:ndcg, which XGBoost learns in one process, and LightGBM does not", err)
        project = self.learning("unknown", ["rank:map"])
        toml = (project / "gfr.toml").read_text()
        for change, says in ((toml, "learn: has 'rank:map'; valid are"),
                             (toml.replace("rank:map", "rank:ndcg").replace('name = "pctr"', 'name = "pctr"\nlink = "logistic"'), "learn: is beside link"),
                             (toml.replace("rank:map", "rank:ndcg") + "\n[dataset]\nnegatives = 0.5\n", "negatives: is below 1"),
                             (toml.replace("rank:map", "softmax").replace('name = "pctr"', 'name = "pctr"\ncalibrate_by = "device"'), "not for softmax links"),
                             (toml.replace("rank:map", "softmax").replace('name = "pctr"', 'name = "pctr"\nearly_window = "1m"'), "early_window: does not go with the softmax")):
            (project / "gfr.toml").write_text(change)
            self.assertIn(says, run("train", "--project", project, expect=2)[1])


if __name__ == "__main__":
    unittest.main()
