"""The road on the trivago log of 2018-11-07: what is imported, and how the model stands against the baselines in rolling folds."""
import os
import pathlib
import sys
import unittest

from gfr_process import SOURCE, Folder, Server, run, run_json

LOG = pathlib.Path(os.environ.get("GFR_TRIVAGO_LOG", SOURCE.parent / "shared/data/trivago_2018-11-07.csv.xz"))


class Trivago(unittest.TestCase):
    def test_the_road_on_a_real_log(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project, "--template", "trivago")
            report = run_json("import", "trivago", LOG, "--project", project)
            self.assertEqual((report["rows"], report["rejected"], report["clicks"]), (50729, 4, 6842))
            self.assertEqual(report["clicks_in_slate"], report["clicks"])
            trained = run_json("train", "--project", project)
            ranking, baselines = trained["ranking"], trained["ranking"]["baselines"]
            self.assertGreater(ranking["mrr"], baselines["most_recent_interaction"]["mrr"])
            self.assertGreater(ranking["mrr_untouched"], baselines["order_shown"]["mrr_untouched"])
            self.assertGreater(trained["objectives"]["pctr"]["auc_roc"], 0.88)
            self.assertGreaterEqual(len(trained["folds"]), 4)
            for fold in trained["folds"]:
                self.assertGreater(fold["difference"], 0)
                self.assertGreater(fold["untouched_difference_to_order_shown"], 0)
            self.assertGreater(trained["folds_pooled"]["difference_interval"][0], 0)
            self.assertGreater(trained["folds_pooled"]["untouched_difference_interval"][0], 0)
            with Server(project) as server:
                status, feed = server.post("/v1/feed", {"user_id": "U", "candidates": ["1", "2", "3"]})
                self.assertEqual((status, len(feed["items"]), feed["degraded"]), (200, 3, []))


if __name__ == "__main__":
    if not LOG.exists():
        print(f"SKIPPED: the log of trivago is not at {LOG}; GFR_TRIVAGO_LOG names it")
        sys.exit(0)
    unittest.main()
