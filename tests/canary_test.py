"""Canaries end to end: a candidate that is right offline and wrong live is rolled back, an equal one is released, and a kill changes neither."""
import datetime
import http.client
import itertools
import json
import random
import threading
import time
import unittest

from gfr_process import Folder, Load, Server, eventually, run, run_json

# What every release begins with.
RETRAIN_AND_GATE = """[[trigger.step]]
do = "retrain"
[[trigger.step]]
do = "gate"
margin = 0.05
max_miscalibration = 1
max_slowdown = 1000
"""
TRIGGERS = """
[[trigger]]
name = "release"
on = "command"
backoff = "1s"
nice = 0
""" + RETRAIN_AND_GATE + """[[trigger.step]]
do = "canary"
ramp = [0.25, 0.5]
for = "FOR"
window = "5s"
lateness = "1s"
min_units = 10
[[trigger.step]]
do = "promote"
"""


# Every step of the nightly loop, in seconds.
WHOLE = """
[[trigger]]
name = "whole"
on = "command"
backoff = "1s"
nice = 0
""" + RETRAIN_AND_GATE + """[[trigger.step]]
do = "shadow"
for = "3s"
[[trigger.step]]
do = "canary"
ramp = [0.25, 0.5]
for = "3s"
window = "1s"
lateness = "1s"
min_units = 10
[[trigger.step]]
do = "promote"
"""


class Canary(unittest.TestCase):
    crowds = itertools.count()  # Nobody comes twice, in whichever test.

    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.addClassCleanup(cls.folder.__exit__)
        cls.project = cls.folder.__enter__() / "p"
        run("init", cls.project)
        run("simulate", "--project", cls.project, "--users", 300, "--items", 100, "--days", 42, "--seed", 3)
        cls.toml = (cls.project / "gfr.toml").read_text().replace("folds = 4", "folds = 0")
        (cls.project / "gfr.toml").write_text(cls.toml)
        run("train", "--project", cls.project)

    def begin(self, for_):
        """A server whose new run of the trigger has begun its canary, and the version that it tries."""
        (self.project / "gfr.toml").write_text(self.toml + TRIGGERS.replace("FOR", for_))
        server = Server(self.project, "--clock", "log")
        self.before = [r["id"] for r in self.runs()]
        status, reply = server.post("/v1/triggers/release", {})
        self.assertEqual(status, 202, reply)
        return server, eventually(self.begun, "the canary begins", seconds=900)["inputs"]["version"]

    def runs(self):
        return run_json("trigger", "history", "release", "--project", self.project)["runs"]

    def begun(self):
        """The new run's canary, once it has a share of the units; fails with a run that ended before."""
        runs = [r for r in self.runs() if r["id"] not in self.before]
        if not runs:
            return None
        canary = next(s for s in runs[0]["steps"] if s["name"] == "canary")
        if "share" not in canary["outputs"]:
            self.assertIn(runs[0]["state"], ("queued", "running"), runs[0])
            return None
        return canary

    def over(self):
        return eventually(lambda: (r := self.runs()[0])["state"] not in ("queued", "running") and r, "the run ends", seconds=900)

    def aliases(self):
        return {m["version"]: m["aliases"] for m in run_json("models", "list", "--project", self.project)["models"]}

    def champion(self):
        return [m["version"] for m in run_json("models", "list", "--project", self.project)["models"] if m["champion"]][0]

    def running(self, server):
        """Names of the canaries that the server assigns units to."""
        listed = json.loads(server.get("/v1/experiments")[1])["experiments"]
        return [e["name"] for e in listed if e["name"].startswith("canary.") and e["status"] == "running"]

    def visits(self, server, likes):
        """Load of new users: each is fed, sees the slate, and clicks as often as `likes` says of the version that ranked it."""
        self.served, crowd = {}, next(self.crowds)
        # How far the server's clock is ahead of ours, or a little more: nothing happens before the slate that it is about.
        ahead = datetime.timedelta.max
        for _ in range(5):
            before = datetime.datetime.now(datetime.timezone.utc)
            status, reply = server.post("/v1/feed", {"user_id": "clock", "request_id": f"clock-{time.monotonic_ns()}", "size": 3})
            self.assertEqual(status, 200, reply)
            said = json.loads(server.get(f"/v1/explain/{reply['request_id']}")[1])["served"]["now"]
            ahead = min(ahead, datetime.datetime.fromisoformat(said.replace("Z", "+00:00")) - before)
        rng = random.Random(7)

        def visit(n):
            user = f"{crowd}-{n}"
            status, reply = server.post("/v1/feed", {"user_id": user, "request_id": f"r-{user}", "size": 3})
            self.assertEqual(status, 200, reply)
            version = reply["model"]["version"]
            self.served[version] = self.served.get(version, 0) + 1
            now = (datetime.datetime.now(datetime.timezone.utc) + ahead).isoformat().replace("+00:00", "Z")
            items = [{"item_id": i["item_id"], "index": i["position"]} for i in reply["items"]]

            def made(kind, items):
                return {"specversion": "1.0", "id": f"{kind}-{user}", "source": "test", "type": kind, "time": now,
                        "data": {"user_id": user, "request_id": f"r-{user}", "items": items}}
            events = [made("feed.impression", items)]
            if rng.random() < likes(version):
                events.append(made("feed.click", items[:1]))
            status, reply = server.post("/v1/events", events)
            self.assertEqual((status, reply.get("accepted")), (202, len(events)), reply)
        return Load(visit)

    def test_1_a_candidate_that_users_dislike_is_rolled_back_also_by_a_server_that_was_killed(self):
        before = self.champion()
        server, candidate = self.begin("5h")
        try:
            self.assertEqual(len(self.running(server)), 1)
            self.assertNotEqual(candidate, before)
            with self.visits(server, lambda version: 0.7):
                eventually(lambda: self.served.get(candidate, 0) > 5 and self.served.get(before, 0) > 5, "units of both arms", seconds=900)
            server.kill()
            server = Server(self.project, "--clock", "log")
            self.assertEqual(len(self.running(server)), 1, "it goes on")
            # Right offline, wrong live: the gate let it pass, and nobody likes what it shows.
            with self.visits(server, lambda version: 0.05 if version == candidate else 0.7):
                made = self.over()
            self.assertEqual(made["state"], "stopped", made)
            gate, canary, promote = made["steps"][1:]
            self.assertIn(gate["outputs"]["verdict"], ("promote", "canary only"))
            self.assertEqual((canary["state"], promote["state"]), ("done", "pending"))
            self.assertRegex(made["why"], "^step canary: rolled back: guardrail: arm 'candidate' is worse by (units_with_a_click|clicks_per_impression)|^step canary: rolled back: guardrail: observed over expected")
            self.assertEqual(canary["inputs"]["champion"], before)
            self.assertGreater(canary["outputs"]["units"], 0)
            self.assertEqual(self.champion(), before)
            self.assertEqual(self.running(server), [])
            status, reply = server.post("/v1/feed", {"user_id": "after", "size": 3})
            self.assertEqual((status, reply["model"]["version"]), (200, before))
            self.assertIn("rolled back", run("trigger", "explain", made["id"], "--project", self.project)[0])
            self.assertEqual(server.stop(), 0)
        finally:
            if server.process.poll() is None:
                server.kill()

    def test_2_one_that_users_like_as_much_takes_the_ramp_and_is_released(self):
        server, candidate = self.begin("7s")
        try:
            with self.visits(server, lambda version: 0.5):
                made = self.over()
            self.assertEqual(made["state"], "done", made)
            canary = made["steps"][2]
            self.assertEqual(canary["outputs"]["share"], 0.5, "the last step of the ramp")
            self.assertGreater(canary["outputs"]["units"], 0)
            self.assertIn("no guardrail was crossed", canary["why"])
            self.assertEqual(self.champion(), candidate)
            self.assertEqual(self.running(server), [])
            self.assertEqual(server.stop(), 0)
        finally:
            if server.process.poll() is None:
                server.kill()

    def test_3_a_person_ends_one_and_a_persons_challenger_stays(self):
        before = self.champion()
        run("models", "promote", before, "--alias", "challenger", "--project", self.project)
        server, candidate = self.begin("5h")
        try:
            self.assertNotEqual(candidate, before)
            aliases = self.aliases()
            self.assertEqual((aliases[candidate], sorted(aliases[before])), (["canary"], ["challenger", "champion"]))
            run("experiment", "stop", self.running(server)[0], "--project", self.project)
            made = self.over()
            self.assertEqual((made["state"], self.champion(), self.running(server)), ("stopped", before, []), made)
            self.assertIn("ended: by `gfr experiment stop`", made["why"])
            aliases = self.aliases()
            self.assertEqual((aliases[candidate], sorted(aliases[before])), ([], ["challenger", "champion"]))
            self.assertEqual(server.stop(), 0)
        finally:
            if server.process.poll() is None:
                server.kill()


    def test_4_one_without_traffic_is_undecided(self):
        before = self.champion()
        server, candidate = self.begin('7s"\nwithin = "15s')
        try:
            self.assertNotEqual(candidate, before)
            made = self.over()
            self.assertEqual((made["state"], self.champion(), self.running(server)), ("stopped", before, []), made)
            self.assertRegex(made["why"], "^step canary: undecided: after 15s there were 0 units an arm whose window was whole, and 10 are needed")
            self.assertEqual(self.aliases()[candidate], [])
            self.assertEqual(server.stop(), 0)
        finally:
            if server.process.poll() is None:
                server.kill()


    def test_5_a_server_that_is_killed_at_each_step_boundary_releases_one_version_once(self):
        before = self.champion()
        versions = {m["version"] for m in run_json("models", "list", "--project", self.project)["models"]}
        (self.project / "gfr.toml").write_text(self.toml + WHOLE)
        server = [Server(self.project, "--clock", "log")]
        known = [r["id"] for r in run_json("trigger", "history", "whole", "--project", self.project)["runs"]]
        self.assertEqual(server[0].post("/v1/triggers/whole", {})[0], 202)
        stopped = threading.Event()

        def visit():  # Whoever is there is fed; who meets a server that was killed comes back later.
            n = 0
            while not stopped.wait(0.02):
                try:
                    server[0].post("/v1/feed", {"user_id": f"whole-{(n := n + 1)}", "request_id": f"whole-{n}", "size": 3})
                except (OSError, http.client.HTTPException, ValueError):
                    pass
        visitor = threading.Thread(target=visit)
        visitor.start()
        try:
            def state(step):
                runs = [r for r in run_json("trigger", "history", "whole", "--project", self.project)["runs"] if r["id"] not in known]
                return runs and next(s for s in runs[0]["steps"] if s["name"] == step)["state"]
            for step in ("retrain", "gate", "shadow", "canary", "promote"):
                for reached in (("running", "waiting", "done"), ("done",)):
                    if step == "promote" and reached == ("done",):
                        break
                    eventually(lambda: state(step) in reached, f"{step} is {reached}", seconds=900)
                    server[0].kill()
                    server[0] = Server(self.project, "--clock", "log")
            made = eventually(lambda: (r := run_json("trigger", "history", "whole", "--project", self.project)["runs"][0])["state"] not in ("queued", "running") and r, "the run ends", seconds=900)
        finally:
            stopped.set()
            visitor.join()
            if server[0].process.poll() is None:
                server[0].kill()
        self.assertEqual(made["state"], "done", made)
        self.assertEqual([s["state"] for s in made["steps"]], ["done"] * 5)
        after = run_json("models", "list", "--project", self.project)["models"]
        self.assertEqual(len({m["version"] for m in after} - versions), 1, "one training")
        self.assertNotEqual(self.champion(), before)
        self.assertEqual([m["aliases"] for m in after if m["version"] == self.champion()], [["champion"]], "no alias is left behind")


if __name__ == "__main__":
    unittest.main()
