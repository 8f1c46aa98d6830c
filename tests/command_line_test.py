"""The command line: exit codes, --json, help, and the road on a small simulated market."""
import gzip
import json
import os
import shutil
import subprocess
import time
import unittest

import pyarrow as pa
import pyarrow.parquet as pq

from gfr_process import GFR, Folder, event, run, run_json

COMMANDS = ["init", "simulate", "import", "log", "features", "dataset", "train", "evaluate", "models", "doctor", "drift", "serve", "explain", "demo"]


class CommandLine(unittest.TestCase):
    def test_every_command_has_help_with_an_example(self):
        for command in COMMANDS:
            out, _ = run(command, "--help")
            self.assertIn("Example: gfr " + command, out)

    def test_wrong_usage_is_2_and_says_what_is_valid(self):
        run("nonsense", expect=2)
        run(expect=2)
        run("simulate", "--project", "nowhere", expect=2)
        _, err = run("features", "list", "--project", "/nonexistent", expect=2)
        self.assertIn("gfr init", err)
        with Folder() as folder:
            _, err = run("init", folder / "p", "--template", "bakery", expect=2)
            self.assertIn("trivago", err)

    def test_the_environment_sets_format_and_level_of_the_programs_log(self):
        for name, value, valid in (("GFR_LOG_FORMAT", "xml", "json"), ("GFR_LOG_LEVEL", "loud", "warning")):
            done = subprocess.run([GFR, "init", "/nonexistent/p"], capture_output=True, text=True, env={**os.environ, name: value})
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(value, done.stderr)
            self.assertIn(valid, done.stderr)
        with Folder() as folder:
            run("init", folder / "p")
            run("simulate", "--project", folder / "p", "--users", 200, "--items", 60, "--days", 4)
            lines = [subprocess.run([GFR, "dataset", "--project", folder / "p", "--memory", "1MiB"], capture_output=True, text=True,
                                    env={**os.environ, "GFR_LOG_FORMAT": "json", "GFR_LOG_LEVEL": level}).stderr.splitlines()
                     for level in ("info", "error")]
            objects = [json.loads(line) for line in lines[0] if line.startswith("{")]
            self.assertTrue(any("partitions" in o for o in objects), lines[0])
            self.assertFalse([line for line in lines[1] if line.startswith("{")])

    def test_a_mistake_in_the_configuration_is_named_with_its_line(self):
        with Folder() as folder:
            run("init", folder / "p")
            path = folder / "p/gfr.toml"
            text = path.read_text().replace('read = "price_rank"', 'read = "price_rang"')
            path.write_text(text)
            _, err = run("features", "list", "--project", folder / "p", expect=2)
            self.assertRegex(err, r"gfr\.toml:\d+: feature 'price_rank'.*price_rang.*valid")
            path.write_text(text.replace("price_rang", "price_rank") + "\n[feed2]\nsize = 1\n")
            _, err = run("features", "list", "--project", folder / "p", expect=2)
            self.assertIn("feed2", err)

    def test_the_road_on_a_simulated_market(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            run("init", project, expect=1)  # It is there already.
            self.assertIn("log is empty", run("train", "--project", project, expect=2)[1])
            made = run_json("simulate", "--project", project, "--users", 600, "--items", 300, "--days", 42, "--seed", 3)
            self.assertTrue(made["simulated"])
            self.assertGreater(len(run_json("features", "list", "--project", project)["features"]), 30)
            before = run("features", "--project", project, "list")
            self.assertEqual(before, run("features", "list", "--project", project), "an option may stand before the action")
            self.assertEqual(run_json("features", "show", "price", "--project", project)["name"], "price")
            run("features", "show", "nothing", "--project", project, expect=1)
            row = run_json("features", "get", "user=u100001", "item=i100002", "--project", project)["rows"][0]
            self.assertGreater(row["features"]["price"], 0)
            run("features", "get", "shop=1", "--project", project, expect=2)
            data = run_json("dataset", "--project", project)
            self.assertGreater(data["objectives"]["pcvr"]["positives"], 30)
            self.assertIn("no version", run("evaluate", "--project", project, expect=1)[1] + "no version")
            profile = run_json("features", "profile", "--project", project, "--html", folder / "profile.html")
            for objective in ("pctr", "pcvr"):
                self.assertEqual(profile["objectives"][objective]["rows"], data["objectives"][objective]["rows"])
                for f in profile["objectives"][objective]["features"]:
                    self.assertEqual(sum(b["rows"] for b in f["bins"]), f["rows"], f["name"])
                    self.assertEqual(sum(b["positives"] for b in f["bins"]), data["objectives"][objective]["positives"], f["name"])
            self.assertNotIn("http", (folder / "profile.html").read_text())
            health = run_json("doctor", "--project", project)
            self.assertEqual([f for f in health["findings"] if f["severity"] == "bad"], [])
            self.assertEqual(health["events"], made["log_events"])
            trained = run_json("train", "--project", project)
            self.assertEqual(trained["version"], "1")
            self.assertTrue(trained["champion"])
            self.assertTrue(trained["simulated"])
            for objective in ("pctr", "pcvr"):
                o = trained["objectives"][objective]
                self.assertGreater(o["auc_roc"], 0.55)
                low, high = o["intervals"]["auc_roc"]
                self.assertTrue(low <= o["auc_roc"] <= high)
                self.assertTrue(0.7 < o["observed_over_expected"] < 1.4)
            html = open(trained["report"]).read()
            self.assertNotIn("http://", html)
            self.assertIn("simulated", html)
            judged = run_json("evaluate", "--project", project, "--from", "2026-02-01", "--to", "2026-02-05T00:00:00Z")
            self.assertEqual(judged["from"], "2026-02-01T00:00:00Z")
            product = judged["entire_space"][0]
            self.assertEqual((product["first"], product["then"]), ("pctr", "pcvr"))
            self.assertGreater(product["rows"], 0.95 * judged["objectives"]["pctr"]["rows"])
            low, high = product["intervals"]["observed_over_expected"]
            self.assertTrue(low < 1.1 and high > 0.9, product)
            self.assertTrue(0 < product["positives"] <= judged["objectives"]["pcvr"]["positives"], "of which each click is a row")
            self.assertEqual(set(judged["ranking"]["baselines"]), {"order_shown", "popularity", "most_recent_interaction"})
            self.assertLess(judged["ranking"]["requests"], trained["ranking"]["requests"] * 3)
            run("evaluate", "--project", project, "--from", "soon", expect=2)
            self.assertEqual(run_json("evaluate", "--project", project)["objectives"]["pctr"]["rows"], trained["objectives"]["pctr"]["rows"])
            self.assertFalse(run_json("train", "--project", project)["champion"])
            models = project / "data/models/feed"  # One seed and thread count: equal bytes.
            for name in ("pctr.ubj", "pctr.calibration.json", "pcvr.ubj", "pcvr.calibration.json"):
                self.assertEqual((models / "1" / name).read_bytes(), (models / "2" / name).read_bytes(), name)
            pages = [folder / "1.html", folder / "2.html"]
            reports = [run("evaluate", "--model", "1", "--against", "2", "--html", page, "--json", "--project", project)[0] for page in pages]
            self.assertEqual(*reports)
            self.assertEqual(*[page.read_bytes() for page in pages])
            report = json.loads(reports[0])
            self.assertEqual((report["against"]["model"], report["against"]["mrr"]), ("feed/2", 0), "trained twice with one seed")
            self.assertEqual(report["against"]["objectives"]["pctr"]["intervals"]["log_loss"], [0, 0])
            for name, o in report["objectives"].items():
                self.assertGreater(o["by_user"]["with_both"], 0)
                self.assertGreater(o["by_request"]["groups"], 0)
                self.assertGreater(o["importance"][0]["shap"], 0)
                self.assertAlmostEqual(o["lift"][-1]["captured"], 1)
            self.assertIn("worst first", pages[0].read_text())
            run("evaluate", "--against", "9", "--project", project, expect=1)
            run("models", "promote", "2", "--project", project)
            self.assertEqual([m["champion"] for m in run_json("models", "list", "--project", project)["models"]], [False, True])
            run("models", "rollback", "--project", project)
            self.assertEqual([m["champion"] for m in run_json("models", "list", "--project", project)["models"]], [True, False])
            run("models", "promote", "7", "--project", project, expect=1)
            self.assertIn("newest event it learnt from arrived", run("models", "card", "1", "--project", project)[0])
            self.assertEqual(run_json("models", "diff", "1", "1", "--project", project)["changes"], [])
            run("models", "diff", "1", "--project", project, expect=2)
            run("models", "promote", "2", "--alias", "shadow", "--project", project)
            self.assertEqual([m["aliases"] for m in run_json("models", "list", "--project", project)["models"]], [["champion"], ["shadow"]])
            self.assertEqual(run_json("models", "gc", "--keep", 1, "--project", project)["removed"], [])

    def test_calibrators_are_fitted_anew_on_the_days_that_came_since(self):
        with Folder() as folder:
            whole, project = folder / "whole", folder / "p"
            for p in (whole, project):
                run("init", p)
                toml = (p / "gfr.toml").read_text().replace("folds = 4", "folds = 0").replace("[split]", '[dataset]\nnegatives = 0.3\nhalf_life = "14d"\nmax_user_rows = 500\n\n[split]')
                (p / "gfr.toml").write_text(toml)
            run("simulate", "--project", whole, "--users", 500, "--items", 100, "--days", 56, "--seed", 4, "--truth", folder / "truth.parquet")
            events = [json.loads(line) for line in run("log", "dump", "--project", whole)[0].splitlines()]
            cut = "2026-02-10"
            for name, part in (("1", [e for e in events if e["time"] < cut]), ("2", [e for e in events if e["time"] >= cut])):
                (folder / f"{name}.ndjson").write_text("\n".join(map(json.dumps, part)))
                run("import", "ndjson", folder / f"{name}.ndjson", "--project", project)
                if name == "1":
                    trained = run_json("train", "--project", project)
                    self.assertTrue(0.85 < trained["objectives"]["pctr"]["observed_over_expected"] < 1.15, "negatives at 0.3 are undone")
                    _, err = run("train", "--recalibrate", "--project", project, expect=2)
                    self.assertIn("not learnt from", err)
            again = run_json("train", "--recalibrate", "--project", project)
            self.assertEqual((again["version"], again["against"]["model"], again["champion"]), ("2", "feed/1", False))
            models = project / "data/models/feed"
            self.assertEqual(*[(models / v / "pctr.ubj").read_bytes() for v in "12"])
            self.assertNotEqual(*[(models / v / "pctr.calibration.json").read_bytes() for v in "12"])
            truth = pq.read_table(folder / "truth.parquet").to_pydict()
            clicks = sum(t > 0 for t in truth["click_time_ms"])
            self.assertLess(abs(clicks - sum(truth["pctr"])), 4 * clicks ** 0.5)

    def test_the_same_seed_trains_the_same_model(self):
        with Folder() as folder:
            forests = []
            for name in ("a", "b"):
                run("init", folder / name)
                run("simulate", "--project", folder / name, "--users", 300, "--items", 100, "--days", 42, "--seed", 4)
                run("train", "--project", folder / name)
                forests.append((folder / name / "data/models/feed/1/pctr.ubj").read_bytes())
            self.assertEqual(*forests)

    def test_a_training_that_was_killed_goes_on_to_the_same_version(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            run("simulate", "--project", project, "--users", 300, "--items", 100, "--days", 42, "--seed", 4)
            shutil.copytree(project, folder / "whole")
            self.assertNotIn("goes on", run("train", "--project", folder / "whole")[1])
            self.assertFalse((folder / "whole/data/training").exists())
            killed = subprocess.Popen([GFR, "train", "--project", project], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while len(list((project / "data/training").glob("*.forest"))) < 2:  # Of pctr and pcvr; folds and refits are to come.
                self.assertIsNone(killed.poll(), "it ended before it was killed")
                time.sleep(0.005)
            killed.kill()
            killed.wait()
            self.assertFalse((project / "data/models/feed/1/manifest.json").exists())
            self.assertGreaterEqual(run("train", "--project", project)[1].count("train: goes on with a forest of"), 2)
            self.assertFalse((project / "data/training").exists())
            for name in ("pctr.ubj", "pctr.calibration.json", "pcvr.ubj", "pcvr.calibration.json", "model.json"):
                self.assertEqual(*[(p / "data/models/feed/1" / name).read_bytes() for p in (project, folder / "whole")], name)


class Import(unittest.TestCase):
    def test_ndjson_compressed_is_imported_once_and_its_bad_lines_are_named(self):
        with Folder() as folder:
            run("init", folder / "p")
            lines = [json.dumps(event(i, time=f"2026-01-01T00:00:{i:02d}Z")) for i in range(30)]
            lines.insert(5, "{broken")
            with gzip.open(folder / "e.ndjson.gz", "wt") as file:
                file.write("\n".join(lines))
            dry = run_json("import", "ndjson", folder / "e.ndjson.gz", "--project", folder / "p", "--dry-run")
            self.assertEqual((dry["events"], dry["rejected"]), (30, 1))
            done = subprocess.run([GFR, "import", "ndjson", folder / "e.ndjson.gz", "--project", folder / "p", "--json"], capture_output=True, text=True)
            self.assertIn("e.ndjson.gz:6", done.stderr)
            _, err = run("import", "ndjson", folder / "e.ndjson.gz", "--project", folder / "p", expect=2)
            self.assertIn("--rebuild", err)
            again = run_json("import", "ndjson", folder / "e.ndjson.gz", "--project", folder / "p", "--rebuild")
            self.assertEqual(again["duplicates"], 30)
            self.assertEqual(run_json("log", "verify", "--project", folder / "p")["records"], 30)

    def test_a_parquet_export_is_imported_by_its_map(self):
        with Folder() as folder:
            run("init", folder / "p")
            table = pa.table({
                "ts": pa.array([1767225600, 1767225605, 1767225609], pa.timestamp("s")),
                "who": ["u", "u", "u"], "what": ["shown", "clicked", "scrolled"], "req": ["r", "r", "r"],
                "shown": [["a", "b"], None, None], "eur": [[1.5, 2.5], None, None], "sku": [None, "b", None], "unused": [1, 2, 3]})
            pq.write_table(table, folder / "e.parquet")
            (folder / "map.toml").write_text('[columns]\ntime = "ts"\nuser_id = "who"\ntype = "what"\nrequest_id = "req"\nitems = "shown"\nprices = "eur"\nitem_id = "sku"\n'
                                             '[types]\nshown = ["feed.request", "feed.impression"]\nclicked = "feed.click"\n')
            report = run_json("import", "parquet", folder / "e.parquet", "--map", folder / "map.toml", "--project", folder / "p")
            self.assertEqual(report["events"], 3)
            self.assertEqual(report["unmapped_types"], {"scrolled": 1})
            self.assertEqual(report["unmapped_columns"], ["unused"])
            self.assertEqual((report["clicks"], report["clicks_in_slate"]), (1, 1))
            self.assertIn("--map", run("import", "parquet", folder / "e.parquet", "--project", folder / "p", expect=2)[1])
            (folder / "junk.parquet").write_bytes(b"PAR1 no")
            run("import", "parquet", folder / "junk.parquet", "--map", folder / "map.toml", "--project", folder / "p", expect=1)


if __name__ == "__main__":
    unittest.main()
