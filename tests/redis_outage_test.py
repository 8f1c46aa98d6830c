"""The Redis of [store] online killed and started again, empty, while a server and a reader are asked: feeds go on and say so, both find their
way back by themselves, and nothing that was acknowledged is lost.

Once; ten times with GFR_TEST_ALL=1 (`make test-all`)."""
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

from gfr_process import Folder, Load, Server, event, eventually, log_events, run, run_json
from readers_test import LATER, NOW, TOML

OUTAGES = 10 if os.environ.get("GFR_TEST_ALL") else 1


class Redis:
    """A redis-server on a unix socket that may be killed and started again; it keeps nothing on disk."""

    def __init__(self, folder):
        self.folder, self.path = folder, folder / "redis.sock"
        self.address = f"redis+unix://{self.path}"
        self.start()

    def start(self):
        pathlib.Path(self.path).unlink(missing_ok=True)
        self.process = subprocess.Popen([shutil.which("redis-server"), "--port", "0", "--unixsocket", str(self.path), "--save", "", "--dir", str(self.folder)],
                                        stdout=subprocess.DEVNULL)
        eventually(self.path.exists, "redis-server starts")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Client:
    """Clicks and asks for feeds, and keeps what it is told."""

    def __init__(self, name, server):
        self.name, self.server, self.answers, self.clicks = name, server, [], 0

    def __call__(self, n):
        user = f"of-{self.name}"
        status, reply = self.server.post("/v1/events", [event(f"{self.name}-{n}", "feed.click", NOW, user, ["i1"])])
        self.clicks += status == 202 and reply["accepted"] == 1
        status, feed = self.server.post("/v1/feed", {"user_id": user, "candidates": ["i1", "i2"]})
        self.answers.append((status, tuple(feed.get("degraded", ["refused"])), len(feed.get("items", []))))


class RedisOutage(unittest.TestCase):
    def test_feeds_go_on_without_it_and_all_is_there_again_after_it(self):
        with Folder() as folder:
            redis = Redis(folder)
            self.addCleanup(lambda: redis.kill())
            project = folder / "p"
            run("init", project)
            (project / "gfr.toml").write_text(TOML.replace("REDIS", redis.address))
            before = log_events(project)
            with Server(project, "--clock", f"fixed:{NOW}") as owner, \
                    Server(project, "--clock", f"fixed:{LATER}", "--owner", f"127.0.0.1:{owner.port}") as reader:
                servers = {"owner": owner, "reader": reader}
                for server in servers.values():
                    eventually(lambda: server.get("/readyz")[0] == 200, "it is ready")
                clicks = lambda server, of: server.post("/v1/feed", {"user_id": of, "candidates": ["i1"], "explain": True})[1]["items"][0]["features"]["user_clicks"]
                clients = {name: Client(name, server) for name, server in servers.items()}
                with Load(*clients.values()):
                    for _ in range(OUTAGES):
                        marks = {name: len(client.answers) for name, client in clients.items()}
                        redis.kill()
                        for name in servers:
                            eventually(lambda: any("store" in d for _, d, _ in clients[name].answers[marks[name]:]), f"feeds of the {name} say that it is away")
                        redis.start()
                        for name in servers:
                            eventually(lambda: clients[name].answers[-1][0] == 200 and "store" not in clients[name].answers[-1][1], f"the {name} finds it again")
                for name, client in clients.items():
                    answers = client.answers
                    self.assertEqual({status for status, _, _ in answers}, {200}, name)
                    self.assertEqual({items for _, _, items in answers}, {2}, name)
                    degraded = sum(bool(d) for _, d, _ in answers)
                    self.assertGreater(degraded, 0)
                    counted = [line for line in servers[name].get("/metrics")[1].decode().splitlines() if line.startswith("gfr_feeds_degraded_total ")]
                    self.assertGreaterEqual(float(counted[0].split()[1]), degraded)
                for name in servers:  # Each sees all clicks that either took.
                    for of in servers:
                        eventually(lambda: clicks(servers[name], f"of-{of}") == clients[of].clicks, f"the {name} sees the clicks of the {of}")
                clicked = sum(client.clicks for client in clients.values())
                self.assertGreater(clicked, 0)
                self.assertGreater(sum(len(client.answers) for client in clients.values()), 0)
                self.assertEqual(reader.stop(), 0)
                self.assertEqual(owner.stop(), 0)
            self.assertGreaterEqual(log_events(project) - before, clicked)
            # What was served without the Redis was served without values, and a replay knows that.
            self.assertEqual(run_json("features", "verify", "--project", project)["different"], 0)


if __name__ == "__main__":
    unittest.main()
