"""Features added to a live project: the champion goes on serving with equal bits, whatever format it is of; one that it reads is missed by name."""
import hashlib
import json
import signal
import unittest

from gfr_process import Folder, Server, eventually, run, run_json

CLOCK = ("--clock", "fixed:2026-03-01T00:00:00Z")
ADDED = """[[feature]]
name = "clicks_of_three_days"
type = "count"
scope = "user"
events = ["feed.click"]
window = "3d"

[[feature]]
name = "how_many"
type = "slate"
read = "size"

"""


def scores(server, name):
    """Of the same candidates for several users: every score, as sent; and what is degraded."""
    values, degraded = [], set()
    for user in range(100000, 100012):
        body = {"user_id": f"u{user}", "session_id": "s", "request_id": f"{name}-{user}", "context": {"geography": "rome", "device": "mobile"}, "size": 20,
                "candidates": [{"item_id": f"i{100000 + n}"} for n in range(20)]}
        status, feed = server.post("/v1/feed", body)
        assert status == 200, feed
        values.append(sorted((i["item_id"], json.dumps(i["scores"])) for i in feed["items"]))
        degraded |= set(feed["degraded"])
    return values, degraded


def stop(server):
    """Ends the server; gives what it said on stderr."""
    server.process.send_signal(signal.SIGTERM)
    said = server.process.communicate(timeout=300)[1]
    assert server.process.returncode == 0, said
    return said


def as_format_4(project, version):
    """Writes the version's model.json as gfr 0.1 did: one fingerprint, of the definitions in order."""
    folder = project / "data/models/feed" / version
    model = json.loads((folder / "model.json").read_text())
    names = {p.stem for p in (project / "data/definitions").glob("*.json") if [c["name"] for c in json.loads(p.read_text())["columns"]] == model["columns"]}
    old = names - {f"{model['feature_fingerprint']:016x}"}
    assert len(old) == 1, names
    model["feature_fingerprint"] = int(old.pop(), 16)
    del model["column_fingerprints"]
    model["format"] = 4
    text = json.dumps(model, indent=1)
    (folder / "model.json").write_text(text)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.json"] = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "size_bytes": len(text)}
    del manifest["files"]["configuration.toml"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


class LiveFeatures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.project = cls.folder.__enter__() / "p"
        run("init", cls.project)
        run("simulate", "--project", cls.project, "--users", 300, "--items", 100, "--days", 42, "--seed", 3)
        run("train", "--project", cls.project)
        cls.toml = cls.project / "gfr.toml"
        cls.before = cls.toml.read_text()

    @classmethod
    def tearDownClass(cls):
        cls.folder.__exit__()

    def add_features(self):
        self.toml.write_text(self.before.replace("[[feature]]", ADDED + "[[feature]]", 1))

    def reload(self, server):
        status, _, reply = server.request("POST", "/v1/reload", b"", server.admin())
        return status, json.loads(reply)

    def ended(self, server, at):
        return eventually(lambda: (state := json.loads(server.get(at)[1])["state"]) in ("done", "failed") and state, "the job ends")

    def test_the_champion_serves_equal_bits_when_features_are_added_and_is_missed_by_name_when_one_is_gone(self):
        with Server(self.project, *CLOCK) as server:
            was, degraded = scores(server, "was")
            self.assertEqual(degraded, set())
            server.stop()
        model = json.loads((self.project / "data/models/feed/1/model.json").read_text())
        self.assertEqual(model["format"], 5)
        configuration = (self.project / "data/models/feed/1/configuration.toml").read_text()
        self.assertIn("[[feature]]", configuration)
        self.assertNotIn("[serve]", configuration)

        self.add_features()
        self.assertEqual(run_json("check", "--project", self.project)["models"], [{"role": "champion", "version": "1", "usable": True}])
        for form in ("5", "4", "4, and no definition file"):
            if form == "4":
                as_format_4(self.project, "1")
            if form == "4, and no definition file":
                for path in (self.project / "data/definitions").glob("*.json"):
                    path.unlink()
            with self.subTest(form=form), Server(self.project, *CLOCK) as server:
                self.assertEqual(json.loads(server.get("/readyz")[1]), {"status": "ok"})
                now, degraded = scores(server, "format" + form.replace(" ", "-"))
                self.assertEqual(degraded, set())
                self.assertEqual(now, was)
                said = stop(server)
                self.assertNotIn("the whole log is read", said)
                # One of the two features keeps a state: for it alone the log is read, and only once.
                filled = [line for line in said.splitlines() if "filled from the log" in line]
                self.assertEqual(len(filled), 1 if form == "5" else 0, said)
                if filled:
                    self.assertIn("states=1 ", filled[0])

        # The same without a restart: the new states are filled beside serving, and the champion's scores keep their bits.
        self.toml.write_text(self.before)
        with Server(self.project, *CLOCK) as server:
            self.before = self.toml.read_text()  # As the server has it.
            self.assertEqual(scores(server, "before-reload"), (was, set()))
            self.add_features()
            status, started = self.reload(server)
            self.assertEqual((status, started["filling"]), (202, ["clicks_of_three_days", "how_many"]))
            self.assertEqual(self.ended(server, started["at"]), "done")
            self.assertEqual(scores(server, "after-reload"), (was, set()))
            at = self.before.index('[[feature]]\nname = "price"')
            self.toml.write_text(self.before[:at] + self.before[self.before.index("[[feature]]", at + 1):])
            status, refused = self.reload(server)
            self.assertEqual(status, 409)
            self.assertIn("champion 1 could not be served", refused["detail"])
            self.assertIn("gone (price)", refused["detail"])
            self.assertEqual(scores(server, "after-refusal"), (was, set()))
            self.add_features()
            server.stop()

        trained = run_json("train", "--project", self.project)
        self.assertEqual(trained["version"], "2")
        compared = run_json("evaluate", "--project", self.project, "--model", "2", "--against", "1")
        self.assertIn("against", json.dumps(compared))
        self.assertEqual(run_json("evaluate", "--project", self.project, "--model", "1")["model"], "feed/1")

        # Without a feature that the champion reads: it is not served, and the server says which.
        at = self.before.index('[[feature]]\nname = "price"')
        self.toml.write_text(self.before[:at] + self.before[self.before.index("[[feature]]", at + 1):])
        self.assertIn("gone (price)", run("check", "--project", self.project, expect=2)[1])
        with Server(self.project, *CLOCK) as server:
            ready = json.loads(server.get("/readyz")[1])
            self.assertEqual(ready["status"], "degraded")
            self.assertIn("gone (price)", ready["degraded"][0])
            self.assertEqual(scores(server, "gone")[1], {"model"})
            status, reply = server.post("/v1/models/promote", {"version": "2"})
            self.assertEqual(status, 409, reply)
            self.assertIn("price", reply["detail"])
            server.stop()


if __name__ == "__main__":
    unittest.main()
