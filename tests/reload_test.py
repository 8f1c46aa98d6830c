"""gfr.toml read anew by SIGHUP: taken whole or refused, and new features filled from the log while the server serves."""
import json
import signal
import unittest

from gfr_process import Folder, Server, event, eventually, make_patient, run

CLOCK = ("--clock", "fixed:2026-01-01T12:00:00Z")
ADDED = """[[feature]]
name = "views_of_two_days"
type = "count"
scope = "user"
events = ["item.view"]
window = "2d"

"""


def feed(server, **more):
    status, reply = server.post("/v1/feed", {"user_id": "u1", "candidates": ["i1", "i2", "i3"], "explain": True, **more})
    assert status == 200, reply
    return reply["items"]


def metric(server, name):
    for line in server.get("/metrics")[1].decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return None


class Reload(unittest.TestCase):
    def test_a_hangup_takes_the_file_whole_or_leaves_all_as_it_was(self):
        with Folder() as folder:
            run("init", folder / "p")
            toml = folder / "p/gfr.toml"
            make_patient(toml)
            text = toml.read_text()
            with Server(folder / "p", *CLOCK) as server:
                server.post("/v1/events", [event(n, time="2026-01-01T11:00:00Z") for n in range(4)])
                self.assertEqual(len(feed(server)), 3)

                toml.write_text(text.replace("size = 20", "size = 2"))
                server.process.send_signal(signal.SIGHUP)
                eventually(lambda: len(feed(server)) == 2, "the reload shows")

                toml.write_text(text.replace("size = 20", "size = 0"))
                server.process.send_signal(signal.SIGHUP)
                eventually(lambda: metric(server, "gfr_reloads_refused_total") == 1, "the reload shows")
                self.assertEqual(len(feed(server)), 2)

                toml.write_text(text.replace("[[feature]]", ADDED + "[[feature]]", 1))
                server.process.send_signal(signal.SIGHUP)
                eventually(lambda: "views_of_two_days" in feed(server)[0]["features"], "the reload shows")
                self.assertEqual(feed(server)[0]["features"]["views_of_two_days"], 4)
                eventually(lambda: metric(server, "gfr_reloads_total") == 2, "it is counted")

                toml.write_text(toml.read_text().replace('clock = "wall"', 'clock = "log"'))
                status, _, reply = server.request("POST", "/v1/reload", b"", server.admin())
                self.assertEqual(status, 409)
                self.assertIn("[serve] clock cannot change while the server runs", json.loads(reply)["detail"])
                server.process.send_signal(signal.SIGTERM)
                said = server.process.communicate(timeout=300)[1]
                self.assertEqual(server.process.returncode, 0, said)
                self.assertIn("gfr.toml was not taken", said)
                self.assertIn("[[feed]] size: is 0", said)

    def test_the_currency_of_the_log_counts_once_gfr_toml_declares_none_any_more(self):
        def buy(n, currency):
            return event(n, "purchase", "2026-01-01T11:00:00Z", currency=currency)

        with Folder() as folder:
            run("init", folder / "p")
            toml = folder / "p/gfr.toml"
            make_patient(toml)
            text, money = toml.read_text(), '\n[money]\ncurrency = "EUR"\n[money.rates]\nJPY = 0.006\n'
            note = folder / "p/data/currency"
            toml.write_text(text + money)
            with Server(folder / "p", *CLOCK) as server:
                status, reply = server.post("/v1/events", [event(n, time="2026-01-01T11:00:00Z") for n in range(7)])
                self.assertEqual(reply["accepted"], 7)
                server.stop()
            self.assertEqual(note.read_text(), "7")  # The next start looks for a currency behind them.
            with Server(folder / "p", *CLOCK) as server:
                status, reply = server.post("/v1/events", [buy(10, "JPY")])
                self.assertEqual(reply["accepted"], 1, reply)
                toml.write_text(text)
                server.process.send_signal(signal.SIGHUP)
                eventually(lambda: metric(server, "gfr_reloads_total") == 1, "the reload shows")
                status, reply = server.post("/v1/events", [buy(11, "JPY"), buy(12, "EUR")])
                self.assertEqual((reply["accepted"], reply["rejected"][0]["code"]), (1, "bad_currency"), reply)
                self.assertIn("'EUR' of events before", reply["rejected"][0]["message"])


if __name__ == "__main__":
    unittest.main()
