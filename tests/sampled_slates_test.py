"""A log of views and purchases, without slates: made slates of it, trained, reported and served as what they are."""
import json
import unittest

from gfr_process import Folder, Server, run, run_json


class SampledSlates(unittest.TestCase):
    def test_a_log_without_slates_is_trained_by_made_ones_and_everything_says_so(self):
        with Folder() as folder:
            market, project = folder / "market", folder / "p"
            run("init", market, "--template", "shop")
            run("simulate", "--users", 300, "--items", 80, "--days", 42, "--seed", 4, "--project", market)
            kept = [line for line in run("log", "dump", "--project", market)[0].splitlines() if json.loads(line)["type"] in ("item.update", "item.view", "purchase")]
            (folder / "log.ndjson").write_text("\n".join(kept) + "\n")
            run("init", project, "--template", "shop")
            toml = project / "gfr.toml"
            text = toml.read_text().replace("folds = 4", "folds = 1")
            begin, end = text.index("[[objective]]"), text.index("[split]")
            next_view = '[[objective]]\nname = "next_view"\npopulation = "feed.impression"\nlabel = "item.view"\n\n'
            text = text[:begin] + next_view + text[end:] + '\n[dataset]\nslates = "sampled"\n'
            toml.write_text(text.replace('value = "pctr * (1 + 5 * pcvr)"', 'value = "next_view"'))
            run("import", "ndjson", folder / "log.ndjson", "--project", project)
            said = run("train", "--project", project)[0]
            self.assertIn("slates are sampled", said)
            report = run_json("evaluate", "--project", project)
            self.assertEqual((report["slates"], report["ranked_against"]), ("sampled", "all items on sale"))
            self.assertGreater(report["objectives"]["next_view"]["positives"], 50)
            with Server(project, "--clock", "log") as server:
                status, reply = server.post("/v1/feed", {"user_id": "u100001"})
                self.assertEqual((status, reply["model"]["slates"], len(reply["items"]) > 0), (200, "sampled", True), reply)
                self.assertEqual(server.stop(), 0)
            # Its probabilities are of made slates: they are not to be weighed against another objective's.
            toml.write_text(text.replace(next_view, next_view + '[[objective]]\nname = "buy"\npopulation = "item.view"\nlabel = "purchase"\nwindow = "7d"\n\n')
                            .replace('value = "pctr * (1 + 5 * pcvr)"', 'value = "next_view * buy"'))
            self.assertIn("name one objective", run("check", "--project", project, expect=2)[1])


if __name__ == "__main__":
    unittest.main()
