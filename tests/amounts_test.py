"""[[objective]] link = "mean": basket values are trained, calibrated, judged, served in a value formula and explained."""
import json
import unittest

from gfr_process import Folder, Server, run, run_json

BASKET = """
[[objective]]
name = "basket"
population = "feed.click"
label = "purchase"
window = "7d"
link = "mean"
amount = "price"
"""


class Amounts(unittest.TestCase):
    def test_a_basket_is_a_calibrated_mean_from_training_to_the_feed(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            run("simulate", "--project", project, "--users", 1500, "--items", 150, "--days", 42, "--seed", 5)
            toml = (project / "gfr.toml").read_text().replace("folds = 4", "folds = 0").replace("max_rounds = 400", "max_rounds = 40")
            at = toml.index("[[objective]]")
            after = toml.index("[[", toml.index('name = "pcvr"', at))
            toml = toml[:after] + BASKET.lstrip() + "\n" + toml[after:]
            (project / "gfr.toml").write_text(toml.replace('value = "pctr * (1 + 5 * pcvr)"', 'value = "pctr * (1 + 0.1 * basket)"'))
            report = run_json("train", "--project", project)
            basket = report["objectives"]["basket"]
            print({k: basket["mean"][k] for k in ("amount", "observed_over_expected", "deviance_share")})
            self.assertGreater(basket["positives"], 20)
            low, high = basket["mean"]["observed_over_expected"]["interval"]
            self.assertTrue(0.4 < low and high < 2.5, (low, high))
            self.assertLess(low, high)
            self.assertIsNone(basket["auc_roc"])
            model = json.loads((project / "data/models/feed/1/model.json").read_text())
            self.assertEqual((model["format"], model["links"][model["objectives"].index("basket")]), (6, "mean"))
            run("models", "promote", "1", "--project", project)
            with Server(project, "--clock", "log") as server:
                status, feed = server.post("/v1/feed", {"user_id": "u100001", "session_id": "s", "request_id": "r", "surface": "home"})
                self.assertEqual((status, feed["degraded"]), (200, []))
                for item in feed["items"]:
                    scores = item["scores"]
                    self.assertGreaterEqual(scores["basket"], 0)
                    if item["channel"] != "explore":
                        self.assertAlmostEqual(scores["value"], scores["pctr"] * (1 + 0.1 * scores["basket"]), places=5)
                mean = sum(i["scores"]["basket"] for i in feed["items"]) / len(feed["items"])
                self.assertTrue(basket["mean"]["amount"] / 20 < mean < basket["mean"]["amount"] * 20, "in the amount's unit")
                status, explained = server.get("/v1/explain/r")
                shown = [c for c in json.loads(explained)["served"]["candidates"] if c["position"] is not None]
                for candidate in shown:
                    for terms in candidate["terms"].values():
                        parts = sum(t["adds"] for t in terms["largest"]) + terms["others"]
                        self.assertAlmostEqual(terms["expected"] + parts, terms["margin"], places=5)
                self.assertTrue(any("basket: " in why for why in shown[0]["why"]))
                names = {t["value"] for c in shown for of in c["terms"].values() for t in of["largest"] if isinstance(t["value"], str)}
                self.assertFalse([n for n in names if n.startswith("category ")], "categories are named")


if __name__ == "__main__":
    unittest.main()
