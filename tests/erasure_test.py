"""`gfr erase`: a user is gone from every file of a project, and everyone else's values, rows and slates are what they were."""
import datetime
import json
import random
import time
import unittest

import pyarrow.parquet as parquet

from gfr_process import Folder, Server, event, run, run_json

LOGIN, VISITOR = "forget-me-login", "forget-me-visitor"


def files_with(folder, text):
    """Files below `folder` that hold the bytes of `text`, plain or in a column of a Parquet file."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        if text.encode() in path.read_bytes():
            found.append(str(path))
        elif path.suffix == ".parquet" and text in json.dumps(parquet.read_table(path).to_pylist(), default=str):
            found.append(str(path))
    return found


def rows(project, out):
    """The project's dataset, exported: the columns of each objective."""
    run("dataset", "--project", project, "--out", out)
    return {path.name: columns(path) for path in sorted(out.glob("*.parquet"))}


def columns(path):
    table = parquet.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


class Erasure(unittest.TestCase):
    def make(self, folder):
        """A simulated market, then traffic of 9 users and of one whose visits are joined to a login."""
        project = folder / "p"
        run("init", project)
        run("simulate", "--project", project, "--users", 120, "--items", 60, "--days", 8, "--seed", 5)
        self.theirs = []
        rng = random.Random(3)
        with Server(project, "--clock", "log") as server:
            for n in range(80):
                who = VISITOR if n < 25 and n % 5 == 0 else LOGIN if n % 5 == 0 else f"u{100000 + rng.randrange(9)}"
                events = []
                if n == 25:
                    events.append(event("alias", "user.alias", "2026-01-07T12:00:00Z", LOGIN, (), anonymous_id=VISITOR, session_id=f"s-{LOGIN}"))
                status, feed = server.post("/v1/feed", {"user_id": who, "session_id": f"s-{who}", "request_id": f"r{n}",
                                                        "context": {"geography": rng.choice(["rome", "oslo"]), "device": "mobile"}})
                assert status == 200, feed
                shown = [i["item_id"] for i in feed["items"]] or ["i100001", "i100002"]
                data = {"request_id": f"r{n}", "session_id": f"s-{who}", "context": {"geography": rng.choice(["rome", "oslo"])}}
                events.append(event(f"{n}/i", "feed.impression", "2026-01-07T12:00:00Z", who, shown, **data))
                events.append(event(f"{n}/c", "feed.click", "2026-01-07T12:00:01Z", who, [rng.choice(shown)], **data))
                events.append(event(f"{n}/s", "search", "2026-01-07T12:00:02Z", who, (), kind=f"{who} looks for shoes"))
                if n % 2 == 0:
                    events.append(event(f"{n}/b", "purchase", "2026-01-07T12:01:00Z", who, [rng.choice(shown)], transaction_id=f"{who}-{n}", value=19.5))
                status, reply = server.post("/v1/events", events)
                assert status == 202 and reply["accepted"] == len(events), reply
                if who in (LOGIN, VISITOR):
                    self.theirs += events
            assert server.stop() == 0
        # Weeks later: the rows of that day are old enough for a dataset.
        (folder / "later.ndjson").write_text(json.dumps(event("later", "app.open", "2026-03-01T12:00:00Z", "u100000", ())))
        run("import", "ndjson", folder / "later.ndjson", "--project", project)
        return project

    def test_the_user_is_in_no_file_and_everyone_else_is_as_before(self):
        with Folder() as folder:
            project = self.make(folder)
            before = rows(project, folder / "before")
            rows(project, project / "rows")  # A dataset in the project's folder.
            (project / "data/log/0.log.cut").write_text(f"cut off: {VISITOR}")
            served = run_json("features", "verify", "--project", project)
            self.assertEqual(served["different"], 0)
            self.assertGreater(served["requests"], 70)
            self.assertTrue(files_with(project, LOGIN) and files_with(project, VISITOR))

            dry = run_json("erase", VISITOR, "--dry-run", "--project", project)
            self.assertTrue(files_with(project, LOGIN))
            done = run_json("erase", VISITOR, "--project", project)
            self.assertEqual({**dry, "dry_run": False}, done)
            self.assertEqual(sorted(done["people"][0]["ids"]), [LOGIN, VISITOR])
            self.assertEqual(done["events"], len(self.theirs) + 16)  # And 16 requests.
            self.assertEqual(done["slates"], 16)
            self.assertEqual(done["types"]["search"], 16)
            self.assertEqual(len(done["offline_rows"]), len(before))
            for text in (LOGIN, VISITOR):
                self.assertEqual(files_with(project, text), [])

            check = run_json("features", "verify", "--project", project)
            self.assertEqual(check["different"], 0, check["first_difference"])
            self.assertEqual(check["requests"], served["requests"] - 16)
            after = rows(project, folder / "after")
            for name, old in before.items():
                new = after[name]
                gone = set(old["user"]) - set(new["user"])
                self.assertEqual(len(gone), 1, name)
                stays = old["user"] != next(iter(gone))
                self.assertLess(stays.sum(), len(stays))
                in_project = columns(project / "rows" / name)
                for column, values in old.items():
                    self.assertEqual(values[stays].tobytes(), new[column].tobytes(), f"{name}, {column}")
                    self.assertEqual(values[stays].tobytes(), in_project[column].tobytes(), f"{name}, {column}")

            again = run_json("erase", LOGIN, "--project", project)
            self.assertEqual((again["events"], again["offline_rows"], again["slates"]), (0, {}, 0))

            # Old events of theirs do not come back; new ones do.
            (folder / "old.ndjson").write_text("\n".join(json.dumps(e) for e in self.theirs))
            total = run_json("log", "verify", "--project", project)["records"]
            imported = run_json("import", "ndjson", folder / "old.ndjson", "--rebuild", "--project", project)
            self.assertEqual(imported["erased"], len(self.theirs))
            self.assertEqual(files_with(project / "data/log", VISITOR), [])
            self.assertEqual(run_json("log", "verify", "--project", project)["records"], total)
            soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)
            (folder / "new.ndjson").write_text(json.dumps(event("back", "item.view", soon.strftime("%Y-%m-%dT%H:%M:%SZ"), LOGIN, ["i100001"])))
            self.assertEqual(run_json("import", "ndjson", folder / "new.ndjson", "--project", project)["erased"], 0)
            self.assertEqual(run_json("log", "verify", "--project", project)["records"], total + 1)

    def test_deletes_sent_to_the_server_are_honoured_by_a_scheduled_run(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            with Server(project) as server:
                self.assertEqual(server.post("/v1/events", [event(1, user=LOGIN), event(2, user="u2"), event(3, "user.delete", user=LOGIN, items=())])[0], 202)
                run("erase", LOGIN, "--project", project, expect=1)  # The server has the log.
                self.assertEqual(server.stop(), 0)
            done = run_json("erase", "--deleted", "--project", project)
            self.assertEqual((done["people"], done["events"]), ([{"user": LOGIN, "ids": [LOGIN]}], 2))
            self.assertEqual(files_with(project, LOGIN), [])
            self.assertEqual(run_json("erase", "--deleted", "--project", project)["people"], [])
            with Server(project) as server:  # It starts from such a log, and the user may come back.
                later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
                self.assertEqual(server.post("/v1/events", [event(4, time=later, user=LOGIN)])[0], 202)
                self.assertEqual(server.stop(), 0)
            self.assertTrue(files_with(project, LOGIN))

    def test_late_events_sent_to_the_server_stay_erased(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            old = [event(1, user=LOGIN), event(2, user="u2"), event("alias", "user.alias", user=LOGIN, items=(), anonymous_id=VISITOR)]
            with Server(project) as server:
                self.assertEqual(server.post("/v1/events", old)[0], 202)
                self.assertEqual(server.stop(), 0)
            run("erase", LOGIN, "--project", project)
            late = event("late", "feed.click", user=VISITOR)
            with Server(project) as server:
                # Sent again, late, of the anonymous id, or an alias that would bring it back: none is taken.
                status, reply = server.post("/v1/events", [late, event(3, user="u2"), event(1, user=LOGIN), event("x", "user.alias", user="u9", items=(), anonymous_id=VISITOR)])
                self.assertEqual((status, reply["accepted"]), (202, 1))
                self.assertEqual([(r["index"], r["code"]) for r in reply["rejected"]], [(0, "erased"), (2, "erased"), (3, "erased")])
                status, reply = server.post("/v1/events", late)
                self.assertEqual((status, reply["rejected"][0]["code"]), (400, "erased"))
                self.assertEqual(server.stop(), 0)
            self.assertEqual(run_json("log", "verify", "--project", project)["records"], 4)
            for text in (LOGIN, VISITOR):
                self.assertEqual(files_with(project, text), [])

    def test_wrong_usage_says_what_is_valid(self):
        with Folder() as folder:
            run("init", folder / "p")
            self.assertIn("--deleted", run("erase", "--project", folder / "p", expect=2)[1])
            run("erase", "u1", "--deleted", "--project", folder / "p", expect=2)


if __name__ == "__main__":
    unittest.main()
