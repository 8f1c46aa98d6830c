"""The offline feature store by its commands: values as of a time against those of training, and against plain counting."""
import csv
import io
import json
import random
import struct
import time
import unittest

import pyarrow as pa
import pyarrow.parquet as pq

from gfr_process import Folder, Server, event, run, run_json

CONTEXT = ["geography", "acquisition_channel", "device"]


def log(project):
    return [json.loads(line) for line in run("log", "dump", "--project", project)[0].splitlines()]


def bits(values):
    return [None if v is None or v != v else struct.pack("<f", v) for v in values]


class Join(unittest.TestCase):
    def make(self, folder):
        project = folder / "p"
        run("init", project)
        run("simulate", "--project", project, "--users", 150, "--items", 80, "--days", 14, "--seed", 5)
        return project

    def test_the_requests_of_the_log_joined_have_every_bit_of_their_training_rows(self):
        with Folder() as folder:
            project = self.make(folder)
            events = log(project)
            requests = {e["data"]["request_id"]: e for e in events if e["type"] == "feed.request"}
            rows = []
            for r in requests.values():
                d = r["data"]
                for item in d["items"]:
                    rows.append([d["request_id"], d["user_id"], d["session_id"], d["surface"], item["item_id"], r["time"]] +
                                [d["context"].get(c, "") for c in CONTEXT])
            with open(folder / "rows.csv", "w", newline="") as file:
                out = csv.writer(file)
                out.writerow(["request", "user", "session", "surface", "item", "time", *("said_" + c for c in CONTEXT)])
                out.writerows(rows)
            given = ",".join(f"said_{c}={c}" for c in CONTEXT)  # A column may not have a feature's name.
            done = run_json("features", "join", folder / "rows.csv", "--given", given, "--out", folder / "joined.parquet", "--project", project)
            self.assertEqual((done["rows"], done["after_log"]), (len(rows), 0))
            joined = pq.read_table(folder / "joined.parquet").to_pydict()
            place = {(request, item): i for i, (request, item) in enumerate(zip(joined["request"], joined["item"]))}
            run("dataset", "--project", project, "--out", folder / "rows")
            trained = pq.read_table(folder / "rows/pctr.parquet").to_pydict()
            shown = {i: e["data"] for i, e in enumerate(events)}
            seen, wanted = {}, []
            for offset in trained["log_offset"]:  # Rows of an impression are in the order of its items.
                line = seen[offset] = seen.get(offset, -1) + 1
                wanted.append(place[shown[offset]["request_id"], shown[offset]["items"][line]["item_id"]])
            self.assertGreater(len(wanted), 3000)
            names = [f["name"] for f in run_json("features", "list", "--project", project)["features"]]
            self.assertGreater(len(names), 30)
            # Nobody has shown anything at a time of your own: the place is the reference, that of a row to learn from the line.
            self.assertEqual((set(joined["position"]), set(trained["position"])), ({0.0}, set(range(15))))
            for name in names:
                if name == "position":
                    continue
                self.assertEqual(bits(joined[name][i] for i in wanted), bits(trained[name]), name)
            # A few features, from Parquet, on standard output.
            pq.write_table(pa.table({"t": pa.array([1767700000000], pa.timestamp("ms", "UTC")), "user": ["u100001"], "mine": [7]}), folder / "one.parquet")
            text, _ = run("features", "join", folder / "one.parquet", "--time", "t", "--features", names[0], "--project", project)
            self.assertEqual(list(csv.reader(io.StringIO(text)))[0], ["t", "user", "mine", names[0]])
            self.assertTrue(text.splitlines()[1].startswith("2026-01-06T11:46:40Z,u100001,7,"), text)

    def test_what_is_wrong_is_said_by_line_and_strangers_are_counted(self):
        with Folder() as folder:
            project = self.make(folder)
            (folder / "rows.csv").write_text("user,time\nu100001,2026-01-06T00:00:00Z\nu100001,yesterday\n")
            _, err = run("features", "join", folder / "rows.csv", "--project", project, expect=2)
            self.assertRegex(err, r"rows\.csv:3: column 'time': 'yesterday' is not a time; valid are RFC 3339")
            _, err = run("features", "join", folder / "rows.csv", "--features", "nothing", "--project", project, expect=1)
            self.assertIn("there is no feature 'nothing'", err)
            run("features", "join", folder / "nowhere.csv", "--project", project, expect=1)
            run("features", "join", "--project", project, expect=2)
            (folder / "rows.csv").write_text("user,time\nnobody,2027-01-06T00:00:00Z\n")
            out, err = run("features", "join", folder / "rows.csv", "--project", project)
            self.assertIn("1 rows name a user that was not in the log", err)
            self.assertIn("1 rows are of a time behind the log's last event", err)
            self.assertEqual(len(out.splitlines()), 2)


TOML = """
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
window = "WINDOW"
tiles = 1
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
[[objective]]
name = "pctr"
"""
DAY = 1772323200  # 2026-03-01T00:00:00Z


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(DAY + seconds))


class Store(unittest.TestCase):
    """A log of three days whose clicks are counted here too."""

    def make(self, folder):
        project = folder / "p"
        run("init", project)
        (project / "gfr.toml").write_text(TOML.replace("WINDOW", "30d"))
        rng = random.Random(11)
        self.clicks, events, self.last = [], [], 0
        for n, at in enumerate(sorted(rng.sample(range(3 * 86400), 600))):
            user, item = f"u{rng.randrange(6)}", f"i{rng.randrange(9)}"
            self.last, request = at, {"request_id": f"r{n}", "session_id": "s"}
            events.append(event(f"{n}/r", "feed.request", stamp(at), user, [item, "i0"], **request))
            events.append(event(f"{n}/i", "feed.impression", stamp(at), user, [item], **request))
            if rng.random() < 0.4:
                events.append(event(f"{n}/c", "feed.click", stamp(at), user, [item], **request))
                self.clicks.append((at, user, item))
        (folder / "log.ndjson").write_text("\n".join(map(json.dumps, events)))
        run("import", "ndjson", folder / "log.ndjson", "--project", project)
        return project

    def expected(self, user, item, at, clicks=None):
        """As of `at` seconds: what was before it; of items what was before the last epoch that was sealed by then."""
        before = [t for t, u, _ in clicks or self.clicks if u == user and t < at]
        epoch = (DAY + at - 5) // 60 * 60 - DAY
        of_item = sum(1 for t, _, i in self.clicks if i == item and t < epoch)
        return {"user_clicks": len(before), "item_clicks": of_item, "since_click": at - max(before) if before else None}

    def test_get_as_of_gives_what_counting_the_log_gives(self):
        with Folder() as folder:
            project = self.make(folder)
            rng = random.Random(5)
            for _ in range(12):
                at, user, item = rng.randrange(1, 3 * 86400), f"u{rng.randrange(6)}", f"i{rng.randrange(9)}"
                got = run_json("features", "get", f"user={user}", f"item={item}", "--as-of", stamp(at), "--project", project)
                self.assertEqual(got["now"], stamp(at))
                self.assertEqual(got["rows"][0]["features"], self.expected(user, item, at), (user, item, at))
            self.assertIn("the user is not in the log before that time", run("features", "get", "user=u1", "--as-of", "2026-01-01T00:00:00Z", "--project", project)[1])
            run("features", "get", "user=u1", "--as-of", "then", "--project", project, expect=2)

    def values(self, project, source, view, date):
        """The rows of the one file that is there of a view and a date."""
        files = list((project / f"data/features/source={source}/view={view}").glob(f"definition=*/date={date}/*.parquet"))
        self.assertEqual(len(files), 1, files)
        return pq.read_table(files[0]).to_pylist()

    def test_served_values_are_kept_as_they_were_read(self):
        with Folder() as folder:
            project = self.make(folder)
            live, asked = [], {}
            with Server(project, "--clock", "log") as server:
                for n in range(40):
                    user = f"u{n % 7}"  # u6 is a stranger.
                    status, feed = server.post("/v1/feed", {"user_id": user, "request_id": f"q{n}", "candidates": ["i1", "i2", "new"]})
                    self.assertEqual((status, feed["degraded"]), (200, ["model"]))
                    asked[n] = user, len(live)
                    if n % 3 == 0:  # On an item of which nobody asks: shared counts are those of the log imported.
                        sent = event(f"live{n}", "feed.click", stamp(self.last + n), user, ["unasked"])
                        self.assertEqual(server.post("/v1/events", [sent])[0], 202)
                        live.append((self.last + n, user, "unasked"))
                self.assertEqual(server.stop(), 0)
            made = run_json("features", "materialize", "--from", "2026-03-01", "--to", "2026-03-05", "--served", "--project", project)
            self.assertEqual((made["rows"], made["other_definitions"]), (120, 0))
            dates = [d["dates"] for d in run_json("features", "list", "--project", project)["materialised"] if d["view"] == "user"][0]
            rows = {view: [r for date in dates for r in self.values(project, "served", view, date)] for view in ("user", "item")}
            self.assertEqual([len(r) for r in rows.values()], [120, 120])
            for place, (of_user, of_item) in enumerate(zip(rows["user"], rows["item"])):
                n, line = divmod(place, 3)
                self.assertEqual((of_user["line"], of_item["log_offset"]), (line, of_user["log_offset"]))
                user, seen = asked[n]
                clicks = self.clicks + live[:seen]
                now = of_user["now_ms"] / 1000 - DAY
                times = [t for t, u, _ in clicks if u == user]
                self.assertEqual(of_user["user_clicks"], len(times), place)
                self.assertAlmostEqual(of_user["since_click"] or 0, now - max(times) if times else 0, places=1)
                self.assertEqual(of_item["item_clicks"], self.expected(user, ["i1", "i2", "new"][line], now)["item_clicks"], place)

    def test_a_changed_definition_never_mixes_and_says_its_cost_first(self):
        with Folder() as folder:
            project = self.make(folder)
            span = ["--from", "2026-03-01", "--to", "2026-03-03", "--project", project]
            plan = run_json("features", "materialize", *span, "--dry-run")
            self.assertEqual((plan["dates"], plan["rows"], plan["files"]), (2, 0, 0))
            self.assertFalse((project / "data/features").exists())
            out, err = run("features", "materialize", *span)
            self.assertRegex(err, r"^2 dates to make, 0 are there: \d+ rows at most, [\d,]+ bytes before compression; replays [\d,]+ events")
            before = {p: p.read_bytes() for p in (project / "data/features").rglob("*.parquet")}
            old = {r["log_offset"]: r["user_clicks"] for r in self.values(project, "replayed", "user", "2026-03-02")}
            (project / "gfr.toml").write_text(TOML.replace("WINDOW", "1h"))
            self.assertIn("of another definition than gfr.toml has now", run("features", "list", "--project", project)[0])
            self.assertIn("2 dates to make, 0 are there", run("features", "materialize", *span, "--view", "user")[1])
            for path, data in before.items():
                self.assertEqual(path.read_bytes(), data, path)
            kept = [k for k in run_json("features", "list", "--project", project)["materialised"] if k["view"] == "user"]
            self.assertEqual(sorted(k["current"] for k in kept), [False, True])
            self.assertEqual([k["dates"] for k in kept], [["2026-03-01", "2026-03-02"]] * 2)
            current = next(k["definition"] for k in kept if k["current"])
            path = project / f"data/features/source=replayed/view=user/definition={current}/date=2026-03-02/pctr.parquet"
            new = {r["log_offset"]: r["user_clicks"] for r in pq.read_table(path).to_pylist()}
            self.assertEqual(new.keys(), old.keys())
            self.assertLess(sum(new.values()), sum(old.values()))  # An hour's clicks, not a month's.
            fingerprint = next(f["fingerprint"] for f in run_json("features", "list", "--project", project)["features"] if f["name"] == "user_clicks")
            self.assertEqual(pq.read_schema(path).metadata[b"gfr.definition.user_clicks"].decode(), fingerprint)
            self.assertIn(fingerprint, run("features", "list", "--project", project)[0])


if __name__ == "__main__":
    unittest.main()
