"""Several servers of one address (`gfr serve --replicas`): more and fewer of them under load without a failed request, replaced when one is killed, gone with their supervisor."""
import copy
import datetime
import http.client
import json
import os
import signal
import time
import unittest

from gfr_process import Folder, Load, Server, event, eventually, is_alive, log_events, run, run_json

TOML = """
[scale]
requests_per_minute = 240
out_samples = 1
in_cooldown = "3s"
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
[[feature]]
name = "item_clicks"
type = "count"
scope = "item"
events = ["feed.click"]
[[objective]]
name = "pctr"
"""


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def make(folder):
    project = folder / "p"
    run("init", project)
    (project / "gfr.toml").write_text(TOML)
    events = [event(n, "feed.click", f"2026-03-02T10:{n:02}:00Z", f"u{n % 3}", [f"i{n % 5}"]) for n in range(50)]
    (folder / "log.ndjson").write_text("\n".join(map(json.dumps, events)))
    run("import", "ndjson", folder / "log.ndjson", "--project", project)
    return project


class Client:
    """Keeps one connection, as browsers and gateways do; each call must be answered well."""

    def __init__(self, server, name, pause=0.0, keep=True):
        self.server, self.name, self.pause, self.keep = server, name, pause, keep
        self.connection = None
        self.feeds = self.events = self.closed = 0

    def post(self, path, body, expect):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=300)
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        reply = json.loads(response.read())
        if response.status != expect:
            raise AssertionError(f"{path} answered {response.status}: {reply}")
        self.closed += response.getheader("Connection") == "close"
        if not self.keep:
            self.connection.close()
            self.connection = None
        return reply

    def __call__(self, n):
        feed = self.post("/v1/feed", {"user_id": f"u{n % 4}", "request_id": f"{self.name}-{n}", "candidates": ["i1", "i2", "new"]}, 200)
        if feed["degraded"] != ["model"]:
            raise AssertionError(f"degraded: {feed['degraded']}")
        self.feeds += 1
        if n % 3 == 0:
            reply = self.post("/v1/events", [event(f"{self.name}-{n}", "feed.click", now(), f"u{n % 4}", [f"i{n % 5}"])], 202)
            if reply["accepted"] != 1:
                raise AssertionError(reply)
            self.events += 1
        time.sleep(self.pause)


class Replicas(unittest.TestCase):
    def servers(self, project):
        return json.loads((project / "data/replicas.json").read_text())

    def ready(self, project):
        return [s for s in self.servers(project)["replicas"] if s["state"] == "ready"]

    def alone(self, server, replica):
        """Asks one of the servers, at its own address: at the common one, whoever takes a call answers it."""
        one = copy.copy(server)
        one.port = int(replica["address"].rsplit(":", 1)[1])
        return one

    def feed(self, server, request, **more):
        status, feed = server.post("/v1/feed", {"user_id": "u1", "request_id": f"{request}-{time.monotonic()}", "candidates": ["i1", "i2"], **more})
        return feed if status == 200 else {"degraded": [f"answered {status}"]}

    def test_one_to_three_to_one_under_load_without_a_failed_request(self):
        with Folder() as folder:
            project = make(folder)
            with Server(project, "--replicas", "1:3") as server:
                self.assertEqual([s["name"] for s in self.ready(project)], ["owner"])
                light = [Client(server, "kept", pause=1), Client(server, "new", pause=1, keep=False)]
                heavy = [Client(server, f"heavy{n}", keep=n % 2 == 0) for n in range(4)]
                with Load(*light):
                    with Load(*heavy):
                        eventually(lambda: len(self.ready(project)) == 3, "there are three servers")
                        addresses = [s["address"] for s in self.ready(project)]
                        seen = [c.feeds for c in heavy]
                        eventually(lambda: all(c.feeds > before + 20 for c, before in zip(heavy, seen)), "each client has feeds")
                    eventually(lambda: len(self.servers(project)["replicas"]) == 1, "there is one server again")
                    seen = [c.feeds for c in light]
                    eventually(lambda: all(c.feeds > before for c, before in zip(light, seen)), "each client has feeds")
                self.assertEqual(self.servers(project)["desired"], 1)
                clients = light + heavy
                self.assertEqual(len(set(addresses)), 3)
                self.assertEqual(server.stop(), 0)
            # What was acknowledged is in the log, once: by whichever server it came, and every feed beside it.
            self.assertEqual(log_events(project), 50 + sum(c.feeds + c.events for c in clients))
            check = run_json("features", "verify", "--project", project)
            self.assertEqual(check["requests"], sum(c.feeds for c in clients))
            self.assertEqual(check["different"], 0, check["first_difference"])
            self.assertFalse((project / "data/replicas.json").exists())

    def test_a_killed_server_is_replaced_and_a_killed_supervisor_leaves_none(self):
        with Folder() as folder:
            project = make(folder)
            with Server(project, "--replicas", "2") as server:
                def started(name, times):
                    return eventually(lambda: [s for s in self.ready(project) if s["name"] == name and s["starts"] == times], f"{name} is ready")[0]

                owner, reader = eventually(lambda: len(ready := self.ready(project)) == 2 and ready, "there are two servers")
                os.kill(reader["process"], signal.SIGKILL)
                again = started(reader["name"], 2)
                self.assertNotEqual(again["process"], reader["process"])
                eventually(lambda: self.feed(self.alone(server, again), "again")["degraded"] == ["model"], "the reader finds the owner")
                for n in range(20):
                    self.assertEqual(self.feed(server, f"after-{n}")["degraded"], ["model"])
                self.assertEqual(server.post("/v1/events", [event("kept", "feed.click", now(), "u1", ["i1"])])[0], 202)
                os.kill(owner["process"], signal.SIGKILL)
                new = started("owner", 2)
                self.assertEqual(new["address"], owner["address"])
                # The reader finds it there, and makes its rows anew.
                eventually(lambda: self.feed(self.alone(server, again), "owner")["degraded"] == ["model"], "the reader finds the new owner")
                # Whoever takes an admin call, the owner answers it.
                for _ in range(10):
                    self.assertEqual(server.request("POST", "/v1/reload", "")[0], 200)
                    self.assertEqual(server.request("GET", "/v1/models")[0], 200)
                    self.assertEqual(server.request("GET", "/v1/triggers")[0], 200)
                    self.assertEqual(server.request("GET", "/v1/triggers", headers={"Authorization": "Bearer wrong"})[0], 401)
                    self.assertEqual(server.request("GET", "/v1/nothing")[0], 404)
                # Other features: the reader is started anew with them.
                text = (project / "gfr.toml").read_text()
                (project / "gfr.toml").write_text(text + '[[feature]]\nname = "views"\ntype = "count"\nscope = "item"\nevents = ["item.view"]\n')
                server.process.send_signal(signal.SIGHUP)
                newer = started(reader["name"], 3)
                for one in (newer, new):
                    eventually(lambda: "views" in json.dumps(self.feed(self.alone(server, one), "views", explain=True)), f"{one['name']} has the new feature")
                server.kill()
                eventually(lambda: not any(is_alive(pid) for pid in (newer["process"], new["process"])), "no server is left")
            self.assertGreaterEqual(log_events(project), 51)


    def test_a_triggers_step_asks_for_more_servers_and_its_run_says_so(self):
        with Folder() as folder:
            project = make(folder)
            trigger = '[[trigger]]\nname = "NAME"\non = "command"\ncooldown = "0s"\n[[trigger.step]]\ndo = "scale"\n'
            text = (project / "gfr.toml").read_text() + trigger.replace("NAME", "more") + "min_replicas = 2\nfor = \"12h\"\n" + trigger.replace("NAME", "as_before")
            (project / "gfr.toml").write_text(text)
            with Server(project, "--replicas", "1:3") as server:
                self.assertEqual(server.request("POST", "/v1/triggers/more", "{}")[0], 202)
                eventually(lambda: len(self.ready(project)) == 2, "there are two servers")
                made = run_json("trigger", "history", "more", "--project", project)["runs"][0]
                self.assertEqual(self.servers(project)["bounds_by"], made["id"])
                eventually(lambda: run_json("trigger", "history", "more", "--project", project)["runs"][0]["state"] == "done", "the run ends")
                self.assertEqual(run_json("trigger", "history", "more", "--project", project)["runs"][0]["steps"][0]["why"], "asked for at least 2 servers for 12h")
                self.assertEqual(server.request("POST", "/v1/triggers/as_before", "{}")[0], 202)
                eventually(lambda: len(self.servers(project)["replicas"]) == 1, "there is one server")
                self.assertIsNone(self.servers(project)["bounds_by"])
                self.assertEqual(server.stop(), 0)
            # A server alone has no servers to count.
            with Server(project) as server:
                self.assertEqual(server.request("POST", "/v1/triggers/more", "{}")[0], 202)
                failed = eventually(lambda: (r := run_json("trigger", "history", "more", "--project", project)["runs"][0])["state"] == "failed" and r, "the run fails")
                self.assertIn("gfr serve --replicas", failed["why"])
                self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
