"""Triggers end to end: a retrain by command, webhook and new data, in a child, through the gates, to what is served; and kills."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

from gfr_process import GFR, Folder, Server, event, eventually, is_alive, run, run_json

# The tables are those of a nightly loop, with gates that a log this small can pass.
TRIGGERS = """
[[trigger]]
name = "by_hand"
on = "command"
backoff = "1s"
[[trigger.step]]
do = "retrain"
[[trigger.step]]
do = "promote"
margin = 0.05
max_miscalibration = 1
max_slowdown = 1000
without_evidence = "promote"
[[trigger.step]]
do = "run"
when = "promote.promoted == 1"
command = ["/bin/sh", "-c", "echo released $GFR_VERSION; env | cut -d= -f1 | sort | tr '\\\\n' ' '"]

[[trigger]]
name = "more_rows"
on = "new_data"
rows = 60
nice = 0
[[trigger.step]]
do = "retrain"
[[trigger.step]]
do = "promote"
margin = 0.05
max_miscalibration = 1
max_slowdown = 1000
without_evidence = "promote"

[[trigger]]
name = "strict"
on = "webhook"
nice = 0
[[trigger.step]]
do = "retrain"
[[trigger.step]]
do = "promote"
rule = "better"
"""


def champion(project):
    return [m["version"] for m in run_json("models", "list", "--project", project)["models"] if m["champion"]][0]


def runs_of(project, trigger):
    return run_json("trigger", "history", trigger, "--project", project)["runs"]


def children(process):
    """Ids of a process's children that train."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"\nPPid:\t{process.pid}\n" in (folder / "status").read_text() and b"train" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


class Automation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.project = cls.folder.__enter__() / "p"
        run("init", cls.project)
        run("simulate", "--project", cls.project, "--users", 300, "--items", 100, "--days", 42, "--seed", 3)
        toml = cls.project / "gfr.toml"
        toml.write_text(toml.read_text() + TRIGGERS)
        run("train", "--project", cls.project)

    @classmethod
    def tearDownClass(cls):
        cls.folder.__exit__()

    def done(self, trigger, count):
        """The newest run of a trigger, once it has so many that are over."""
        found = []

        def look():
            found[:] = runs_of(self.project, trigger)
            return len(found) == count and all(r["state"] not in ("queued", "running") for r in found)
        eventually(look, f"{count} runs of {trigger}", seconds=900)
        return found[0]

    def test_1_a_dry_run_says_what_would_happen_and_does_nothing(self):
        said = run_json("trigger", "run", "by_hand", "--dry-run", "--project", self.project)
        self.assertFalse(said["due"])
        self.assertEqual([w["step"] for w in said["would"]], ["retrain", "promote", "run"])
        self.assertIn("gfr train --run", said["would"][0]["runs"])
        self.assertEqual(said["would"][2]["when"], "promote.promoted == 1")
        self.assertEqual(runs_of(self.project, "by_hand"), [])
        listed = {t["trigger"]: t for t in run_json("trigger", "list", "--project", self.project)["triggers"]}
        self.assertIn("mature rows of pctr", listed["more_rows"]["why"])
        run("trigger", "pause", "more_rows", "--reason", "the shop moves", "--project", self.project)
        paused = run_json("trigger", "explain", "more_rows", "--project", self.project)
        self.assertFalse(paused["due"])
        self.assertIn("(the shop moves); `gfr trigger resume more_rows` ends that", paused["why"])
        run("trigger", "resume", "more_rows", "--project", self.project)
        self.assertIn("mature rows of pctr", run_json("trigger", "explain", "more_rows", "--project", self.project)["why"])
        _, error = run("trigger", "run", "nothing", "--project", self.project, expect=2)
        self.assertIn("by_hand, more_rows, strict", error)

    def test_2_without_a_server_the_command_runs_it(self):
        before = champion(self.project)
        made = run_json("trigger", "run", "by_hand", "--project", self.project)
        self.assertEqual(made["state"], "done", made)
        retrain, promote, ran = made["steps"]
        self.assertEqual(promote["inputs"]["champion"], before)
        self.assertEqual(promote["outputs"]["rule"], "not_worse", promote)
        self.assertEqual(champion(self.project), retrain["outputs"]["version"])
        self.assertLess(retrain["outputs"]["log_loss"], 1)
        self.assertTrue(ran["outputs"]["output"].startswith("GFR_PROJECT GFR_RUN GFR_VERSION"), "the environment has nothing else of ours")
        self.assertIn("[[step]]", made["configuration"])

    def test_3_a_server_retrains_by_webhook_and_a_gate_refuses(self):
        with Server(self.project, "--clock", "log") as server:
            before = champion(self.project)
            self.assertEqual(server.post("/v1/triggers/nothing", {})[0], 404)
            self.assertEqual(server.request("POST", "/v1/triggers/strict", b"{}", {"Authorization": "Bearer x", "Content-Type": "application/json"})[0], 401)
            status, reply = server.post("/v1/triggers/strict", {})
            self.assertEqual((status, reply["state"]), (202, "asked"))
            made = self.done("strict", 1)
            self.assertEqual(made["state"], "stopped", made)
            self.assertIn("which must be below 0", made["why"])
            self.assertEqual(made["steps"][1]["outputs"]["rule"], "better")
            self.assertEqual(champion(self.project), before, "an equal model is not better")
            eventually(lambda: json.loads(server.get("/v1/triggers")[1])["unfinished"] == [], "the server knows that it is over")

    def test_4_new_rows_retrain_and_the_new_champion_is_served(self):
        with Server(self.project, "--clock", "fixed:2026-02-12T00:00:00Z") as server:
            events = [event(f"new-{n}", type="feed.impression", time="2026-02-12T00:00:00Z", user=f"u{n % 7}", items=("i1", "i2")) for n in range(40)]
            self.assertEqual(server.post("/v1/events", events)[0], 202)
            self.assertEqual(server.stop(), 0)
        with Server(self.project, "--clock", "fixed:2026-02-12T01:00:00Z") as server:  # The rows' window is over.
            made = self.done("more_rows", 1)
            self.assertEqual(made["by"], "trigger")
            self.assertGreaterEqual(int(made["reason"].split(" mature rows of pctr")[0]), 80)  # And the log's last ones.
            self.assertEqual(made["state"], "done", made)
            version = made["steps"][0]["outputs"]["version"]

            def served():
                status, reply = server.post("/v1/feed", {"user_id": "u1", "candidates": ["i1", "i2"]})
                return status == 200 and reply["model"]["version"] == version
            eventually(served, f"version {version} is served")
            listed = {t["trigger"]: t for t in run_json("trigger", "list", "--project", self.project)["triggers"]}
            self.assertIn("it cools down", listed["more_rows"]["why"])

    def test_5_a_kill_at_any_step_leaves_a_run_that_goes_on(self):
        before = len(runs_of(self.project, "by_hand"))
        server = Server(self.project, "--clock", "log")
        try:
            self.assertEqual(server.post("/v1/triggers/by_hand", {})[0], 202)
            child = eventually(lambda: children(server.process), "a child that trains")[0]
            self.assertGreaterEqual(os.getpriority(os.PRIO_PROCESS, child), min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10))
            server.kill()
            eventually(lambda: not is_alive(child), "the child ends with its server")
            # Then at whatever step the run is, a few times.
            for moment in range(3):
                server = Server(self.project, "--clock", "log")
                time.sleep(2.5 + 1.5 * moment)
                server.kill()
            server = Server(self.project, "--clock", "log")
            made = self.done("by_hand", before + 1)
            self.assertEqual(made["state"], "done", made)
            self.assertGreater(made["steps"][0]["begun"], 1)
            version = made["steps"][0]["outputs"]["version"]
            self.assertEqual(champion(self.project), version)
            card = run("models", "card", version, "--project", self.project)[0]
            self.assertIn(made["id"] + "/retrain", card)
            self.assertEqual(server.stop(), 0)
        finally:
            if server.process.poll() is None:
                server.kill()

    def test_6_a_stop_ends_the_child_and_the_next_server_goes_on(self):
        before = len(runs_of(self.project, "by_hand"))
        with Server(self.project, "--clock", "log") as server:
            asked = subprocess.Popen([GFR, "trigger", "run", "by_hand", "--wait", "--json", "--project", str(self.project)], stdout=subprocess.PIPE, text=True)
            child = eventually(lambda: children(server.process), "a child that trains")[0]
            self.assertEqual(server.stop(), 0)
            self.assertFalse(is_alive(child))
        self.assertEqual(runs_of(self.project, "by_hand")[0]["state"], "running")
        with Server(self.project, "--clock", "log"):
            out, _ = asked.communicate(timeout=600)
            self.assertEqual(json.loads(out)["state"], "done")
            self.assertEqual(len(runs_of(self.project, "by_hand")), before + 1)


if __name__ == "__main__":
    unittest.main()
