"""gfr send: a file of events to a running server, also one that is killed or slow meanwhile; and gfr status."""
import http.server
import json
import os
import subprocess
import threading
import unittest

from gfr_process import GFR, Folder, Server, event, log_events, run, run_json

CLOCK = ("--clock", "fixed:2026-01-01T12:00:00Z")


def make_project(folder, more=""):
    run("init", folder / "p")
    toml = folder / "p/gfr.toml"
    toml.write_text(toml.read_text().replace("[serve]\n", "[serve]\n" + more, 1))
    return folder / "p"


def write_events(path, count, first=0):
    path.write_text("".join(json.dumps(event(n)) + "\n" for n in range(first, first + count)))


def send(*arguments, expect=0, **environment):
    done = subprocess.run([GFR, "send", *map(str, arguments), "--json"], capture_output=True, text=True, timeout=600, env=os.environ | environment)
    assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout else None, done.stderr


class Relay(http.server.ThreadingHTTPServer):
    """Hands calls on to a server, but answers what `refuse` says of the n-th one."""

    def __init__(self, to, refuse):
        self.to, self.refuse, self.calls = to, refuse, 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        relay = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        relay.calls += 1
        refused = relay.refuse(relay.calls)
        if refused == "cut after it was taken":  # As a server that is killed before it answers.
            relay.to.request("POST", self.path, body, {"Content-Type": self.headers["Content-Type"]})
            self.close_connection = True
            return
        if refused:
            status, headers, reply = refused, {"Retry-After": "0"}, b"{}"
        else:
            status, headers, reply = relay.to.request("POST", self.path, body, {"Content-Type": self.headers["Content-Type"]})
        self.send_response(status)
        self.send_header("Content-Type", headers.get("Content-Type", "application/problem+json"))
        self.send_header("Content-Length", str(len(reply)))
        if "Retry-After" in headers:
            self.send_header("Retry-After", headers["Retry-After"])
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


class Send(unittest.TestCase):
    def test_a_file_goes_into_a_running_server_once_and_lines_that_it_refuses_are_named(self):
        with Folder() as folder:
            with Server(make_project(folder), *CLOCK) as server:
                url = f"http://127.0.0.1:{server.port}"
                file = folder / "events.ndjson"
                lines = [json.dumps(event(n)) for n in range(2500)]
                lines[1200] = json.dumps(event("slate", type="feed.request"))
                lines[1201] = "{"
                file.write_text("\n".join(lines) + "\n")
                report, said = send(file, "--to", url, expect=3)
                self.assertEqual((report["accepted"], report["duplicates"], report["rejected"], report["batches"]), (2498, 0, 2, 3))
                self.assertIn("events.ndjson:1201: server_only", said)
                self.assertIn("events.ndjson:1202: bad_json", said)
                report, _ = send(file, "--to", url)
                self.assertEqual((report["skipped"], report["accepted"], report["batches"]), (2500, 0, 0))
                report, _ = send(file, "--to", url, "--again", expect=3)
                self.assertEqual((report["accepted"], report["duplicates"]), (0, 2498))
                with open(file, "a") as more:
                    more.write(json.dumps(event("late")) + "\n")
                report, _ = send(file, "--to", url)
                self.assertEqual((report["accepted"], report["lines"]), (1, 2501))
                server.stop()
            self.assertEqual(log_events(folder / "p"), 2499)

    def test_it_backs_off_from_a_busy_server_and_sends_again_what_was_not_answered(self):
        with Folder() as folder:
            with Server(make_project(folder), *CLOCK) as server:
                file = folder / "events.ndjson"
                write_events(file, 500)
                refusals = {2: 429, 3: 503, 5: "cut after it was taken"}
                relay = Relay(server, refusals.get)
                report, said = send(file, "--to", relay.url(), "--batch", 100)
                relay.shutdown()
                relay.server_close()
                self.assertEqual((report["accepted"] + report["duplicates"], report["duplicates"], report["retries"]), (500, 100, 3))
                self.assertIn("answered 429", said)
                server.stop()
            self.assertEqual(log_events(folder / "p"), 500)

    def test_it_goes_on_where_it_came_to_after_the_server_was_away(self):
        with Folder() as folder:
            project = make_project(folder)
            file = folder / "events.ndjson"
            write_events(file, 1000)
            with Server(project, *CLOCK) as server:
                relay = Relay(server, lambda call: 503 if call > 4 else None)
                report, said = send(file, "--to", relay.url(), "--batch", 100, "--patience", 1, expect=1)
                self.assertEqual((report["lines"], report["accepted"]), (400, 400))
                self.assertIn("sent again, it goes on here", said)
                relay.refuse = lambda call: None
                report, _ = send(file, "--to", relay.url(), "--batch", 100)
                self.assertEqual((report["skipped"], report["accepted"], report["duplicates"]), (400, 600, 0))
                relay.shutdown()
                relay.server_close()
                server.stop()
            self.assertEqual(log_events(project), 1000)

    def test_tokens_come_from_a_file_or_the_environment_and_a_wrong_one_ends_it(self):
        with Folder() as folder:
            token = "0123456789abcdef"
            project = make_project(folder)
            (project / "data/tokens").mkdir(parents=True)
            (project / "data/tokens/events").write_text(token + "\n")
            with Server(project, *CLOCK) as server:
                url, file = f"http://127.0.0.1:{server.port}", folder / "events.ndjson"
                write_events(file, 10)
                _, said = send(file, "--to", url, expect=2)
                self.assertIn("401", said)
                self.assertEqual(send(file, "--to", url, GFR_TOKEN=token)[0]["accepted"], 10)
                report, _ = send(file, "--to", url, "--again", "--token-file", project / "data/tokens/events")
                self.assertEqual(report["duplicates"], 10)
                self.assertNotIn("--token ", run("send", "--help")[0])


class Status(unittest.TestCase):
    def test_it_says_how_a_server_and_its_project_are_and_exits_accordingly(self):
        with Folder() as folder:
            project = make_project(folder)
            with Server(project, *CLOCK) as server:
                url = f"http://127.0.0.1:{server.port}"
                server.post("/v1/events", [event(n) for n in range(7)])
                status = run_json("status", "--url", url)["server"]
                self.assertEqual((status["state"], status["role"], status["log"]["records"], status["log"]["waiting"]), ("ready", "owner", 7, 0))
                self.assertIsNone(status["model"]["champion"])
                self.assertGreater(status["store"]["bytes"], 0)
                self.assertGreater(status["store"]["freshness"]["user"]["p99_s"], 0)
                self.assertIn("save-snapshot", [job["job"] for job in status["jobs"]])
                self.assertEqual(set(status["queue"]), {"compute", "ingest", "blocking"})
                text, _ = run("status", "--url", url)
                self.assertIn(f"server {url}: ready", text)

                toml = project / "gfr.toml"
                toml.write_text(toml.read_text().replace("[serve]\n", f'[serve]\nlisten = "127.0.0.1:{server.port}"\n', 1))
                status = run_json("status", "--project", project)
                self.assertEqual((status["server"]["state"], status["project"]["log"]["records"]), ("ready", 7))
                server.stop()
                status = run_json("status", "--project", project, expect=4)
                self.assertEqual((status["server"]["state"], status["project"]["log"]["records"]), ("no answer", 7))
                self.assertEqual(run_json("status", "--url", url, expect=4)["server"]["state"], "no answer")
                run("status", "--url", "ftp://nowhere", expect=2)

    def test_a_server_whose_champion_cannot_be_read_is_degraded(self):
        with Folder() as folder:
            project = make_project(folder)
            (project / "data").mkdir(exist_ok=True)
            run("models", "list", "--project", project)
            (project / "data/models/feed").mkdir(parents=True)
            (project / "data/models/feed/champion.json").write_text("not JSON")
            with Server(project, *CLOCK) as server:
                status = run_json("status", "--url", f"http://127.0.0.1:{server.port}", expect=3)["server"]
                self.assertEqual(status["state"], "degraded")
                self.assertTrue(status["why"])
                run("status", "--ready", "--url", f"127.0.0.1:{server.port}")  # It serves.
            self.assertIn("no answer", run("status", "--ready", "--url", f"127.0.0.1:{server.port}", expect=1)[1])


if __name__ == "__main__":
    unittest.main()
