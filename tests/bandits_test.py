"""Bandits on a running server: versions of the allocation by what matured units brought, for new units alone."""
import datetime
import itertools
import json
import random
import unittest

from gfr_process import Folder, Server, eventually, run, run_json

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
TOML = """
[[experiment]]
name = "banner"
design = "bandit"
reward = "conversion"
floor = 0.05
every = "1s"
feeds = ["home"]
[[experiment.arm]]
name = "blue"
[[experiment.arm]]
name = "red"

[[metric]]
name = "conversion"
window = "1h"
lateness = "0s"
before = "0s"
"""


def fnv1a32(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def arm_of(version, unit):
    """Under an even version: the first half of the buckets is the first arm's, by name."""
    return "blue" if fnv1a32(str(fnv1a32(f"banner/{version}{unit}"))) % 10000 < 5000 else "red"


class Bandits(unittest.TestCase):
    def setUp(self):
        self.holder = Folder()
        self.project = self.holder.__enter__() / "p"
        run("init", self.project)
        toml = self.project / "gfr.toml"
        toml.write_text(toml.read_text() + TOML)
        rng, events = random.Random(5), []
        self.units = [f"u{n}" for n in range(400)]

        def add(hour, kind, user, **data):
            at = (START + datetime.timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
            events.append({"specversion": "1.0", "id": f"e{len(events)}", "source": "test", "type": kind, "time": at, "data": {"user_id": user, **data}})
        self.bought = {"blue": 0, "red": 0}
        for unit in self.units:
            hour, arm = rng.uniform(0, 10), arm_of(1, unit)
            add(hour, "experiment.exposure", unit, variant=arm, context={"experiment": "banner", "version": 1})
            if rng.random() < {"blue": 0.5, "red": 0.1}[arm]:
                self.bought[arm] += 1
                add(hour + 0.5, "purchase", unit, items=[{"item_id": "i1", "price": 9.0, "quantity": 1}], value=9.0)
        # Not matured: its arm has brought nothing yet, which says nothing.
        add(19.5, "experiment.exposure", "late", variant=arm_of(1, "late"), context={"experiment": "banner", "version": 1})
        add(20, "app.open", "last")
        events.sort(key=lambda e: e["time"])
        path = self.project.parent / "log.ndjson"
        path.write_text("\n".join(map(json.dumps, events)))
        run("import", "ndjson", path, "--project", self.project)

    def tearDown(self):
        self.holder.__exit__()

    def flag(self, server, unit):
        status, _, body = server.request("POST", "/ofrep/v1/evaluate/flags/banner", json.dumps({"context": {"targetingKey": unit}}),
                                         {"Content-Type": "application/json"})
        self.assertEqual(status, 200, body)
        reply = json.loads(body)
        return reply["variant"], reply["metadata"]["version"]

    def look(self, server):
        status, reply = server.post("/v1/experiments/analyze", {})
        self.assertEqual(status, 200, reply)
        return reply["experiments"][0]["bandit"]

    def newest(self, server, least):
        """Looks until a version is in use: the server's clock runs, and versions are a second apart."""
        return eventually(lambda: (bandit := self.look(server))["version"] >= least and bandit, f"version {least} is in use")

    def test_new_units_go_where_matured_ones_bought_and_a_unit_keeps_its_version(self):
        server = Server(self.project, "--clock", "log")
        try:
            bandit = self.newest(server, 2)
            arms = {a["name"]: a for a in bandit["arms"]}
            by_arm = {arm: [u for u in self.units if arm_of(1, u) == arm] for arm in arms}
            for arm, units in by_arm.items():
                self.assertEqual(arms[arm]["mature_units"], len(units), "the late one has not matured")
                self.assertAlmostEqual(arms[arm]["mean"], self.bought[arm] / len(units), delta=1e-12)
                self.assertLess(arms[arm]["interval"][0], arms[arm]["mean"])
                self.assertGreater(arms[arm]["interval"][1], arms[arm]["mean"])
            self.assertEqual(bandit["versions"][0]["probabilities"], [0.5, 0.5])
            self.assertEqual(bandit["versions"][1]["probabilities"], [0.95, 0.05], "the floor is kept")
            # Units of version 1 stay in its arms.
            for unit in self.units[:40]:
                self.assertEqual(self.flag(server, unit), (arm_of(1, unit), 1))
            # New ones get the newest version, and keep it: by their flag, and by their feed's record.
            first = {f"new{n}": self.flag(server, f"new{n}") for n in range(40)}
            versions = {version for _, version in first.values()}
            self.assertTrue(min(versions) >= 2, versions)
            self.assertGreater(sum(arm == "blue" for arm, _ in first.values()), 30)
            status, reply = server.post("/v1/feed", {"user_id": "fed", "surface": "home", "request_id": "r1"})
            self.assertEqual(status, 200, reply)
            served = json.loads(server.request("GET", "/v1/explain/r1")[2])["served"]
            policy = served["policy"]
            self.assertRegex(policy, r"^banner@[0-9]+$")
            fed = (reply["experiment"]["banner"], int(policy.split("@")[1]))
            self.assertEqual(self.flag(server, "fed"), fed)
            again = {unit: self.flag(server, unit) for unit in first}
            self.assertEqual(again, first)
        finally:
            self.assertEqual(server.stop(), 0)
        listed = run_json("experiment", "list", "--project", self.project)["experiments"][0]
        self.assertEqual(listed["design"], "bandit")
        self.assertGreaterEqual(listed["version"], 2)
        # A restart gives the same answers, by its snapshot or by the log alone.
        for path in (None, self.project / "data/store/snapshot"):
            if path is not None and path.is_file():
                path.unlink()
            server = Server(self.project, "--clock", "log")
            try:
                self.assertEqual({unit: self.flag(server, unit) for unit in first}, first)
                self.assertEqual(self.flag(server, "fed"), fed)
                self.assertEqual(self.flag(server, self.units[0]), (arm_of(1, self.units[0]), 1))
            finally:
                self.assertEqual(server.stop(), 0)
        report = run_json("experiment", "report", "banner", "--project", self.project, "--html", self.project / "r.html")["experiments"][0]
        self.assertEqual(report["decision"], "keep running")
        self.assertFalse(report["srm"]["flagged"])
        self.assertIn("of the allocation, by conversion", (self.project / "r.html").read_text())

    def test_a_reload_that_brings_another_period_needs_no_restart(self):
        toml = self.project / "gfr.toml"
        text = toml.read_text()
        toml.write_text(text.replace('every = "1s"', 'every = "6h"'))
        server = Server(self.project, "--clock", "log")
        try:
            self.assertEqual(self.flag(server, "first")[1], 1)
            toml.write_text(toml.read_text().replace('every = "6h"', 'every = "1s"'))
            self.assertEqual(server.post("/v1/reload", {})[0], 200)
            units = itertools.count()
            eventually(lambda: self.flag(server, f"n{next(units)}")[1] >= 2, "a version comes of the server's own look")
        finally:
            self.assertEqual(server.stop(), 0)

    def test_an_arm_may_come_and_none_may_go(self):
        toml = self.project / "gfr.toml"
        server = Server(self.project, "--clock", "log")
        text = toml.read_text()  # With what the server's helper added.
        try:
            toml.write_text(text.replace('name = "red"\n', 'name = "red"\n[[experiment.arm]]\nname = "green"\n'))
            self.assertEqual(server.post("/v1/reload", {})[0], 200)
            self.assertEqual(self.flag(server, self.units[0]), (arm_of(1, self.units[0]), 1))
            self.assertIn("green", {self.flag(server, f"n{n}")[0] for n in range(60)})
            toml.write_text(text.replace('[[experiment.arm]]\nname = "red"\n', '[[experiment.arm]]\nname = "green"\n'))
            status, reply = server.post("/v1/reload", {})
            self.assertEqual(status, 409)
            self.assertIn("the end of its arm 'red'", reply["detail"])
        finally:
            server.stop()

    def test_a_reward_that_no_metric_has_is_refused(self):
        toml = self.project / "gfr.toml"
        toml.write_text(toml.read_text().replace('reward = "conversion"', 'reward = "loyalty"'))
        self.assertIn("the reward of experiment 'banner' is 'loyalty'", run("check", "--project", self.project, expect=2)[1])


if __name__ == "__main__":
    unittest.main()
