"""Models and configuration swapped under load: no request fails, and every answer is wholly of one version.

20 swaps; 1,000 with GFR_TEST_ALL=1 (`make test-all`)."""
import os
import re
import signal
import unittest

from gfr_process import Folder, Load, Server, eventually, make_patient, run, run_json

SWAPS = 1000 if os.environ.get("GFR_TEST_ALL") else 20
USERS = [f"u{100000 + n}" for n in range(12)]
ITEMS = [f"i{100000 + n}" for n in range(25)]
SIZES = (25, 7)


class Swaps(unittest.TestCase):
    def scores(self, server):
        """{user: {item: scores}}, by the version that serves."""
        found = {}
        for user in USERS:
            status, feed = server.post("/v1/feed", {"user_id": user, "candidates": ITEMS})
            self.assertEqual((status, len(feed["items"])), (200, len(ITEMS)))
            found[user] = {i["item_id"]: i["scores"] for i in feed["items"]}
        return feed["model"]["version"], found

    def wait_for(self, server, is_so):
        """Until a feed is as it should be."""
        def look():
            status, feed = server.post("/v1/feed", {"user_id": USERS[0], "candidates": ITEMS})
            return status == 200 and is_so(feed)
        eventually(look, "the swap comes")

    def promote(self, server, version):
        status, reply = server.post("/v1/models/promote", {"version": version})
        self.assertEqual(status, 200, reply)
        self.wait_for(server, lambda feed: feed["model"]["version"] == version)

    def test_a_thousand_swaps_lose_no_request_and_mix_nothing(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            config = project / "gfr.toml"
            config.write_text(re.sub(r"^size = \d+", f"size = {SIZES[0]}", config.read_text(), flags=re.M))
            make_patient(config)
            run("simulate", "--project", project, "--users", 400, "--items", 200, "--days", 42, "--seed", 2)
            run("train", "--project", project)
            text = config.read_text()
            config.write_text(re.sub(r"^eta = .*$", "eta = 0.3", text, flags=re.M))
            run("train", "--project", project)
            config.write_text(text)
            other_size = re.sub(r"^size = \d+", f"size = {SIZES[1]}", text, flags=re.M)
            self.assertNotEqual(text, other_size)
            # Time stands still, so that no feature changes beside the swaps.
            with Server(project, "--clock", f"fixed:{run_json('doctor', '--project', project)['to']}") as server:
                expected = dict([self.scores(server)])
                first = next(iter(expected))
                second = "2" if first == "1" else "1"
                self.promote(server, second)
                expected.update([self.scores(server)])
                self.assertEqual(set(expected), {"1", "2"})
                self.assertNotEqual(expected["1"], expected["2"])

                answers = []

                def ask(n):
                    user = USERS[n % len(USERS)]
                    answers.append((*server.post("/v1/feed", {"user_id": user, "candidates": ITEMS}), user))

                with Load(ask, ask, ask):
                    for n in range(SWAPS):
                        if n % 2:
                            size = SIZES[1] if n % 4 == 1 else SIZES[0]
                            config.write_text(other_size if size == SIZES[1] else text)
                            server.process.send_signal(signal.SIGHUP)
                            self.wait_for(server, lambda feed: len(feed["items"]) == size)
                        else:
                            self.promote(server, first if n % 4 == 0 else second)
                        # Until the others have been answered by what is there now too.
                        begun = len(answers)
                        eventually(lambda: len(answers) > begun + 6, "feeds beside")
                self.assertGreater(len(answers), SWAPS)
                for status, feed, user in answers:
                    self.assertEqual(status, 200, feed)
                    self.assertEqual(feed["degraded"], [])
                    self.assertIn(len(feed["items"]), SIZES)
                    of_version = expected[feed["model"]["version"]][user]
                    for item in feed["items"]:
                        self.assertEqual(item["scores"], of_version[item["item_id"]], (feed["model"], user))
                seen = {(feed["model"]["version"], len(feed["items"])) for _, feed, _ in answers}
                self.assertEqual(seen, {(v, s) for v in expected for s in SIZES})
                self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
