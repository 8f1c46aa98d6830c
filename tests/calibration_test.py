"""[[objective]] calibrate_by: a device whose clicks fall away after the forest has learnt has its own calibrator, in the report, the version,
the predictions and the feeds."""
import csv
import json
import pathlib
import unittest
import zlib

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfr_process import Folder, Server, run, run_json

CUT = "2026-01-30"  # The forest learns from before; calibration and test come after.


class BySlice(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        folder = cls.folder.__enter__()
        cls.addClassCleanup(cls.folder.__exit__)
        run("init", folder / "made")
        run("simulate", "--project", folder / "made", "--users", 2000, "--items", 200, "--days", 42, "--seed", 8)
        device, kept = {}, []
        for line in run("log", "dump", "--project", folder / "made")[0].splitlines():
            event = json.loads(line)
            data = event["data"]
            if event["type"] == "feed.request":
                device[data["request_id"]] = data["context"]["device"]
            lost = event["type"] == "feed.click" and event["time"] >= CUT and device[data["request_id"]] == "desktop"
            if not lost or zlib.crc32(event["id"].encode()) % 100 < 40:
                kept.append(line)
        (folder / "events.ndjson").write_text("\n".join(kept))
        cls.project = folder / "p"
        run("init", cls.project)
        toml = (cls.project / "gfr.toml").read_text().replace("folds = 4", "folds = 0").replace("refit = true", "refit = false").replace("validation = 0.2", "validation = 0.3")
        cls.toml = toml.replace('name = "pctr"', 'name = "pctr"\ncalibrate_by = "device"')
        (cls.project / "gfr.toml").write_text(cls.toml)
        run("import", "ndjson", folder / "events.ndjson", "--project", cls.project)
        cls.report = run_json("train", "--project", cls.project)

    def test_the_slice_is_calibrated_and_the_report_says_what_all_rows_gave(self):
        slices = {s["value"]: s for s in self.report["objectives"]["pctr"]["slices"] if s["feature"] == "device"}
        desktop = slices["desktop"]
        print({d: (s["observed_over_expected"], s.get("pooled")) for d, s in slices.items()})
        self.assertLess(desktop["pooled"]["observed_over_expected"], 0.7)
        self.assertTrue(0.7 < desktop["observed_over_expected"] < 1.3)
        self.assertLess(desktop["pooled"]["log_loss_difference"], -0.002)
        self.assertIn("by device", run("models", "card", "1", "--project", self.project)[0])
        self.assertIn("that of all rows gave", pathlib.Path(self.report["report"]).read_text())
        by = json.loads((self.project / "data/models/feed/1/pctr.calibration.json").read_text())["by"]
        self.assertEqual(by["column"], "device")
        self.assertEqual(len(by["codes"]), len(by["calibrators"]))
        self.assertNotIn("by", json.loads((self.project / "data/models/feed/1/pcvr.calibration.json").read_text()))

    def test_predictions_are_those_the_report_is_made_of(self):
        run("dataset", "--out", self.folder.path / "rows", "--project", self.project)
        table = pq.read_table(self.folder.path / "rows/pctr.parquet")
        card = json.loads((self.project / "data/models/feed/1/model.json").read_text())["card"]
        test = table.filter((pc.field("arrival_ms") >= int(card["pctr.test_from_ms"])) & (pc.field("arrival_ms") < int(card["pctr.test_to_ms"])))
        pq.write_table(test, self.folder.path / "test.parquet")
        p = np.array(run("predict", "--project", self.project, "--data", self.folder.path / "test.parquet")[0].split(), np.float64)
        label, device = test["label"].to_numpy().astype(np.float64), test["device"].to_numpy()
        self.assertAlmostEqual(-np.mean(label * np.log(p) + (1 - label) * np.log1p(-p)), self.report["objectives"]["pctr"]["log_loss"], places=6)
        ratios = sorted(label[device == d].sum() / p[device == d].sum() for d in np.unique(device))
        reported = sorted(s["observed_over_expected"] for s in self.report["objectives"]["pctr"]["slices"] if s["feature"] == "device")
        np.testing.assert_allclose(ratios, reported, rtol=1e-5)

    def test_feeds_have_the_probabilities_that_predict_gives(self):
        feeds = {}
        with Server(self.project, "--clock", "log") as server:
            for device in ("desktop", "mobile", "fridge"):
                status, feeds[device] = server.post("/v1/feed", {"user_id": "u100001", "session_id": "s", "request_id": device, "surface": "home",
                                                                 "explain": True, "context": {"device": device}})
                self.assertEqual((status, feeds[device]["degraded"]), (200, []))
        for device, feed in feeds.items():
            rows = self.folder.path / f"{device}.csv"
            with open(rows, "w", newline="") as file:
                names = list(feed["items"][0]["features"])
                out = csv.writer(file)
                out.writerow(names)
                out.writerows([["" if i["features"][n] is None else i["features"][n] for n in names] for i in feed["items"]])
            predicted = run("predict", "--project", self.project, "--data", rows)[0].split()
            self.assertEqual([np.float32(p) for p in predicted], [np.float32(i["scores"]["pctr"]) for i in feed["items"]])

    def test_a_column_that_is_no_category_and_a_softmax_are_refused(self):
        path = self.folder.path / "bad"
        run("init", path)
        for change, says in (('calibrate_by = "price"', "calibrate_by: is 'price'; valid is a .*categories"),
                             ('calibrate_by = "nothing"', "calibrate_by: is 'nothing'; valid is a .*categories"),
                             ('calibrate_by = "device"\nlink = "softmax"', "calibrate_by: is not for softmax links")):
            (path / "gfr.toml").write_text(self.toml.replace('calibrate_by = "device"', change))
            self.assertRegex(run("train", "--project", path, expect=2)[1], r"gfr\.toml:\d+: .*" + says)


if __name__ == "__main__":
    unittest.main()
