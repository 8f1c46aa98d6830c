"""kill -9, fifty times, while events arrive: every event answered 202 is there afterwards, once."""
import json
import random
import threading
import time
import unittest

from gfr_process import Folder, Server, event, run

KILLS = 50


class Durability(unittest.TestCase):
    def test_every_event_answered_202_is_there_once_after_fifty_kills(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            acknowledged, lock, counter = set(), threading.Lock(), iter(range(10**9))
            rng = random.Random(1)
            for kill in range(KILLS):
                server = Server(project, "--clock", "wall")
                stop = threading.Event()

                def send():
                    while not stop.is_set():
                        with lock:
                            ids = [next(counter) for _ in range(3)]
                        try:
                            status, reply = server.post("/v1/events", [event(i, user=f"u{i % 7}", items=[f"i{i}"]) for i in ids])
                        except (OSError, ValueError, __import__("http.client").client.HTTPException):
                            continue  # Not acknowledged: it may be there or not, and is not sent again.
                        if status == 202 and reply["accepted"] + reply["duplicates"] == len(ids):
                            with lock:
                                acknowledged.update(map(str, ids))

                senders = [threading.Thread(target=send) for _ in range(4)]
                for s in senders:
                    s.start()
                time.sleep(rng.uniform(0.02, 0.25))
                server.kill()
                stop.set()
                for s in senders:
                    s.join()
            self.assertGreater(len(acknowledged), KILLS)
            out, _ = run("log", "dump", "--project", project)
            there = [json.loads(line)["id"] for line in out.splitlines()]
            self.assertEqual(len(there), len(set(there)), "an event is there twice")
            self.assertEqual(acknowledged - set(there), set(), "an acknowledged event is lost")
            print(f"{KILLS} kills, {len(acknowledged)} acknowledged events, {len(there)} in the log")


if __name__ == "__main__":
    unittest.main()
