"""Experiments from the log: `gfr experiment report|plan|stop|start`, the server's own looks, roll-back by a guardrail."""
import datetime
import json
import math
import random
import unittest

from gfr_process import Folder, Server, run, run_json

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
TOML = """
[[experiment]]
name = "price"
planned_units = 4000
[[experiment.arm]]
name = "control"
[[experiment.arm]]
name = "high"

[[metric]]
name = "conversion"
window = "2d"
lateness = "1h"
before = "0s"

[[metric]]
name = "spend"
kind = "revenue"
role = "exploration"
window = "2d"
lateness = "1h"
winsorise = 0
before = "0s"

[[metric]]
name = "first_hour"
kind = "conversion"
role = "guardrail"
lateness = "1h"
margin = 0.5
"""


def at(hours):
    return (START + datetime.timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


class Log:
    """Events of one experiment, and what each unit of it did."""

    def __init__(self, rates, units=3000, days=9, hour_rates=(0.3, 0.3), seed=3):
        rng = random.Random(seed)
        self.events, self.units = [], []
        for n in range(units):
            arm, user, hour = rng.randrange(2), f"u{n}", rng.uniform(0, days * 24 - 72)
            self.add(hour, "experiment.exposure", user, variant=("control", "high")[arm], context={"experiment": "price"})
            spend = 0.0
            if rng.random() < hour_rates[arm]:
                spend += self.buy(hour + rng.uniform(0.01, 0.9), user, rng)
            elif rng.random() < rates[arm]:
                spend += self.buy(hour + rng.uniform(1.1, 47), user, rng)
            if rng.random() < 0.2:
                self.buy(hour + rng.uniform(48.1, 60), user, rng)  # After the window.
            self.units.append((arm, spend))
        self.add(days * 24, "app.open", "last")
        self.add(days * 24, "experiment.exposure", "last", variant="control", context={"experiment": "price"})
        self.events.sort(key=lambda e: e["time"])

    def add(self, hour, kind, user, **more):
        self.events.append({"specversion": "1.0", "id": f"e{len(self.events)}", "source": "test", "type": kind, "time": at(hour),
                            "data": {"user_id": user, **more}})

    def buy(self, hour, user, rng):
        price = float(rng.randrange(5, 60))
        self.add(hour, "purchase", user, items=[{"item_id": "i1", "price": price, "quantity": 1}], value=price)
        return price

    def write(self, project):
        path = project.parent / f"{project.name}.ndjson"
        path.write_text("\n".join(map(json.dumps, self.events)))
        run("import", "ndjson", path, "--project", project)


def sequence(difference, se, n, n_star, alpha=0.05):
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / n_star
    half = se * math.sqrt(n) * math.sqrt(2 * (n * rho2 + 1) / (n * n * rho2) * math.log(math.sqrt(n * rho2 + 1) / alpha))
    return [difference - half, difference + half]


class Reports(unittest.TestCase):
    def setUp(self):
        self.holder = Folder()
        self.project = self.holder.__enter__() / "p"
        run("init", self.project)
        toml = self.project / "gfr.toml"
        toml.write_text(toml.read_text() + TOML)

    def tearDown(self):
        self.holder.__exit__()

    def report(self, *more):
        return run_json("experiment", "report", "price", "--project", self.project, *more)["experiments"][0]

    def test_the_report_counts_what_was_planted_and_the_server_comes_to_the_same_bits(self):
        log = Log((0.1, 0.1))
        log.write(self.project)
        report = self.report("--html", self.project / "report.html")
        arms = [[s for a, s in log.units if a == arm] for arm in (0, 1)]
        self.assertEqual([a["exposed"] for a in report["arms"]], [len(arms[0]) + 1, len(arms[1])])
        metrics = {m["metric"]: m for m in report["metrics"]}
        spend, conversion = metrics["spend"], metrics["conversion"]
        self.assertEqual(spend["units"], [len(arms[0]), len(arms[1])])  # The last one is not mature.
        self.assertEqual(conversion["nonzero_units"], [sum(s > 0 for s in arms[0]), sum(s > 0 for s in arms[1])])
        means = [sum(a) / len(a) for a in arms]
        self.assertAlmostEqual(spend["control"], means[0], delta=1e-9)
        self.assertAlmostEqual(spend["absolute"], means[1] - means[0], delta=1e-9)
        se = math.sqrt(sum(sum((x - m) ** 2 for x in a) / (len(a) - 1) / len(a) for a, m in zip(arms, means)))
        for ours, theirs in zip(spend["interval_absolute"], sequence(means[1] - means[0], se, len(log.units), 4000)):
            self.assertAlmostEqual(ours, theirs, delta=1e-6)
        self.assertIn("money of purchases", spend["how"])
        page = (self.project / "report.html").read_text()
        self.assertIn("How each number is made", page)
        self.assertIn("<h2>price: ", page)
        plan = run_json("experiment", "plan", "--metric", "conversion", "--effect", "0.05", "--project", self.project)
        self.assertGreater(plan["watched"]["units"], plan["fixed"]["units"])
        # The server's look, before and after a restart, and the command's are equal to the bit.
        looks = []
        for _ in range(2):
            server = Server(self.project, "--clock", "log")
            try:
                status, reply = server.post("/v1/experiments/analyze", {})
                self.assertEqual(status, 200, reply)
                looks.append(reply["experiments"][0])
                again = server.post("/v1/experiments/analyze", {})[1]["experiments"][0]
                self.assertEqual(again, looks[-1])
                listed = json.loads(server.get("/v1/experiments")[1])
                self.assertEqual(listed["results"][0], looks[-1])
            finally:
                self.assertEqual(server.stop(), 0)
        self.assertEqual(looks[0], looks[1])
        self.assertEqual(looks[0], self.report())

    def test_a_look_exports_matured_units_and_an_erasure_is_told(self):
        Log((0.1, 0.1), units=600).write(self.project)
        whole = self.report()
        server = Server(self.project, "--clock", "log")
        try:
            self.assertEqual(server.post("/v1/experiments/analyze", {})[0], 200)
        finally:
            self.assertEqual(server.stop(), 0)
        units = self.project / "data/experiments/units"
        self.assertIn("2026-01-01.price.json", [p.name for p in units.iterdir()])
        # What `gfr erase` takes out of the log and out of the exported days stands in the report.
        run("erase", "u5", "--project", self.project)
        report = self.report("--html", self.project / "report.html")
        left = report["erasures"][0]["users_left"]
        self.assertEqual(sum(left.values()), 1)
        self.assertEqual(sum(a["exposed"] for a in report["arms"]), sum(a["exposed"] for a in whole["arms"]) - 1)
        self.assertIn("Erased users", (self.project / "report.html").read_text())
        self.assertIn("erased at", run("experiment", "report", "price", "--project", self.project)[0])

    def test_a_guardrail_rolls_back_and_a_restart_remembers(self):
        Log((0.1, 0.1), hour_rates=(0.3, 0.1)).write(self.project)
        self.assertEqual(self.report()["decision"], "roll back")

        def variants(server):
            return {json.loads(server.request("POST", "/ofrep/v1/evaluate/flags/price", json.dumps({"context": {"targetingKey": f"v{n}"}}),
                                              {"Content-Type": "application/json"})[2])["variant"] for n in range(20)}
        server = Server(self.project, "--clock", "log")
        try:
            self.assertEqual(variants(server), {"control", "high"})
            self.assertEqual(server.post("/v1/experiments/analyze", {})[0], 200)
            self.assertEqual(variants(server), {"default"})
        finally:
            server.stop()
        concluded = self.report()["concluded"]
        self.assertEqual(concluded["decision"], "roll back")
        self.assertIn("guardrail: arm 'high' is worse by first_hour", concluded["reason"])
        server = Server(self.project, "--clock", "log")
        try:
            self.assertEqual(variants(server), {"default"})
            run("experiment", "start", "price", "--project", self.project)
            self.assertEqual(server.post("/v1/reload", {})[0], 200)
            self.assertEqual(variants(server), {"control", "high"})
            self.assertEqual(server.post("/v1/experiments/analyze", {})[0], 200)
            self.assertEqual(variants(server), {"control", "high"}, "what a person restarted is alerted about, and runs")
        finally:
            server.stop()

    def test_a_plan_is_never_smaller_than_a_decision_takes(self):
        Log((0.1, 0.1), units=600).write(self.project)
        plan = run_json("experiment", "plan", "--metric", "conversion", "--effect", "0.9", "--project", self.project)
        self.assertGreater(plan["fixed"]["units"], 0)
        self.assertGreaterEqual(plan["watched"]["units"], 300)
        self.assertGreaterEqual(plan["watched"]["days"], 7 + plan["maturity_days"])
        error = run("experiment", "plan", "--metric", "conversion", "--effect", "50", "--project", self.project, expect=2)[1]
        self.assertIn("it is a share", error)

    def test_a_report_without_units_says_so_and_a_wrong_name_what_is_valid(self):
        self.assertEqual(self.report()["reason"], "no unit was exposed yet")
        self.assertIn("valid are price", run("experiment", "report", "prize", "--project", self.project, expect=2)[1])

    def test_stop_and_start_name_what_is_valid(self):
        self.assertIn("valid are price", run("experiment", "stop", "prices", "--project", self.project, expect=2)[1])
        run("experiment", "start", "price", "--project", self.project, expect=1)
        run("experiment", "stop", "price", "--project", self.project)
        listed = run_json("experiment", "list", "--project", self.project)
        self.assertEqual(listed["experiments"][0]["status"], "off")
        run("experiment", "start", "price", "--project", self.project)
        self.assertEqual(run_json("experiment", "list", "--project", self.project)["experiments"][0]["status"], "running")

    def test_a_metric_that_is_wrong_is_refused_by_key_and_line(self):
        toml = self.project / "gfr.toml"
        toml.write_text(toml.read_text() + '\n[[metric]]\nname = "x"\nkind = "loyalty"\n')
        self.assertIn("valid are conversion", run("check", "--project", self.project, expect=2)[1])


if __name__ == "__main__":
    unittest.main()
