"""Values logged while real traffic was served equal those of a replay of the log, bit for bit; and rows made of them train."""
import random
import threading
import unittest

from gfr_process import Folder, Server, event, run, run_json


class ServedEqualsReplayed(unittest.TestCase):
    def test_under_traffic_of_many_clients_on_the_wall_clock_and_across_a_restart(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            run("simulate", "--project", project, "--users", 300, "--items", 150, "--days", 42, "--seed", 9)
            run("train", "--project", project)
            for life in range(2):
                with Server(project, "--clock", "log") as server:
                    errors = []

                    def traffic(client):
                        rng = random.Random(client * 100 + life)
                        try:
                            for n in range(60):
                                user, session, request = f"u{100000 + rng.randrange(40)}", f"s{client}", f"t{life}-{client}-{n}"
                                body = {"user_id": user, "session_id": session, "request_id": request, "context": {"geography": rng.choice(["rome", "paris"]), "device": "mobile"}}
                                if rng.random() < 0.4:
                                    body["candidates"] = [{"item_id": f"i{100000 + rng.randrange(200)}", "properties": {"price": rng.uniform(1, 90)}} for _ in range(12)]
                                status, feed = server.post("/v1/feed", body)
                                assert status == 200, feed
                                if not feed["items"]:
                                    continue
                                shown = [i["item_id"] for i in feed["items"]]
                                events = [event(f"{request}/i", "feed.impression", "2026-02-11T23:00:00Z", user, shown, request_id=request, session_id=session)]
                                if rng.random() < 0.5:
                                    events.append(event(f"{request}/c", "feed.click", "2026-02-11T23:10:00Z", user, [rng.choice(shown)], request_id=request, session_id=session))
                                if rng.random() < 0.2:
                                    events.append(event(f"{request}/b", "purchase", "2026-02-11T23:20:00Z", user, [rng.choice(shown)], session_id=session))
                                if rng.random() < 0.1:
                                    events.append(event(f"{request}/u", "item.update", "2026-02-11T23:20:00Z", user, [rng.choice(shown)]))
                                status, reply = server.post("/v1/events", events)
                                assert status == 202 and reply["accepted"] == len(events), reply
                        except Exception as e:  # noqa: BLE001: reported below
                            errors.append(e)

                    clients = [threading.Thread(target=traffic, args=(c,)) for c in range(6)]
                    for c in clients:
                        c.start()
                    for c in clients:
                        c.join()
                    self.assertEqual(errors, [])
                    server.stop()
            check = run_json("features", "verify", "--project", project)
            self.assertEqual(check["requests"], 720)
            self.assertGreater(check["values"], 720 * 12 * 30)
            self.assertEqual(check["different"], 0, check["first_difference"])
            print(f"{check['requests']} served requests, {check['values']} values, {check['different']} differ")


if __name__ == "__main__":
    unittest.main()
