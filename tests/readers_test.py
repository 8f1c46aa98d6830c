"""One server that has the log and readers beside it, over a real Redis: equal values, what happens without either, and a fenced owner."""
import calendar
import itertools
import json
import shutil
import signal
import time
import unittest

from gfr_process import PATIENCE, Folder, Server, event, eventually, free_port, run, run_json
from served_equals_replayed_test import redis_server

NOW = "2026-03-02T12:00:00Z"
LATER = "2026-03-02T12:05:00Z"
TOML = """
[store]
online = "REDIS"
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
[[feature]]
name = "since_click"
type = "since"
scope = "user"
events = ["feed.click"]
[[feature]]
name = "rank"
type = "slate"
read = "supplied_rank"
[[objective]]
name = "pctr"
"""


def metric(server, name):
    """The value of a metric without labels."""
    return next(float(line.split()[1]) for line in server.get("/metrics")[1].decode().splitlines() if line.startswith(name + " "))


class Readers(unittest.TestCase):
    def make(self, folder, address):
        project = folder / "p"
        run("init", project)
        (project / "gfr.toml").write_text(TOML.replace("REDIS", address))
        events = [event(n, "feed.click", f"2026-03-02T10:{n:02}:00Z", f"u{n % 3}", [f"i{n % 5}"]) for n in range(50)]
        (folder / "log.ndjson").write_text("\n".join(map(json.dumps, events)))
        run("import", "ndjson", folder / "log.ndjson", "--project", project)
        return project

    def reader(self, project, owner, clock=LATER):
        return Server(project, "--clock", f"fixed:{clock}", "--owner", f"127.0.0.1:{owner.port}")

    def ask(self, server, user, request, **more):
        """A feed with its values. It has none when its rows were published twice between its two reads: it is asked for again."""
        for again in itertools.count():
            id = f"{request}.{again}" if again else request
            status, feed = server.post("/v1/feed", {"user_id": user, "request_id": id, "explain": True, "candidates": ["i1", "i2", "new"], **more})
            self.assertEqual(status, 200, feed)
            if "store" not in feed["degraded"]:
                return feed
            self.assertLess(again, 1000, "the rows are never read")

    def values(self, feed):
        return {i["item_id"]: i["features"] for i in feed["items"]}

    def clicks(self, server, user, request):
        return self.values(self.ask(server, user, request))["i1"]["user_clicks"]

    def test_two_readers_and_the_owner_serve_equal_values_that_a_replay_gives_again(self):
        with Folder() as folder, redis_server(folder) as address:
            project = self.make(folder, address)
            with Server(project, "--clock", f"fixed:{LATER}") as owner, self.reader(project, owner) as a, self.reader(project, owner) as b:
                eventually(lambda: a.get("/readyz")[0] == b.get("/readyz")[0] == 200, "both readers are ready")
                for n in range(30):
                    user = f"u{n % 4}"  # u3 is a stranger.
                    feeds = [self.ask(s, user, f"{name}{n}") for name, s in (("o", owner), ("a", a), ("b", b))]
                    for feed in feeds:
                        self.assertEqual(feed["degraded"], ["model"])
                        self.assertEqual(self.values(feed), self.values(feeds[0]))
                    self.assertEqual(self.values(feeds[1])["i1"]["user_clicks"], sum(1 for c in range(50) if f"u{c % 3}" == user) + n // 8 * (user == "u1"))
                    if n % 8 == 7:  # An event at a reader is the owner's, and comes back to all.
                        status, reply = (a, b)[n % 2].post("/v1/events", [event(f"x{n}", "feed.click", NOW, "u1", ["i9"])])
                        self.assertEqual((status, reply["accepted"]), (202, 1))
                        want = 17 + (n + 1) // 8
                        eventually(lambda: all(self.clicks(s, "u1", f"w{n}{i}{time.monotonic()}") == want for i, s in enumerate((owner, a, b))), "all have the click")
                # A feed that names no candidates has them from the owner's lists, at the reader itself. Its slate is in
                # the owner's log, which explains it.
                eventually(lambda: metric(a, "gfr_lists_epoch_end_seconds") > 0, "the lists come")

                def ranked_here():
                    before = metric(a, "gfr_forwarded_total")
                    status, feed = a.post("/v1/feed", {"user_id": "u1", "request_id": "all"})
                    self.assertEqual(status, 200)
                    return metric(a, "gfr_forwarded_total") == before and feed["degraded"] == ["model"] and feed
                feed = eventually(ranked_here, "the reader ranks by the lists")
                self.assertGreaterEqual({i["item_id"] for i in feed["items"]}, {f"i{n}" for n in range(5)})
                for request in ("a0", "all"):
                    status, why = b.get(f"/v1/explain/{request}")
                    self.assertEqual((status, json.loads(why)["data"]["request_id"]), (200, request))
                self.assertEqual(a.get("/v1/models")[0], 404)
                metrics = a.get("/metrics")[1].decode()
                self.assertIn("gfr_rows_up 1", metrics)
                self.assertIn("gfr_unlogged_total 0", metrics)
                for server in (a, b, owner):
                    self.assertEqual(server.stop(), 0)
            check = run_json("features", "verify", "--project", project)
            self.assertGreaterEqual(check["requests"], 92)
            self.assertEqual(check["different"], 0, check["first_difference"])

    def test_readers_follow_the_owners_epochs_and_outlive_it(self):
        with Folder() as folder, redis_server(folder) as address:
            project = self.make(folder, address)
            port = free_port()
            with Server(project, "--clock", f"fixed:{NOW}", port=port) as owner:
                with self.reader(project, owner) as reader:
                    item = lambda name: self.values(self.ask(reader, "u1", name))["i1"]["item_clicks"]
                    eventually(lambda: reader.get("/readyz")[0] == 200, "the reader is ready")
                    eventually(lambda: metric(reader, "gfr_lists_epoch_end_seconds") > 0, "the lists come")
                    self.assertEqual(item("1"), 10)
                    status, _ = reader.post("/v1/events", [event("late", "feed.click", NOW, "u2", ["i1"])])
                    self.assertEqual(status, 202)
                    eventually(lambda: self.clicks(reader, "u2", f"c{time.monotonic()}") == 17, "the click comes")
                    self.assertEqual(item("2"), 10)  # The click's epoch is not sealed.
                    owner.kill()
                    unlogged = metric(reader, "gfr_unlogged_total")
                    # Without an owner: the rows that were published last, and no log.
                    feed = self.ask(reader, "u2", "3")
                    self.assertEqual((feed["degraded"], self.values(feed)["i1"]["user_clicks"]), (["model", "log"], 17))
                    status, headers, body = reader.request("POST", "/v1/events", json.dumps([event("lost", "feed.click", NOW, "u2")]), {"Content-Type": "application/json"})
                    self.assertEqual((status, headers["Retry-After"]), (503, "1"))
                    self.assertIn("does not answer", json.loads(body)["detail"])
                    # Candidates are those of the lists that the owner published last.
                    feed = eventually(lambda: (of := reader.post("/v1/feed", {"user_id": "u2"})[1])["degraded"] == ["model", "log"] and of, "a feed by the lists")
                    self.assertEqual({i["item_id"] for i in feed["items"]}, {f"i{n}" for n in range(5)})
                    self.assertGreaterEqual(metric(reader, "gfr_unlogged_total") - unlogged, 2)
                    # An owner at the same address, five minutes later: its epoch is the readers'.
                    with Server(project, "--clock", f"fixed:{LATER}", port=port) as again:
                        eventually(lambda: "log" not in self.ask(reader, "u2", f"l{time.monotonic()}")["degraded"], "the owner is found")
                        eventually(lambda: item(f"e{time.monotonic()}") == 11, "its epoch comes")
                        later = calendar.timegm(time.strptime(LATER, "%Y-%m-%dT%H:%M:%SZ")) - 60  # An epoch, sealed late.
                        eventually(lambda: metric(reader, "gfr_lists_epoch_end_seconds") == later, "its lists come")
                        again.stop()
                    reader.stop()
            self.assertEqual(run_json("features", "verify", "--project", project)["different"], 0)

    def test_an_owner_that_hangs_holds_no_reader_up(self):
        with Folder() as folder, redis_server(folder) as address:
            project = self.make(folder, address)
            with Server(project, "--clock", f"fixed:{NOW}") as owner, self.reader(project, owner) as reader:
                eventually(lambda: "log" not in self.ask(reader, "u1", f"f{time.monotonic()}")["degraded"], "the owner is found")
                # Without the patience of the other tests: a feed waits a second for its owner.
                config = (project / "gfr.toml").read_text()
                (project / "gfr.toml").write_text(config.replace(PATIENCE, ""))
                with Server(project, "--clock", f"fixed:{LATER}", "--owner", f"127.0.0.1:{owner.port}", patient=False) as hasty:
                    eventually(lambda: hasty.get("/readyz")[0] == 200, "the reader is ready")
                    owner.process.send_signal(signal.SIGSTOP)
                    try:
                        for n in range(20):  # Each would take five seconds, and now one a second takes one.
                            self.assertIn("log", self.ask(hasty, "u1", f"h{n}")["degraded"])
                        status, headers, _ = hasty.request("POST", "/v1/events", json.dumps([event("e", "feed.click", NOW)]), {"Content-Type": "application/json"})
                        self.assertEqual((status, headers["Retry-After"]), (503, "1"))
                        self.assertEqual(hasty.get("/livez")[0], 200)
                        self.assertEqual(hasty.stop(), 0)
                    finally:
                        owner.process.send_signal(signal.SIGCONT)
                    eventually(lambda: "log" not in self.ask(reader, "u1", f"g{time.monotonic()}")["degraded"], "the owner is found again")

    def test_an_owner_that_was_taken_over_changes_nothing_that_readers_see(self):
        with Folder() as folder, redis_server(folder) as address:
            project = self.make(folder, address)
            shutil.copytree(project, folder / "q")
            with Server(project, "--clock", f"fixed:{NOW}") as old, Server(folder / "q", "--clock", f"fixed:{NOW}") as new:
                with self.reader(project, new) as reader:
                    eventually(lambda: reader.get("/readyz")[0] == 200, "the reader is ready")
                    for n in range(3):
                        self.assertEqual(old.post("/v1/events", [event(f"old{n}", "feed.click", NOW, "u1", ["i1"])])[0], 202)
                    self.assertEqual(new.post("/v1/events", [event("new", "feed.click", NOW, "u2", ["i1"])])[0], 202)
                    eventually(lambda: self.clicks(reader, "u2", f"n{time.monotonic()}") == 17, "the new owner's click comes")
                    # The old one tries to publish at least once a second, and says what came of it.
                    said = ""
                    while "rows are not published" not in said:
                        said = old.process.stderr.readline()
                        self.assertTrue(said, "the old owner ended")
                    self.assertEqual(self.clicks(reader, "u1", "r"), 17)  # Not the old owner's 20,
                    # which its own feeds have: from its tables.
                    eventually(lambda: self.clicks(old, "u1", f"o{time.monotonic()}") == 20, "the old owner has its clicks")
                    self.assertEqual(self.clicks(new, "u1", "s"), 17)
                    for server in (reader, new):
                        self.assertEqual(server.stop(), 0)
                self.assertEqual(old.stop(), 0)
                self.assertRegex(said, r"rows are not published error=.redis: .* owns the rows of .* now; this process's .* is stale and wrote nothing")
            for p in (project, folder / "q"):
                self.assertEqual(run_json("features", "verify", "--project", p)["different"], 0, p)

    def test_what_a_reader_cannot_be_is_wrong_usage(self):
        with Folder() as folder:
            project = self.make(folder, "embedded")
            # Without a Redis it asks the owner how far the log is.
            self.assertIn("does not answer", run("serve", "--project", project, "--owner", "127.0.0.1:1", expect=1)[1])
            (project / "gfr.toml").write_text(TOML.replace("REDIS", "redis://127.0.0.1:1"))
            for owner in ("nobody", "host:0", ":1", "host:x"):
                self.assertIn("valid is HOST:PORT", run("serve", "--project", project, "--owner", owner, expect=2)[1])
            self.assertIn("valid are wall and fixed:TIME", run("serve", "--project", project, "--owner", "a:1", "--clock", "log", expect=2)[1])


if __name__ == "__main__":
    unittest.main()
