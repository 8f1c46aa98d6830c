"""[users]: whose events a device's are after user.alias, by every rule. Features, labels and `gfr erase` agree, over HTTP and imported."""
import json
import unittest

import pyarrow.parquet as parquet

from gfr_process import Folder, Server, event, make_patient, run, run_json

DEVICE, LOGINS = "tv", ("ann", "bob", "cid")
CONFIG = """[serve]
clock = "wall"

[split]
warmup = "1h"

[[objective]]
name = "bought"
population = "item.view"
label = "purchase"
window = "1h"

[[feed]]
name = "home"
size = 3
value = "bought"

[[feature]]
name = "views"
type = "count"
scope = "user"
events = ["item.view"]
window = "30d"
"""
# Whose each of the device's five views is; what `features get` counts for each login and for the device at the end; how many records go with
# ann and with bob.
RULES = {
    'alias = "first"': (["ann"] * 5, {"ann": 5, "bob": 0, "cid": 0, DEVICE: 5}, {"ann": 14, "bob": 1}),
    'alias = "last"': (["ann", "ann", "bob", "ann", "cid"], {"ann": 3, "bob": 1, "cid": 1, DEVICE: 1}, {"ann": 10, "bob": 2}),
    'alias = "none"': ([DEVICE] * 5, {"ann": 0, "bob": 0, "cid": 0, DEVICE: 5}, {"ann": 7, "bob": 1}),
    'alias = "first"\nmax_logins = 2': (["ann"] * 4 + [DEVICE], {"ann": 4, "bob": 0, "cid": 0, DEVICE: 1}, {"ann": 12, "bob": 1}),
    'alias = "last"\nmax_logins = 2': (["ann", "ann", "bob", "ann", DEVICE], {"ann": 3, "bob": 1, "cid": 0, DEVICE: 1}, {"ann": 10, "bob": 2}),
}
BOUNDED = 'alias = "last"\nmax_logins = 2'


def at(minute):
    return f"2026-01-05T09:{minute:02}:00Z"


def day():
    """The device is looked at by whoever sits before it; at the end ann buys all that was seen on it."""
    events = []
    for k, login in enumerate([None, "ann", "bob", "ann", "cid"]):
        if login:
            events.append(event(f"alias{k}", "user.alias", at(4 * k), login, (), anonymous_id=DEVICE))
        events.append(event(f"view{k}", "item.view", at(4 * k + 1), DEVICE, [f"x{k}"]))
    return events + [event(f"buy{k}", "purchase", at(30 + k), "ann", [f"x{k}"]) for k in range(5)]


EARLY, LATE = event("early", "app.open", "2026-01-01T00:00:00Z", "zoe", ()), event("late", "app.open", "2026-01-06T00:00:00Z", "zoe", ())


def make(project, rule):
    project.mkdir(exist_ok=True)
    (project / "gfr.toml").write_text(CONFIG + f"\n[users]\n{rule}\n")


def views(project, user):
    """What a feed of the user would read now."""
    return run_json("features", "get", "--project", project, f"user={user}", "item=x0")["rows"][0]["features"]["views"]


def labels(project, out):
    """Of the device's views, in log order."""
    run("dataset", "--project", project, "--out", out)
    rows = sorted(parquet.read_table(out / "bought.parquet").to_pylist(), key=lambda row: row["log_offset"])
    return [row["label"] for row in rows]


class Users(unittest.TestCase):
    def imported(self, folder):
        make(folder / "imported", 'alias = "first"')
        (folder / "day.ndjson").write_text("\n".join(json.dumps(e) for e in [EARLY, *day(), LATE]))
        run("import", "ndjson", folder / "day.ndjson", "--project", folder / "imported")
        return folder / "imported"

    def sent(self, folder):
        make(folder / "sent", 'alias = "first"')
        for clock, events in (("2026-01-01T00:00:00Z", [EARLY]), ("2026-01-05T09:40:00Z", day()), ("2026-01-06T00:00:00Z", [LATE])):
            with Server(folder / "sent", "--clock", f"fixed:{clock}") as server:
                status, reply = server.post("/v1/events", events)
                self.assertEqual((status, reply["accepted"]), (202, len(events)), reply)
                self.assertEqual(server.stop(), 0)
        return folder / "sent"

    def test_features_labels_and_erasure_follow_each_rule_in_the_same_way(self):
        with Folder() as folder:
            for project in (self.imported(folder), self.sent(folder)):
                for n, (rule, (owners, counts, erased)) in enumerate(RULES.items()):
                    with self.subTest(project=project.name, rule=rule):
                        make(project, rule)
                        self.assertEqual({user: views(project, user) for user in counts}, counts)
                        self.assertEqual(labels(project, folder / f"{project.name}{n}"), [float(owner == "ann") for owner in owners])
                        for user, records in erased.items():
                            self.assertEqual(run_json("erase", user, "--dry-run", "--project", project)["events"], records, user)

    def test_a_server_serves_by_the_rule_of_its_start(self):
        with Folder() as folder:
            project = self.imported(folder)
            for rule, (_, counts, _) in RULES.items():
                make(project, rule)
                make_patient(project / "gfr.toml")
                with self.subTest(rule=rule), Server(project, "--clock", "fixed:2026-01-06T00:00:00Z") as server:
                    for user, count in counts.items():
                        status, reply = server.post("/v1/feed", {"user_id": user, "candidates": ["x0"], "explain": True})
                        self.assertEqual((status, reply["items"][0]["features"]["views"]), (200, count), user)
                    self.assertEqual(server.stop(), 0)

    def test_who_is_erased_leaves_the_devices_of_others_as_they_were(self):
        with Folder() as folder:
            project = self.imported(folder)
            make(project, BOUNDED)
            for user in ("bob", "ann"):
                run("erase", user, "--project", project)
                self.assertEqual((views(project, DEVICE), views(project, "cid")), (1, 0), "two logins that are gone and cid are three")
                self.assertEqual(labels(project, folder / f"without-{user}")[-1], 0)
            dump = run("log", "dump", "--project", project)[0]
            for user in ("ann", "bob"):
                self.assertNotIn(f'"{user}"', dump)
            # The login that comes later is still one too many.
            more = [event("alias9", "user.alias", "2026-01-06T01:00:00Z", "dan", (), anonymous_id=DEVICE), event("view9", "item.view", "2026-01-06T01:01:00Z", DEVICE, ["x9"])]
            (folder / "more.ndjson").write_text("\n".join(map(json.dumps, more)))
            run("import", "ndjson", folder / "more.ndjson", "--project", project)
            self.assertEqual((views(project, DEVICE), views(project, "dan")), (2, 0))

    def test_logins_of_several_files_change_a_device_in_the_order_of_time(self):
        rows = ["2026-01-05T09:00:00Z,ann,c,x0", "2026-01-05T09:03:00Z,,c,x1", "2026-01-05T09:04:00Z,ann,c,x2", "2026-01-05T09:07:00Z,,c,x3"]
        between = ["2026-01-05T09:01:00Z,bob,c,x0", "2026-01-05T09:02:00Z,,c,x1", "2026-01-05T09:05:00Z,bob,c,x2", "2026-01-05T09:06:00Z,ann,c,x3"]
        with Folder() as folder:
            (folder / "map.toml").write_text('[columns]\ntime = "time"\nuser_id = "login"\nanonymous_id = "cookie"\nitem_id = "item"\n[types]\n"*" = "item.view"\n')
            for name, lines in (("rows", rows), ("between", between), ("next", ["2026-01-05T10:00:00Z,bob,c,x0", "2026-01-05T10:01:00Z,,c,x1"])):
                (folder / f"{name}.csv").write_text("\n".join(["time,login,cookie,item", *lines]) + "\n")
            for k, files in enumerate((("rows", "between"), ("between", "rows"))):
                project = folder / f"p{k}"
                make(project, 'alias = "last"')
                done = run_json("import", "csv", *[folder / f"{name}.csv" for name in files], "--map", folder / "map.toml", "--project", project)
                # ann 9:00, bob 9:01, ann 9:04, bob 9:05, ann 9:06: the rows between, of the cookie alone, are bob's (2) and ann's (1).
                self.assertEqual(done["events_by_type"], {"item.view": 8, "user.alias": 5}, files)
                self.assertEqual((views(project, "ann"), views(project, "bob")), (4, 4), files)
                # Another import, in which a login comes back that the first file knew.
                done = run_json("import", "csv", folder / "next.csv", "--map", folder / "map.toml", "--project", project)
                self.assertEqual(done["duplicates"], 0)
                self.assertEqual((views(project, "ann"), views(project, "bob")), (4, 6), files)


if __name__ == "__main__":
    unittest.main()
