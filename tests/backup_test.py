"""Backup under load and restore: nothing acknowledged is lost, and what the restored server serves equals a replay."""
import json
import threading
import unittest

from gfr_process import Folder, Server, event, eventually, log_events, run, run_json

CLOCK = ("--clock", "fixed:2026-02-12T12:00:00Z")
TIME = "2026-02-12T11:00:00Z"


def feed(server, user):
    status, reply = server.post("/v1/feed", {"user_id": user, "candidates": ["i1", "i2", "i3"], "explain": True})
    assert status == 200, reply
    return {i["item_id"]: (i["scores"], i["features"]) for i in reply["items"]}


class Backup(unittest.TestCase):
    def test_a_backup_under_load_is_restored_whole(self):
        with Folder() as folder:
            project, target, restored = folder / "p", folder / "backups", folder / "restored"
            run("init", project)
            run("simulate", "--project", project, "--users", 300, "--items", 100, "--days", 42, "--seed", 3)
            run("train", "--project", project)
            acknowledged, failed, stop = [], [], threading.Event()
            with Server(project, *CLOCK) as server:
                def write():
                    n = 0
                    while not stop.is_set():
                        batch = [event(f"b{n}-{i}", time=TIME, user=f"u{i % 5}", items=("i1",)) for i in range(20)]
                        status, _ = server.post("/v1/events", batch)
                        (acknowledged if status == 202 else failed).append(batch)
                        n += 1
                writer = threading.Thread(target=write)
                writer.start()
                try:
                    eventually(lambda: len(acknowledged) > 20 or failed, "events are acknowledged")
                    before = len(acknowledged)
                    made = run_json("backup", target, "--project", project)
                    eventually(lambda: len(acknowledged) > before or failed, "events are acknowledged beside")
                    again = run_json("backup", target, "--project", project)
                finally:
                    stop.set()
                    writer.join()
                self.assertEqual(failed, [], "a backup holds up no event")
                self.assertLess(again["new_bytes"], made["bytes"], "what is there is not copied again")

            run("restore", target, restored, "--backup", made["backup"])
            _, error = run("restore", target, restored, expect=1)
            self.assertIn("not empty", error)
            self.assertFalse((restored / "data/tokens").exists(), "no token is in a backup")
            # Each event that was acknowledged before the backup began is there: sent again, it is a duplicate.
            with Server(restored, *CLOCK) as server:
                for batch in acknowledged[:before]:
                    status, reply = server.post("/v1/events", batch)
                    self.assertEqual((status, reply["accepted"], reply["duplicates"]), (202, 0, 20))
                # The others too, in their order: then both logs have the same records.
                for batch in acknowledged[before:]:
                    self.assertEqual(server.post("/v1/events", batch)[0], 202)
            self.assertEqual(log_events(restored), log_events(project))
            self.assertEqual(run_json("models", "list", "--project", restored), run_json("models", "list", "--project", project))
            with Server(project, *CLOCK) as server:
                here = {u: feed(server, f"u{u}") for u in range(6)}
            with Server(restored, *CLOCK) as server:
                there = {u: feed(server, f"u{u}") for u in range(6)}
            self.assertEqual(there, here)
            verified = run_json("features", "verify", "--project", restored)
            self.assertGreater(verified["values"], 0)
            self.assertEqual(verified["different"], 0, verified)

    def test_a_manifest_of_another_hand_writes_nothing_outside(self):
        with Folder() as folder:
            run("init", folder / "p")
            made = run_json("backup", folder / "backups", "--project", folder / "p")
            manifest = folder / f"backups/backups/{made['backup']}.json"
            written = json.loads(manifest.read_text())
            for name in ("../outside", "data/log/../../../outside", "/tmp/outside", "data/tokens/admin"):
                written["files"][0]["name"] = name
                manifest.write_text(json.dumps(written))
                _, error = run("restore", folder / "backups", folder / "new", expect=1)
                self.assertIn("no name that a backup has", error)
                self.assertFalse((folder / "new").exists())
            self.assertFalse((folder / "outside").exists())


if __name__ == "__main__":
    unittest.main()
