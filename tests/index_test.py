"""Embeddings for candidates: trained on the log or brought along, served, and swapped while feeds are answered."""
import json
import random
import struct
import unittest

from gfr_process import Folder, Load, Server, event, eventually, run, run_json

CLOCK = ("--clock", "fixed:2026-01-02T12:00:00Z")
LATER = ("--clock", "fixed:2026-01-02T12:05:00Z")  # The epoch of the catalogue has ended.
TOML = """
[index]
factors = 4  # As many as there are kinds: others of a kind are then alike.
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
[[objective]]
name = "pctr"
[[channel]]
name = "exploit"
[[channel.source]]
name = "embedding"
quota = 10
"""
TRIGGER = """
[[trigger]]
name = "index"
on = "webhook"
cooldown = "0s"
[[trigger.step]]
do = "index"
"""
REPEAT = """
[[feature]]
name = "bought"
type = "interaction"
read = "count"
scope = "user"
events = ["purchase"]
capacity = 8
[[objective]]
name = "pctr"
[[channel]]
name = "exploit"
[[channel.source]]
name = "repeat"
quota = 10
"""


def metric(server, name):
    return next(float(line.split()[1]) for line in server.get("/metrics")[1].decode().splitlines() if line.startswith(name + " "))


def wait_for_version(server, version):
    eventually(lambda: metric(server, "gfr_embedding_version") == version, f"version {version} is taken")


def market():
    """Users view items of one kind: a number mod 4."""
    dice, events = random.Random(5), []
    for n in range(40):
        events.append(event(f"c{n}", "item.update", "2026-01-01T10:00:00Z", items=[f"i{n}"]))
    for n in range(1200):
        user = dice.randrange(80)
        item = 4 * dice.randrange(10) + user % 4
        events.append(event(f"v{n}", "item.view", "2026-01-01T11:00:00Z", f"u{user}", [f"i{item}"]))
    # A visitor who came to three items of kind 2.
    events += [event(f"n{k}", "item.view", "2026-01-01T11:30:00Z", "new", [f"i{i}"]) for k, i in enumerate((2, 6, 10))]
    return events


def found(server, user="new"):
    status, reply = server.post("/v1/feed", {"user_id": user})
    assert status == 200, reply
    return reply


class Index(unittest.TestCase):
    def test_embeddings_are_trained_served_and_swapped(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            (project / "gfr.toml").write_text(TOML)
            _, said = run("index", "train", "--project", project, expect=2)
            self.assertIn("no click, view, cart or purchase", said)
            with Server(project, *CLOCK) as server:
                self.assertEqual(server.post("/v1/events", market())[1]["rejected"], [])
                self.assertEqual(server.stop(), 0)
            with Server(project, *LATER) as server:
                self.assertEqual(found(server)["items"], [], "there is no index yet")
                made = run_json("index", "train", "--project", project)
                self.assertEqual((made["version"], made["champion"], made["items"], made["users"], made["dimensions"]), ("1", True, 40, 81, 4))
                wait_for_version(server, 1)
                reply = eventually(lambda: (feed := found(server))["items"] and feed, "the lists with it are made")
                ids = [item["item_id"] for item in reply["items"]]
                self.assertEqual({item["source"] for item in reply["items"]}, {"embedding"})
                self.assertEqual(sum(int(i[1:]) % 4 == 2 for i in ids), 7, f"all others of the visitor's kind: {ids}")
                self.assertFalse({"i2", "i6", "i10"} & set(ids), "what they came to already")
                records = json.loads(server.get(f"/v1/explain/{reply['request_id']}")[1])
                self.assertIn("embedding", json.dumps(records))

                # Vectors brought along, by which items of kind 3 lie nearest to the visitor's; while feeds are answered.
                with open(folder / "v.csv", "w") as file:
                    file.write("item_id,x,y\n" + "".join(f"i{n},{1 if n % 4 == 2 else 0},{10 if n % 4 == 3 else 0.1 * (n % 4 != 2)}\n" for n in range(40)))
                for n in (2, 6, 10):
                    text = (folder / "v.csv").read_text()
                    (folder / "v.csv").write_text(text.replace(f"i{n},1,0.0\n", f"i{n},1,1\n"))
                answered = []
                with Load(lambda n: answered.append(len(found(server)["items"]))):
                    self.assertEqual(run_json("index", "import", folder / "v.csv", "--project", project)["version"], "2")
                    wait_for_version(server, 2)
                    eventually(lambda: int(found(server)["items"][0]["item_id"][1:]) % 4 == 3, "the lists go by the new version")
                    eventually(lambda: answered, "a feed is answered beside")
                self.assertTrue(answered and min(answered) == 10, "every feed between had its items")

                listed = run_json("index", "list", "--project", project)["indexes"]
                self.assertEqual([(i["version"], i["made"], i["champion"]) for i in listed], [("1", "als", False), ("2", "import", True)])
                run("index", "rollback", "--project", project)
                wait_for_version(server, 1)
                self.assertEqual(server.stop(), 0)
            self.assertEqual(run_json("index", "train", "--hold", "--project", project)["version"], "3")
            self.assertEqual([i["champion"] for i in run_json("index", "list", "--project", project)["indexes"]], [True, False, False])
            one, three = ((project / f"data/models/embedding/{v}/embedding.bin").read_bytes() for v in (1, 3))
            self.assertEqual(one, three, "the same log gives the same bytes")

    def test_files_of_numpy_and_parquet_are_taken_and_bad_ones_are_refused(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n"
            (folder / "v.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack("<6f", *range(6)))
            (folder / "ids").write_text("a\nb\n")
            made = run_json("index", "import", folder / "v.npy", "--ids", folder / "ids", "--project", project)
            self.assertEqual((made["items"], made["dimensions"]), (2, 3))
            self.assertIn("--ids", run("index", "import", folder / "v.npy", "--project", project, expect=2)[1])
            import pyarrow
            import pyarrow.parquet
            pyarrow.parquet.write_table(pyarrow.table({"item_id": ["a", "b"], "v": [[1.0, 2.0], [3.0, 4.0]]}), folder / "v.parquet")
            self.assertEqual(run_json("index", "import", folder / "v.parquet", "--normalize", "--project", project)["dimensions"], 2)
            (folder / "bad.csv").write_text("item_id,x\na,1\nb,inf\n")
            for _ in range(8):
                run("index", "import", folder / "v.parquet", "--project", project)
            gone = [{"name": "embedding", "version": v} for v in "12345"]
            self.assertEqual(run_json("index", "gc", "--keep", "2", "--dry-run", "--project", project)["removed"], gone)
            self.assertEqual(run_json("index", "gc", "--keep", "2", "--name", "first_stage", "--project", project)["removed"], [])
            run("index", "gc", "--keep", "2", "--project", project)
            left = [i["version"] for i in run_json("index", "list", "--project", project)["indexes"]]
            self.assertEqual(sorted(left, key=int), ["6", "7", "8", "9", "10"], "the last five champions")
            self.assertIn("row 3: 'inf' is not a finite number", run("index", "import", folder / "bad.csv", "--project", project, expect=2)[1])

    def test_a_first_stage_is_distilled_for_the_champion_and_taken_by_the_server(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            text = (project / "gfr.toml").read_text()
            named = '[[channel]]\nname = "exploit"\n'
            self.assertIn(named, text)
            begin = text.index(named)
            end = text.index("[[channel]]", begin + 5)
            (project / "gfr.toml").write_text(text[:begin] + named + '[[channel.source]]\nname = "catalogue"\nquota = 30\nbudget_ms = 1000\n\n' + text[end:])
            self.assertIn("gfr train", run("index", "distill", "--project", project, expect=1)[1])
            run("simulate", "--users", 300, "--items", 100, "--days", 42, "--seed", 3, "--project", project)
            run("train", "--project", project)
            made = run_json("index", "distill", "--project", project)
            self.assertEqual((made["version"], made["model"], made["items"]), ("1", "feed/1", made["on_sale"]))
            self.assertGreater(made["held_out"], 10)
            self.assertGreater(made["recall"], 0.9)
            self.assertEqual(run_json("index", "distill", "--hold", "--project", project)["recall"], made["recall"])
            with Server(project, "--clock", "log") as server:
                eventually(lambda: metric(server, "gfr_first_stage_version") == 1, "the version is taken")
                eventually(lambda: metric(server, "gfr_first_stage_items") == made["items"], "with its items")
                # A version is taken before the lists with it are made.
                eventually(lambda: "catalogue" in {item["source"] for item in found(server, "u100001")["items"]}, "the lists with it are made")

    def test_what_a_user_bought_is_found_again(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            (project / "gfr.toml").write_text(REPEAT)
            bought = [event(f"c{n}", "item.update", "2026-01-01T10:00:00Z", items=[f"i{n}"]) for n in range(5)]
            bought += [event(f"b{n}", "purchase", f"2026-01-01T11:00:0{n}Z", "buyer", [f"i{i}"]) for n, i in enumerate((1, 2, 1, 3))]
            with Server(project, *CLOCK) as server:
                self.assertEqual(server.post("/v1/events", bought)[1]["rejected"], [])
                self.assertEqual(server.stop(), 0)
            with Server(project, *LATER) as server:
                reply = eventually(lambda: len((feed := found(server, "buyer"))["items"]) == 3 and feed, "the purchases are in the rows that feeds read")
                self.assertEqual([(i["item_id"], i["source"]) for i in reply["items"]], [("i1", "repeat"), ("i3", "repeat"), ("i2", "repeat")])
                self.assertEqual(found(server, "another")["items"], [])

    def test_a_trigger_makes_an_index_and_promotes_it(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            (project / "gfr.toml").write_text(TOML + TRIGGER)
            young = run_json("trigger", "run", "index", "--project", project)
            self.assertEqual(young["state"], "stopped", young)
            self.assertIn("nothing to index yet", young["why"])
            with Server(project, *CLOCK) as server:
                self.assertEqual(server.post("/v1/events", market())[1]["rejected"], [])
                self.assertEqual(server.post("/v1/triggers/index", {})[0], 202)
                wait_for_version(server, 1)
                made = eventually(lambda: (newest := run_json("trigger", "history", "index", "--project", project)["runs"][0])["state"] == "done" and newest, "the run is over")
                step = made["steps"][0]
                self.assertEqual((step["inputs"]["index_before"], step["outputs"]["index_version"], step["outputs"]["items"], step["outputs"]["promoted"]), ("", "1", 40, 1))
                self.assertIn("index train --hold --run", step["inputs"]["command"])
                self.assertEqual(server.stop(), 0)
            (project / "gfr.toml").write_text(TOML + TRIGGER + "min_items = 41\n")
            refused = run_json("trigger", "run", "index", "--project", project)
            self.assertEqual(refused["state"], "stopped", refused)
            self.assertIn("min_items is 41", refused["why"])
            listed = run_json("index", "list", "--project", project)["indexes"]
            self.assertEqual([(i["version"], i["champion"], i["run"]) for i in listed], [("1", True, made["id"] + "/index"), ("2", False, refused["id"] + "/index")])


if __name__ == "__main__":
    unittest.main()
