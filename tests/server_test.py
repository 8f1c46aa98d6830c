"""The server: what a bad client is told, feeds, explanations, restarts, a new champion."""
import json
import pathlib
import socket
import subprocess
import unittest

from gfr_process import GFR, Folder, Load, Server, event, eventually, log_events, run, run_json


def make_project(path, days=42):
    run("init", path)
    run("simulate", "--project", path, "--users", 400, "--items", 200, "--days", days, "--seed", 2)


class BadClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.project = cls.folder.__enter__() / "p"
        run("init", cls.project)
        cls.server = Server(cls.project, "--clock", "fixed:2026-01-01T00:00:00Z")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.__exit__()

    def rejected(self, body, content_type="application/json"):
        """Posts what must change nothing; gives the one code."""
        before = log_events(self.project)
        status, reply = self.server.post("/v1/events", body, content_type)
        self.assertEqual(status, 400, reply)
        self.assertEqual((reply["accepted"], reply["duplicates"]), (0, 0))
        self.assertEqual(log_events(self.project), before)
        return reply["rejected"][0]["code"]

    def without(self, field):
        e = event("x")
        (e if field in e else e["data"]).pop(field)
        return e

    def test_each_mistake_has_its_code_and_changes_nothing(self):
        self.assertEqual(self.rejected("{"), "bad_json")
        self.assertEqual(self.rejected(b"\xff\xfe\x00"), "bad_json")
        self.assertEqual(self.rejected(""), "bad_json")
        self.assertEqual(self.rejected('"text"'), "bad_type")
        self.assertEqual(self.rejected([[1]]), "bad_type")
        self.assertEqual(self.rejected(event("x") | {"id": 5}), "bad_type")
        self.assertEqual(self.rejected(event("x") | {"data": []}), "bad_type")
        self.assertEqual(self.rejected(event("x", items=[7])), "bad_type")
        self.assertEqual(self.rejected(event("x") | {"time": "noon"}), "bad_type")
        self.assertEqual(self.rejected(event("x", type="item.lick")), "unknown_type")
        for field in ("id", "source", "type", "time", "data", "user_id", "items"):
            self.assertEqual(self.rejected(self.without(field)), "missing_field", field)
        self.assertEqual(self.rejected(event("")), "missing_field")
        self.assertEqual(self.rejected(event("x", time="2026-01-01T00:05:01Z")), "future_time")
        self.assertEqual(self.rejected("[" * 5000), "bad_json")

    def test_sizes_are_bounded(self):
        before = log_events(self.project)
        status, _, _ = self.server.request("POST", "/v1/events", b"x" * (50 << 20), {"Content-Type": "application/json"})
        self.assertEqual(status, 413)
        with socket.create_connection((self.server.host, self.server.port)) as s:  # Told before the body is sent.
            s.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 52428800\r\n\r\n")
            s.settimeout(300)
            self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 413"))
        status, reply = self.server.post("/v1/events", event("big", user="u" * (2 << 20)))
        self.assertEqual(status, 413, reply)
        lines = json.dumps(event("good")) + "\n" + json.dumps(event("big", user="u" * (2 << 20)))
        status, reply = self.server.post("/v1/events", lines, "application/x-ndjson")
        self.assertEqual((status, reply["accepted"], reply["rejected"][0]["code"], reply["rejected"][0]["index"]), (202, 1, "too_large", 1))
        self.assertEqual(log_events(self.project), before + 1)

    def test_content_types(self):
        for kind in ("text/plain", "", "application/xml"):
            self.assertEqual(self.server.request("POST", "/v1/events", "{}", {"Content-Type": kind})[0], 415)
        for n, kind in enumerate(("application/json", "application/json; charset=utf-8", "application/cloudevents+json", "application/x-ndjson", "application/cloudevents-batch+json")):
            body = [event(f"kind{n}")] if "batch" in kind else event(f"kind{n}")
            self.assertEqual(self.server.post("/v1/events", body, kind), (202, {"accepted": 1, "duplicates": 0, "rejected": []}))

    def test_a_batch_takes_what_is_good_and_a_second_sending_counts_once(self):
        batch = [event("b1"), event("b2", type="no"), event("b3")]
        status, reply = self.server.post("/v1/events", batch)
        self.assertEqual((status, reply["accepted"], [r["index"] for r in reply["rejected"]]), (202, 2, [1]))
        status, reply = self.server.post("/v1/events", batch)
        self.assertEqual((status, reply["accepted"], reply["duplicates"]), (202, 0, 2))

    def test_what_is_not_http_is_refused_and_the_server_lives_on(self):
        for junk in (b"\x16\x03\x01\x00\x00", b"GET\r\n\r\n", b"A" * 100000, b"POST /v1/events HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
            with socket.create_connection((self.server.host, self.server.port)) as s:
                s.settimeout(300)
                try:
                    s.sendall(junk)
                    s.shutdown(socket.SHUT_WR)
                    self.assertIn(s.recv(12)[9:12], (b"400", b"431", b""))
                except ConnectionError:
                    pass
        self.assertEqual(self.server.get("/livez")[0], 200)

    def test_errors_are_problem_documents(self):
        for method, path, body, expected in (("GET", "/v1/nothing", None, 404), ("GET", "/v1/events", None, 405), ("POST", "/v1/feed", "{", 400), ("POST", "/v1/feed", "{}", 400),
                                             ("POST", "/v1/feed", '{"user_id":"u","size":0}', 400), ("POST", "/v1/feed", '{"user_id":7}', 400),
                                             ("POST", "/v1/feed", '{"user_id":"u","candidates":[{}]}', 400), ("POST", "/v1/feed", '{"user_id":"u","explain":1}', 400),
                                             ("GET", "/v1/explain/none", None, 404)):
            status, headers, reply = self.server.request(method, path, body, {"Content-Type": "application/json"})
            self.assertEqual(status, expected, (path, body, reply))
            self.assertEqual(headers["Content-Type"], "application/problem+json")
            self.assertEqual(json.loads(reply)["status"], expected)

    def test_states_larger_than_their_memory_refuse_a_start_and_then_events_and_forget_nothing(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            toml = project / "gfr.toml"
            plain = toml.read_text()

            def limit(size):
                toml.write_text(plain + f'\n[store]\nmemory = "{size}"\n')
            limit("4 gigabytes")
            self.assertRegex(run("serve", "--project", project, expect=2)[1], r"gfr\.toml:\d+: .*'4 gigabytes' is not a size; valid is a whole number and B, KiB")
            limit("2MiB")
            sent = 0
            with Server(project) as server:
                for batch in range(100):
                    status, _, body = server.request("POST", "/v1/events", json.dumps([event(f"{batch}/{n}", user=f"u{batch}-{n}") for n in range(100)]),
                                                     {"Content-Type": "application/json"})
                    if status != 202:
                        break
                    sent += 100
                self.assertEqual(status, 503)
                self.assertIn("nothing was taken", json.loads(body)["detail"])
                self.assertGreater(sent, 300)
                status, feed = server.post("/v1/feed", {"user_id": "u0-1", "request_id": "r1"})
                self.assertEqual((status, "store" in feed["degraded"]), (200, False))
                metrics = server.get("/metrics")[1].decode()
                self.assertGreater(int(metrics.split("\ngfr_state_bytes ")[1].split()[0]), 2 << 20)
                server.stop()
            self.assertEqual(log_events(project), sent + 1)
            _, err = run("serve", "--project", project, expect=2)
            self.assertRegex(err, rf"the states take 2\.\d+ MiB, more than the 2\.00 MiB of \[store\] memory: {sent} users of \d+ bytes take .*; give it more")
            limit("1GiB")
            with Server(project) as server:
                self.assertEqual(server.post("/v1/events", [event("more")])[0], 202)
                server.stop()

    def test_beyond_max_connections_who_has_been_longest_without_a_request_makes_room(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            toml = project / "gfr.toml"
            text = toml.read_text()
            toml.write_text(text.replace("[serve]", "[serve]\nmax_connections = 2", 1) if "[serve]" in text else text + "\n[serve]\nmax_connections = 2\n")
            ask = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
            with Server(project) as server:
                address = ("127.0.0.1", server.port)
                with socket.create_connection(address) as one, socket.create_connection(address) as two:
                    for s in (one, two, one):  # Served, and kept.
                        s.sendall(ask)
                        self.assertTrue(s.recv(1000).startswith(b"HTTP/1.1 200"))
                    with socket.create_connection(address) as third:
                        third.sendall(ask)
                        self.assertTrue(third.recv(1000).startswith(b"HTTP/1.1 200"))
                        self.assertEqual(two.recv(1000), b"")
                        one.sendall(ask)
                        self.assertTrue(one.recv(1000).startswith(b"HTTP/1.1 200"))
                self.assertEqual(server.stop(), 0)

    def test_a_second_process_cannot_open_the_log(self):
        _, err = run("import", "ndjson", "/dev/null", "--project", self.project, expect=1)
        self.assertTrue(err)


class Feed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.path = cls.folder.__enter__()
        cls.project = cls.path / "p"
        make_project(cls.project)
        run("train", "--project", cls.project)
        run("train", "--project", cls.project)

    @classmethod
    def tearDownClass(cls):
        cls.folder.__exit__()

    def test_a_feed_names_its_channels_and_scores_and_can_be_explained(self):
        with Server(self.project) as server:
            status, feed = server.post("/v1/feed", {"user_id": "u100010", "session_id": "s", "request_id": "why/1", "size": 20, "explain": True})
            self.assertEqual(status, 200)
            self.assertEqual(len(feed["items"]), 20)
            self.assertEqual(feed["model"], {"name": "feed", "version": "1"})
            self.assertEqual(feed["degraded"], [])
            channels = {i["channel"] for i in feed["items"]}
            self.assertTrue(channels <= {"exploit", "explore", "popularity", "recent"})
            for item in feed["items"]:
                self.assertTrue(0 < item["scores"]["pctr"] < 1 and 0 < item["scores"]["pcvr"] < 1)
                self.assertIn("price", item["features"])
                self.assertEqual(item["features"]["position"], 0, "all are ranked at the first place")
            for path in ("/v1/explain/why/1", "/v1/explain/why%2F1"):
                status, reply = server.get(path)
                self.assertEqual(status, 200)
            served = {c["item_id"]: c for c in json.loads(reply)["served"]["candidates"]}
            for p, item in enumerate(feed["items"]):
                self.assertEqual(served[item["item_id"]]["position"], p)
                self.assertEqual(served[item["item_id"]]["features"], item["features"])
                self.assertEqual(served[item["item_id"]]["scores_at_shown"], item["scores_at_shown"])
                self.assertEqual(item["scores_at_shown"]["pcvr"], item["scores"]["pcvr"], "learnt of clicks, which have no place")
            first = feed["items"][0]
            self.assertEqual(first["scores_at_shown"]["pctr"], first["scores"]["pctr"])
            self.assertTrue(any(i["scores_at_shown"]["pctr"] != i["scores"]["pctr"] for i in feed["items"]))
            self.assertEqual(run_json("explain", "why/1", "--project", self.project)["served"], json.loads(reply)["served"])
            # Of what was not shown the record keeps checksums; a replay gives the values, and they fit.
            self.assertFalse(json.loads(reply)["served"]["complete"])
            status, started = server.get("/v1/explain/why/1?all=true")
            self.assertEqual(status, 202)
            at = json.loads(started)["at"]
            job = eventually(lambda: (j := json.loads(server.get(at)[1]))["state"] in ("done", "failed") and j, "the job ends")
            self.assertEqual(job["state"], "done", job)
            every = job["answer"]["served"]
            self.assertEqual((every["replayed"]["different"], every["replayed"]["scores"]), ([], True))
            self.assertTrue(all(len(c["features"]) == len(item["features"]) and 0 < c["scores"]["pctr"] < 1 for c in every["candidates"]))
            self.assertEqual({c["item_id"]: c for c in every["candidates"] if c["position"] is not None},
                             {i: c for i, c in served.items() if c["position"] is not None})
            self.assertEqual(run_json("explain", "why/1", "--all", "--project", self.project)["served"]["candidates"], every["candidates"])
            self.assertEqual(server.get("/v1/jobs/none")[0], 404)
            run("explain", "nothing", "--project", self.project, expect=1)
            metrics = server.get("/metrics")[1].decode()
            self.assertIn("gfr_feeds_total 1", metrics)
            self.assertEqual(server.stop(), 0)

    def test_replies_are_byte_equal_before_and_after_a_restart(self):
        clock = ("--clock", "fixed:2026-03-01T12:00:00Z")
        bodies = [json.dumps({"user_id": f"u{100000 + i}", "session_id": "s", "request_id": f"same-{i}", "context": {"geography": "rome"}}) for i in range(20)]
        replies = []
        for _ in range(3):
            with Server(self.project, *clock) as server:
                if not replies:
                    server.post("/v1/events", [event(f"before{i}", type="feed.click", time="2026-03-01T11:59:00Z", user=f"u{100000 + i}", items=["i100003"]) for i in range(10)])
                replies.append([server.request("POST", "/v1/feed", b)[2] for b in bodies])
                server.stop()
        self.assertEqual(replies[0], replies[1])
        self.assertEqual(replies[0], replies[2])

    def test_a_click_changes_the_next_feed(self):
        with Server(self.project) as server:
            before = server.post("/v1/feed", {"user_id": "fresh", "session_id": "s", "request_id": "n1"})[1]
            clicked = before["items"][7]["item_id"]
            now = json.loads(server.get("/v1/explain/n1")[1])["time"]
            self.assertEqual(server.post("/v1/events", event("click-fresh", type="feed.click", time=now, user="fresh", items=[clicked], request_id="n1", session_id="s"))[0], 202)
            after = server.post("/v1/feed", {"user_id": "fresh", "session_id": "s", "request_id": "n2"})[1]
            self.assertIn("exploit", {i["channel"] for i in after["items"]})
            self.assertNotEqual([i["scores"]["pctr"] for i in before["items"]], [i["scores"]["pctr"] for i in after["items"]])

    def test_a_new_champion_is_picked_up_without_a_lost_request(self):
        with Server(self.project) as server:
            versions = []

            def ask(_):
                status, feed = server.post("/v1/feed", {"user_id": "u100001"})
                self.assertEqual(status, 200, feed)
                versions.append(feed["model"]["version"])

            def served(version):
                begun = len(versions)
                eventually(lambda: version in versions[begun:], f"version {version} is served")
            with Load(ask, ask, ask):
                served("1")
                run("models", "promote", "2", "--project", self.project)
                served("2")
                self.assertEqual(server.post("/v1/models/rollback", {})[0], 200)  # From loopback, without a token.
                begun = len(versions)
                eventually(lambda: versions[begun:][-20:] == ["1"] * 20, "version 1 is served again, and by every one")
            self.assertEqual(set(versions), {"1", "2"})

    def test_admin_calls_always_need_the_token_that_the_first_start_made(self):
        with Folder() as folder:
            run("init", folder / "p")
            token = folder / "p/data/tokens/admin"
            with Server(folder / "p", "--open") as server:
                self.assertEqual(token.stat().st_mode & 0o777, 0o600)
                old = server.admin()
                self.assertEqual(server.request("POST", "/v1/models/rollback", "{}", {"Authorization": ""})[0], 401)
                self.assertEqual(server.request("POST", "/v1/models/rollback", "{}", {"Authorization": "Bearer wrong"})[0], 401)
                self.assertEqual(server.request("POST", "/v1/served", b"x", {"Authorization": ""})[0], 401)
                self.assertEqual(server.request("POST", "/v1/models/rollback", "{}", old)[0], 409)
                self.assertIn(str(token), run("token", "rotate", "--project", folder / "p")[0])
                eventually(lambda: server.request("POST", "/v1/models/rollback", "{}", old)[0] == 401, "the old token is refused")
                self.assertEqual(server.request("POST", "/v1/models/rollback", "{}")[0], 409)
                # A page of another origin, or under another name, can do nothing.
                self.assertEqual(server.request("POST", "/v1/feed", '{"user_id":"u"}', {"Content-Type": "text/plain"})[0], 415)
                json_type = {"Content-Type": "application/json"}
                self.assertEqual(server.request("POST", "/v1/feed", '{"user_id":"u"}', {**json_type, "Origin": "https://evil.example"})[0], 403)
                self.assertEqual(server.request("POST", "/v1/feed", '{"user_id":"u"}', {**json_type, "Host": "evil.example"})[0], 421)
                self.assertEqual(server.stop(), 0)
            toml = folder / "p/gfr.toml"
            toml.write_text(toml.read_text().replace("[serve]", '[serve]\nadmin_token = "secret"'))
            with Server(folder / "p") as server:  # As 0.1 configures it.
                self.assertEqual(server.request("POST", "/v1/models/rollback", "{}", {"Authorization": "Bearer secret"})[0], 409)

    def test_an_address_that_others_reach_needs_tokens_or_open(self):
        with Folder() as folder:
            run("init", folder / "p")
            _, err = run("serve", "--project", folder / "p", "--listen", "0.0.0.0:0", expect=2)
            self.assertIn("gfr token rotate events", err)

    def test_a_wrong_clock_or_address_is_wrong_usage(self):
        for arguments in (("--clock", "sundial"), ("--clock", "fixed:never"), ("--listen", "8080"), ("--listen", "nowhere:80")):
            done = subprocess.run([GFR, "serve", "--project", str(self.project), "--listen", "127.0.0.1:0", *arguments], capture_output=True, timeout=600)
            self.assertEqual(done.returncode, 2, done.stderr)


if __name__ == "__main__":
    unittest.main()
