"""gfr drift: a fault that is planted in a log after the training is named, dated and priced; and not on quiet days."""
import hashlib
import hmac
import http.server
import json
import os
import shutil
import threading
import unittest

from gfr_process import Folder, Server, event, eventually, run, run_json

FAULT = "2026-02-08T12:00"  # Of a log that begins on 2026-01-01; the model is trained on what came before February 5.

LIVE = """
[monitor.webhook]
url = "http://127.0.0.1:PORT/hook"
secret_env = "GFR_TEST_HOOK"
allow_private = true

[[trigger]]
name = "tell"
on = "drift"
kind = "feature"
do = ["alert"]

[[trigger]]
name = "learn"
on = "drift"
rows = 1000000
do = ["retrain", "promote"]
"""


def planted(line):
    """The feeds' device has a new name."""
    event = json.loads(line)
    if event["time"] < FAULT or event["type"] != "feed.request":
        return line
    event["data"]["context"]["device"] = "mobile-web"
    return json.dumps(event)


class Drift(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        folder = cls.folder.__enter__()
        cls.addClassCleanup(cls.folder.__exit__)
        run("init", folder / "made")
        run("simulate", "--project", folder / "made", "--users", 1500, "--items", 300, "--days", 42, "--seed", 3)
        lines = run("log", "dump", "--project", folder / "made")[0].splitlines()
        cls.projects = {}
        for name, events in {"quiet": lines, "fault": map(planted, lines)}.items():
            project = folder / name
            run("init", project)
            toml = (project / "gfr.toml").read_text().replace("folds = 4", "folds = 0")
            (project / "gfr.toml").write_text(toml + "\n[monitor]\nmin_rows = 300\n")
            before, after = [], []
            for line in events:
                (before if json.loads(line)["time"] < "2026-02-05" else after).append(line)
            (folder / "before.ndjson").write_text("\n".join(before))
            (folder / "after.ndjson").write_text("\n".join(after))
            run("import", "ndjson", folder / "before.ndjson", "--project", project)
            run("train", "--project", project)
            run("import", "ndjson", folder / "after.ndjson", "--project", project)
            cls.projects[name] = project

    def test_a_renamed_category_is_named_dated_and_priced(self):
        page = self.projects["fault"] / "drift.html"
        report = run_json("drift", "--project", self.projects["fault"], "--html", page)
        self.assertEqual(report["against"], "feed/1")
        self.assertGreaterEqual(report["reference"]["days"], 20)
        worst = max(report["alerts"], key=lambda a: a["score"])
        self.assertEqual((worst["name"], worst["metric"], worst["open"]), ("device", "unseen", True))
        self.assertTrue("2026-02-08T10" <= worst["since"] <= "2026-02-08T16", worst)
        self.assertGreater(worst["price_a_day"], 0)
        device = next(c for c in report["columns"] if c["name"] == "device")
        self.assertEqual((device["first_seen"], device["unseen_values"]), (worst["since"], ["mobile-web"]))
        self.assertGreater(device["unseen"], 0.3)
        self.assertIn("<svg", page.read_text())
        self.assertIn("device", run("drift", "--project", self.projects["fault"])[0])

    def test_quiet_days_raise_little_and_stay_calibrated(self):
        report = run_json("drift", "--project", self.projects["quiet"])
        self.assertLessEqual(len(report["alerts"]), 2)  # The budget is of many logs: one of them may exceed it.
        self.assertNotIn("device", [a["name"] for a in report["alerts"]])
        self.assertIn("pctr", [o["name"] for o in report["objectives"]])
        for objective in report["objectives"]:
            low, high = objective["observed_over_expected"]["interval"]
            self.assertTrue(low < 1.5 and high > 0.5, objective)
        quality = next(o["quality"] for o in report["objectives"] if o["name"] == "pctr")
        for metric in ("auc", "average_precision", "log_loss"):
            grade = quality["grades"][metric]
            self.assertGreaterEqual(grade["windows"], 4)
            # Of so few windows nine in ten may be six in ten; never none.
            self.assertGreaterEqual(grade["coverage"]["value"], 0.6, (metric, quality["windows"]))
            graded = [w for w in quality["windows"] if w["graded"]]
            self.assertTrue(all(w[metric]["expected"]["interval"][0] < w[metric]["expected"]["value"] for w in graded))
        # The youngest clicks are not known yet, and nothing is said of their observed/expected.
        self.assertEqual((quality["pending"]["says"], quality["pending"]["observed_over_expected"]), ("if still calibrated", "cannot know"))
        self.assertIn("held what was measured", run("drift", "--project", self.projects["quiet"])[0])

    def test_two_ranges_are_compared(self):
        project = self.projects["fault"]
        report = run_json("drift", "--project", project, "--from", "2026-02-09", "--against", "2026-01-05..2026-02-05")
        self.assertIn("device", [c["name"] for c in report["columns"] if c["first_seen"]])
        same = run_json("drift", "--project", project, "--from", "2026-01-29", "--to", "2026-02-05", "--against", "2026-01-05..2026-02-05")
        self.assertNotIn("device", [c["name"] for c in same["columns"] if c["first_seen"]])

    def test_mistakes_are_named(self):
        project = self.projects["quiet"]
        self.assertIn("ends before it begins", run("drift", "--project", project, "--against", "2026-02-01..2026-01-01", expect=2)[1])
        self.assertIn("9", run("drift", "--project", project, "--against", "9", expect=1)[1])
        self.assertIn("the log has events until", run("drift", "--project", project, "--from", "2027-01-01", expect=2)[1])

    def test_a_server_counts_what_it_serves_and_goes_on_after_a_restart(self):
        project = self.projects["quiet"].with_name("served")  # What is served later would be judged with the quiet days.
        shutil.copytree(self.projects["quiet"], project)
        windows, shown = [], []
        for hour in range(10, 13):  # A clock that stands still: each start is an hour later.
            server = Server(project, "--clock", f"fixed:2026-02-20T{hour}:30:00Z")
            try:
                drift = self.drift_when(server, lambda d: "alerts" in d or d["state"].startswith("waiting"))
                if hour > 10:
                    drift = self.drift_when(server, lambda d: d.get("to", "") == f"2026-02-20T{hour}:00:00Z")
                    self.assertEqual((drift["state"], drift["model"], drift["from"]), ("watching", "feed/1", "2026-02-20T10:00:00Z"))
                    windows.append((drift["windows"], drift["rows"]))
                    self.assertIn("device", [c["name"] for c in drift["columns"]])
                    self.assertIn('gfr_drift_rows ', server.get("/metrics")[1].decode())
                for user in range(4):
                    request = f"r{hour}-{user}"
                    feed = server.post("/v1/feed", {"user_id": f"u10000{user}", "request_id": request, "size": 8})[1]
                    items = [{"item_id": i["item_id"], "index": i["position"]} for i in feed["items"]]
                    self.assertGreater(len(items), 2)
                    # The last of them is not seen.
                    seen = {**event(f"{request}/seen", "feed.impression"), "time": f"2026-02-20T{hour}:30:00Z"}
                    seen["data"] = {"user_id": f"u10000{user}", "request_id": request, "items": items[:-1]}
                    self.assertIn(server.post("/v1/events", [seen])[0], (200, 202))
                    shown.append(len(items) - 1)
            finally:
                self.assertEqual(server.stop(), 0)
        self.assertEqual(windows, [(1, sum(shown[:4])), (2, sum(shown[:8]))])

    def test_what_a_server_finds_is_told_to_a_webhook_signed_and_is_a_triggers_occasion(self):
        project, told = self.projects["fault"], []

        class Hook(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.append((self.headers["X-Signature"], self.headers["Content-Type"], body))
                # The first call fails: it is told again.
                self.send_response(503 if len(told) == 1 else 200)
                self.end_headers()

            def log_message(self, *_):
                pass
        hook = http.server.HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        self.addCleanup(hook.server_close)
        self.addCleanup(hook.shutdown)
        toml = project / "gfr.toml"
        before = toml.read_text()
        self.addCleanup(toml.write_text, before)
        toml.write_text(before + LIVE.replace("PORT", str(hook.server_port)))
        os.environ["GFR_TEST_HOOK"] = "a secret"
        self.addCleanup(os.environ.pop, "GFR_TEST_HOOK")
        for hour in range(10, 13):
            server = Server(project, "--clock", f"fixed:2026-02-20T{hour}:30:00Z")
            try:
                if hour == 12:  # Two hours of an unknown device are over.
                    drift = self.drift_when(server, lambda d: d.get("to", "") == "2026-02-20T12:00:00Z")
                    alert = next(a for a in drift["alerts"] if a["open"])
                    self.assertEqual((alert["kind"], alert["since"]), ("feature", "2026-02-20T10:00:00Z"), alert)
                    self.assertIn("device", [alert["name"], *alert["grouped"]])
                    eventually(lambda: len(told) >= 2, "the webhook is called again")
                    runs = eventually(lambda: [r for r in run_json("trigger", "history", "tell", "--project", project)["runs"] if r["state"] == "done"], "the trigger ran")
                    self.assertEqual((len(runs), runs[0]["by"], runs[0]["reason"]), (1, "trigger", alert["text"]))
                    listed = {t["trigger"]: t for t in run_json("trigger", "list", "--project", project)["triggers"]}
                    self.assertIn("only a running server", listed["learn"]["why"])
                    self.assertEqual(run_json("trigger", "history", "learn", "--project", project)["runs"], [], "no label of since then is whole in time")
                    continue
                self.drift_when(server, lambda d: "alerts" in d or d["state"].startswith("waiting"))
                for user in range(45):
                    request = f"live{hour}-{user}"
                    feed = server.post("/v1/feed", {"user_id": f"u{100000 + user}", "request_id": request, "size": 8, "context": {"device": "mobile-web"}})[1]
                    seen = {**event(f"{request}/seen", "feed.impression"), "time": f"2026-02-20T{hour}:30:00Z"}
                    seen["data"] = {"user_id": f"u{100000 + user}", "request_id": request, "items": [{"item_id": i["item_id"], "index": i["position"]} for i in feed["items"]]}
                    self.assertIn(server.post("/v1/events", [seen])[0], (200, 202))
            finally:
                self.assertEqual(server.stop(), 0)
        for signature, kind, body in told:
            self.assertEqual(kind, "application/cloudevents+json")
            self.assertEqual(signature, "sha256=" + hmac.new(b"a secret", body, hashlib.sha256).hexdigest())
        first, again = (json.loads(t[2]) for t in told[:2])
        self.assertEqual((first["type"], first["id"]), ("gfr.drift.alert", again["id"]))
        self.assertEqual((first["data"]["name"], first["data"]["open"]), (alert["name"], True))

    def drift_when(self, server, holds):
        """What /v1/drift says once it does; a look is due every 20 s."""
        return eventually(lambda: holds(drift := json.loads(server.get("/v1/drift")[1])) and drift, "/v1/drift says what it is to say")


if __name__ == "__main__":
    unittest.main()
