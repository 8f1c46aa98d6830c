"""An interleaving on a running server: merged slates, their records, clicks, and what `gfr experiment interleaving` makes of them."""
import json
import random
import unittest

from gfr_process import Folder, Server, event, run, run_json

START, LATER = "2026-02-11T23:40:00Z", "2026-02-14T12:00:00Z"  # The simulated log's end, and past the window and its lateness.
PAIR = """
[[experiment]]
name = "dear"
design = "interleaving"
window = "1h"
[[experiment.arm]]
name = "likely"
feed = { value = "pctr" }
[[experiment.arm]]
name = "dearest"
feed = { value = "pctr * price * price * price" }
"""


class Interleaving(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.project = cls.folder.__enter__() / "p"
        run("init", cls.project)
        run("simulate", "--project", cls.project, "--users", 300, "--items", 120, "--days", 42, "--seed", 3)
        run("train", "--project", cls.project)
        toml = cls.project / "gfr.toml"
        toml.write_text(toml.read_text() + PAIR)

    @classmethod
    def tearDownClass(cls):
        cls.folder.__exit__()

    def test_users_who_click_what_is_dear_prefer_the_arm_that_ranks_by_price(self):
        rng = random.Random(1)
        with Server(self.project, "--clock", f"fixed:{START}") as server:
            for n in range(400):
                prices = {f"i{100000 + i}": round(rng.uniform(1, 100), 2) for i in rng.sample(range(120), 25)}
                status, feed = server.post("/v1/feed", {"user_id": f"visitor{n}", "request_id": f"r{n}", "size": 8, "candidates": [
                    {"item_id": i, "properties": {"price": price}} for i, price in prices.items()]})
                self.assertEqual(status, 200, feed)
                self.assertEqual(feed["experiment"], {"dear": "interleaved"})
                self.assertNotIn("model", feed.get("degraded", []))
                shown = [i["item_id"] for i in feed["items"]]
                self.assertEqual(len(set(shown)), 8)
                click = event(f"c{n}", "feed.click", START, f"visitor{n}", [max(shown, key=prices.get)], request_id=f"r{n}")
                self.assertEqual(server.post("/v1/events", [click])[0], 202)
            status, _, reply = server.request("GET", "/v1/explain/r7")
            self.assertEqual(status, 200, reply)
            served = json.loads(reply)["served"]
            self.assertEqual(served["interleaving"]["experiment"], "dear")
            self.assertEqual(len(served["interleaving"]["credit"]), 8)
            self.assertEqual(server.stop(), 0)
        early = run_json("experiment", "interleaving", "dear", "--project", self.project)
        self.assertEqual((early["units"], early["units_not_matured"], early["preferred"]), (0, 400, None))
        with Server(self.project, "--clock", f"fixed:{LATER}") as server:
            self.assertEqual(server.post("/v1/events", [event("late", "app.open", LATER, "visitor1", [])])[0], 202)
            self.assertEqual(server.stop(), 0)
        report = run_json("experiment", "interleaving", "dear", "--project", self.project, "--units", 400)
        self.assertEqual((report["units"], report["units_not_matured"], report["slates"]), (400, 0, 400))
        self.assertEqual(report["preferred"], "dearest", report)
        self.assertLess(report["interval"][1], 0)
        self.assertEqual(report["arms"], ["likely", "dearest"])
        run("experiment", "interleaving", "none", "--project", self.project, expect=2)
        # Slates of an interleaving are of no single policy.
        policy = run_json("experiment", "policy", self.project / "gfr.toml", "--project", self.project)
        self.assertEqual((policy["slates"], policy["left_out"]["in_experiments"], policy["evidence"]), (0, 400, False), policy)
        run("features", "verify", "--project", self.project)


if __name__ == "__main__":
    unittest.main()
