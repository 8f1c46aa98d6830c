"""Values logged while real traffic was served equal those of a replay of the log, bit for bit: embedded and in a real Redis, with late,
duplicate and shuffled events, across restarts."""
import contextlib
import json
import random
import shutil
import subprocess
import threading
import time
import unittest

from gfr_process import Folder, Server, event, eventually, run, run_json

LIVES, CLIENTS, FEEDS = 3, 6, 60
START = 1770853200  # 2026-02-11T23:40:00Z: the simulated log's end, which the servers' clock goes on from.


@contextlib.contextmanager
def redis_server(folder):
    """A redis-server on a unix socket; gives its address as [store] online says it."""
    path = folder / "redis.sock"
    server = subprocess.Popen([shutil.which("redis-server"), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)],
                              stdout=subprocess.DEVNULL)
    try:
        eventually(path.exists, "redis-server starts")
        yield f"redis+unix://{path}"
    finally:
        server.terminate()
        server.wait(300)


def client_traffic(server, client, life, errors):
    """Feeds, and events about them: 10 % late by up to two days, 2 % sent again, each batch shuffled."""
    rng = random.Random(client * 101 + life)
    sent = []
    try:
        for n in range(FEEDS):
            user, session, request = f"u{100000 + rng.randrange(40)}", f"s{client}", f"t{life}-{client}-{n}"
            body = {"user_id": user, "session_id": session, "request_id": request, "surface": rng.choice(["home", "cart"]),
                    "context": {"geography": rng.choice(["rome", "paris"]), "device": "mobile"}}
            if rng.random() < 0.3:
                body["candidates"] = [{"item_id": f"i{100000 + i}", "properties": {"price": rng.uniform(1, 90)}} for i in rng.sample(range(200), 12)]
            status, feed = server.post("/v1/feed", body)
            assert status == 200, feed
            if not feed["items"]:
                continue
            shown = [i["item_id"] for i in feed["items"]]

            def make(suffix, kind, items):
                late_s = rng.randrange(2 * 86400) if rng.random() < 0.1 else rng.randrange(60)
                when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START - late_s))
                named = {"request_id": request} if kind.startswith("feed.") else {}
                return event(f"{request}/{suffix}", kind, when, user, items, session_id=session, **named)
            events = [make("i", "feed.impression", shown)]
            for suffix, kind, share in (("c", "feed.click", 0.9), ("v", "item.view", 0.4), ("a", "cart.add", 0.2), ("b", "purchase", 0.2), ("u", "item.update", 0.1)):
                if rng.random() < share:
                    events.append(make(suffix, kind, [rng.choice(shown[:8])]))
            again = [e for e in sent[-20:] if rng.random() < 0.02]
            batch = events + again
            rng.shuffle(batch)
            status, reply = server.post("/v1/events", batch)
            assert status == 202 and reply["accepted"] == len(events) and reply["duplicates"] == len(again), reply
            sent += events
    except Exception as e:  # noqa: BLE001: reported by the test
        errors.append(e)


def near(interval, value):
    """Whether the value lies within twice a 95 % interval's width: about 4 standard errors. Six such intervals are looked at in a run whose traffic
    depends on how its clients' threads are scheduled; at their own width one of four runs would fail by chance."""
    low, high = interval
    return 1.5 * low - 0.5 * high <= value <= 1.5 * high - 0.5 * low


class ServedEqualsReplayed(unittest.TestCase):
    def check(self, project):
        for life in range(LIVES):
            with Server(project, "--clock", "log") as server:
                errors = []
                clients = [threading.Thread(target=client_traffic, args=(server, c, life, errors)) for c in range(CLIENTS)]
                for c in clients:
                    c.start()
                for c in clients:
                    c.join()
                self.assertEqual(errors, [])
                if life % 2 == 0:
                    server.stop()
                else:
                    server.kill()
        check = run_json("features", "verify", "--project", project)
        self.assertEqual(check["requests"], LIVES * CLIENTS * FEEDS)
        self.assertGreater(check["values"], 2_000_000)
        self.assertEqual(check["different"], 0, check["first_difference"])
        print(f"{check['requests']} served requests, {check['values']} values, {check['different']} differ")

    def judge_off_policy(self, folder):
        """Clicks fell on any of eight places alike: what the model would have drawn earns what chance did, each of these is looked at as often, and
        the log can tell."""
        later = folder / "later.ndjson"  # By then the served rows are mature.
        later.write_text(json.dumps(event("later", "app.open", "2026-02-13T00:00:00Z", "u100001")) + "\n")
        run("import", "ndjson", later, "--project", folder / "p")
        report = run_json("evaluate", "--project", folder / "p", "--from", "2026-02-11T23:30:00Z", "--off-policy", "--position-bias")
        bias = report["objectives"]["pctr"]["position_bias"]["by_swaps"]
        self.assertGreater(sum(p["rows"] for p in bias["places"]), 1000)
        self.assertTrue(near(bias["exponent_interval"], 0), bias)
        report = report["off_policy"]["feed/1"]
        self.assertGreater(report["choices"], 1000)
        self.assertTrue(report["evidence"], report["refusals"])
        self.assertTrue(near(report["mean_weight"]["interval"], 1), report["mean_weight"])
        self.assertGreater(report["effective_sample"], 100)
        for name in ("ipw", "snipw", "clipped", "doubly_robust"):
            self.assertTrue(near(report[name]["interval"], report["logged"]["value"]), (name, report))

    def test_embedded_and_in_a_redis(self):
        with Folder() as folder:
            run("init", folder / "p")
            toml = folder / "p/gfr.toml"
            toml.write_text(toml.read_text() + "\n[feed.swap]\nshare = 0.8\n")
            run("simulate", "--project", folder / "p", "--users", 300, "--items", 150, "--days", 42, "--seed", 9)
            run("train", "--project", folder / "p")
            shutil.copytree(folder / "p", folder / "r")
            self.check(folder / "p")
            self.judge_off_policy(folder)
            with redis_server(folder) as address:
                toml = folder / "r/gfr.toml"
                toml.write_text(toml.read_text().replace("[serve]", f'[store]\nonline = "{address}"\n\n[serve]', 1))
                self.check(folder / "r")

    def test_a_lost_redis_degrades_feeds_and_a_restored_one_mends_them(self):
        with Folder() as folder:
            run("init", folder / "p")
            run("simulate", "--project", folder / "p", "--users", 50, "--items", 30, "--days", 28, "--seed", 9)
            toml = folder / "p/gfr.toml"
            toml.write_text(toml.read_text().replace("[serve]", f'[store]\nonline = "redis+unix://{folder}/redis.sock"\n\n[serve]', 1))
            with Server(folder / "p", "--clock", "log") as server:
                ask = {"user_id": "u100001", "session_id": "s"}
                status, feed = server.post("/v1/feed", ask)
                self.assertEqual((status, "store" in feed["degraded"]), (200, True))
                with redis_server(folder):
                    eventually(lambda: "store" not in server.post("/v1/feed", ask)[1].get("degraded", ["store"]), "it is read again")
                status, feed = server.post("/v1/feed", ask)
                self.assertEqual((status, "store" in feed["degraded"], len(feed["items"]) > 0), (200, True, True))
                server.stop()
            check = run_json("features", "verify", "--project", folder / "p")
            self.assertEqual((check["different"], check["requests"] >= 3), (0, True), check["first_difference"])


if __name__ == "__main__":
    unittest.main()
