"""A server under faults of its machine: clocks that jump, full and failing disks, no threads, no descriptors, signals beside slow clients.

The faults come from tests/fault_shim.cc, a library that is loaded before the system's (docs/guarantees.md says what is promised)."""
import glob
import http.client
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import threading
import time
import unittest

from gfr_process import GFR, Folder, Server, event, eventually, run, run_json

SHIM = os.environ.get("GFR_FAULT_SHIM", "")
HOUR_MS, YEAR_MS = 3_600_000, 365 * 86_400_000


def at(ms=0):
    """Now, or `ms` milliseconds later."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ms / 1000))


class FaultyServer(Server):
    """`gfr serve` on a machine that fails as it is ordered to."""

    def __init__(self, project, *arguments, orders="", limits=()):
        self.orders = pathlib.Path(str(project) + ".orders")
        self.orders.write_text(orders)
        environment = {"LD_PRELOAD": SHIM, "FAULT_ORDERS": str(self.orders), "FAULT_ROOT": str(pathlib.Path(project).resolve())}
        super().__init__(project, *arguments, environment=environment, limits=limits)

    def order(self, text=""):
        """Counts from the next call on: a file of the same time would not be read again. It comes whole: half of it might be read, and it has that time."""
        before, new = self.orders.stat().st_mtime_ns, self.orders.with_suffix(".new")
        new.write_text(text)
        while new.stat().st_mtime_ns == before:
            os.utime(new)
        os.replace(new, self.orders)

    def send(self, id, ms=0):
        """An event; gives the status, Retry-After and the reply."""
        status, headers, body = self.request("POST", "/v1/events", json.dumps([event(id, time=at(ms))]), {"Content-Type": "application/json"})
        return status, headers.get("Retry-After"), json.loads(body)

    def feed(self, id):
        status, reply = self.post("/v1/feed", {"user_id": "u1", "request_id": id, "candidates": ["i1", "i2"]})
        return status, [d for d in reply.get("degraded", ["refused"]) if d != "model"]  # No model was trained.


class Faults(unittest.TestCase):
    def setUp(self):
        folder = Folder()
        self.project = folder.__enter__() / "p"
        self.addCleanup(folder.__exit__)
        run("init", self.project)

    def start(self, *arguments, **more):
        server = FaultyServer(self.project, "--clock", "wall", *arguments, **more)
        self.addCleanup(lambda: server.process.poll() is None and server.kill())
        return server

    def ids(self):
        return [json.loads(line)["id"] for line in run("log", "dump", "--project", self.project)[0].splitlines()]

    def test_events_of_a_clock_that_jumped_are_to_come_again_and_are_taken_once_it_has_stayed(self):
        server = self.start()
        self.assertEqual(server.send("before")[0], 202)
        server.order(f"clock {HOUR_MS}")
        status, retry, reply = server.send("ahead", HOUR_MS)
        self.assertEqual((status, bool(retry)), (503, True), reply)
        self.assertEqual(server.send("now")[0], 202, "those of the time before go on")
        eventually(lambda: b"gfr_clock_jumps_total 1" in server.get("/metrics")[1], "the jump is counted")
        minute = 61_000
        server.order(f"clock {HOUR_MS + minute}\nboot {minute}")
        eventually(lambda: server.send("ahead", HOUR_MS)[0] == 202, "it is followed")
        self.assertEqual(server.stop(), 0)
        self.assertEqual(sorted(self.ids()), ["ahead", "before", "now"])

    def test_a_log_that_is_ahead_of_the_clock_is_refused_and_repaired(self):
        server = self.start(orders=f"clock {YEAR_MS}")
        self.assertEqual(server.send("ahead", YEAR_MS)[0], 202)
        self.assertEqual(server.send("of now")[0], 202)
        self.assertEqual(server.stop(), 0)
        with self.assertRaisesRegex(AssertionError, "gfr log drop --ahead"):
            self.start()
        run("log", "drop", "--ahead", "--project", self.project)
        server = self.start()
        self.assertEqual(server.send("later")[0], 202)
        self.assertLess(json.loads(server.get("/v1/status")[1])["log"]["last_arrival"], at(HOUR_MS))
        self.assertEqual(server.stop(), 0)

    def refuses(self, server, id):
        status, retry, reply = server.send(id)
        self.assertEqual((status, bool(retry)), (503, True), reply)
        self.assertEqual(server.feed("feed of " + id), (200, ["log"]))
        ready = []  # One reply: the log is tried again meanwhile and is well until its next write fails.
        eventually(lambda: ready.append(server.request("GET", "/readyz")) or ready[-1][0] == 503, "/readyz says so")
        self.assertIn("Retry-After", ready[-1][1])
        self.assertEqual(server.get("/livez")[0], 200)

    def takes_again(self, server, ids):
        eventually(lambda: server.get("/readyz")[0] == 200, "/readyz is well again")
        for id in ids:
            self.assertEqual(server.send(id)[2].get("accepted"), 1, f"{id} was refused before, so that it is new")
        self.assertEqual(server.feed("a feed afterwards"), (200, []))
        self.assertEqual(server.stop(), 0)
        there = self.ids()
        self.assertEqual(len(there), len(set(there)))
        self.assertLessEqual({"before", *ids, "a feed afterwards"}, set(there))

    def test_a_full_disk_refuses_events_and_serves_feeds_until_it_has_room(self):
        server = self.start()
        self.assertEqual(server.send("before")[0], 202)
        server.order("full 0\nfree 0")
        self.refuses(server, "full")
        server.order()
        self.takes_again(server, ["full"])

    def test_a_disk_that_is_nearly_full_keeps_its_reserve(self):
        server = self.start()
        self.assertEqual(server.send("before")[0], 202)
        server.order("free 4096")
        eventually(lambda: server.get("/readyz")[0] == 503, "/readyz says so")
        self.refuses(server, "nearly full")
        server.order()
        self.takes_again(server, ["nearly full"])

    def test_writes_and_syncs_that_fail_are_answered_and_gone_on_from(self):
        server = self.start()
        self.assertEqual(server.send("before")[0], 202)
        for n, fault in enumerate(("fail_write 0", "fail_sync 0", "fail_write 0")):  # Each, until it is well: one alone might be that of another file.
            server.order(fault)
            status, retry, reply = server.send(f"failed {n}")
            self.assertEqual((status, bool(retry)), (503, True), reply)
            server.order()
            eventually(lambda: server.get("/readyz")[0] == 200, "the log goes on")
        self.takes_again(server, [f"failed {n}" for n in range(3)])

    def test_a_thread_that_cannot_be_had_ends_no_server(self):
        server = self.start()
        server.order("threads 0")
        for n in range(20):
            self.assertEqual(server.send(f"t{n}")[0], 202)
            self.assertEqual(server.feed(f"f{n}")[0], 200)
        for path in ("/v1/models", "/v1/status", "/metrics", "/v1/experiments"):
            self.assertEqual(server.get(path)[0], 200, path)
        server.post("/v1/reload", {})
        self.assertIsNone(server.process.poll())
        server.order()
        self.assertEqual(server.send("after")[0], 202)
        self.assertEqual(server.stop(), 0)

    def test_a_start_without_threads_is_refused_with_words(self):
        with self.assertRaises(AssertionError) as refused:
            self.start(orders="threads 3")
        self.assertIn("ulimit -u", str(refused.exception))
        self.assertNotIn("terminate called", str(refused.exception))

    def test_without_descriptors_it_waits_and_does_not_spin(self):
        server = self.start(limits=[(resource.RLIMIT_NOFILE, 128)])
        self.assertEqual(server.send("before")[0], 202)
        idle = [socket.create_connection((server.host, server.port), timeout=300) for _ in range(150)]

        def rests():
            before, began = self.cpu_s(server), time.monotonic()
            time.sleep(1)
            return self.cpu_s(server) - before < 0.25 * (time.monotonic() - began)
        eventually(rests, "it does not spin")
        for connection in idle:
            connection.close()
        eventually(lambda: server.get("/livez")[0] == 200, "it answers again")
        self.assertEqual(server.send("after")[0], 202)
        self.assertEqual(server.stop(), 0)

    @staticmethod
    def cpu_s(server):
        fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_a_stop_waits_for_slow_bodies_no_longer_than_it_says(self):
        config = self.project / "gfr.toml"
        config.write_text(config.read_text().replace("[serve]\n", '[serve]\ndrain = "500ms"\nbody_timeout = "1h"\nheader_timeout = "1h"\n', 1))
        server = self.start()
        self.assertEqual(server.send("before")[0], 202)
        head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n["
        slow = [socket.create_connection((server.host, server.port), timeout=300) for _ in range(20)]
        for n, connection in enumerate(slow):
            connection.sendall((b"", head[:30], head)[n % 3])
        self.assertEqual(server.stop(), 0, "and not for the hour that each may take")
        for connection in slow:
            connection.close()
        self.assertTrue((self.project / "data/store/snapshot").exists())

    def test_sighup_reloads_and_a_log_is_whole_right_after_a_kill(self):
        server = self.start()
        self.assertEqual(server.send("before")[0], 202)
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: b"gfr_reloads_total 1" in server.get("/metrics")[1], "it reloads")
        stop = threading.Event()

        def post():
            n = 0
            while not stop.is_set():
                n += 1
                try:
                    server.send(f"k{n}")
                except (OSError, ValueError, http.client.HTTPException):
                    return

        sender = threading.Thread(target=post)
        sender.start()
        time.sleep(0.2)
        server.kill()
        stop.set()
        sender.join()
        self.assertGreater(run_json("log", "verify", "--project", self.project)["records"], 0)

    def test_sigusr1_drains_a_server_which_ends_with_a_snapshot(self):
        server = self.start()
        self.assertEqual(server.send("before")[0], 202)
        server.process.send_signal(signal.SIGUSR1)
        self.assertEqual(server.process.wait(60), 0)
        self.assertTrue((self.project / "data/store/snapshot").exists())

    def test_a_broken_segment_is_refused_and_named(self):
        """Closed segments that are cut, missing, empty or changed, each in turn."""
        for n in range(3):  # Each import closes a segment.
            part = self.project.parent / f"{n}.ndjson"
            part.write_text("".join(json.dumps(event(f"{n}-{k}", time=f"2026-01-0{n + 1}T00:00:00Z")) + "\n" for k in range(200)))
            run("import", "ndjson", part, "--project", self.project)
        segments = sorted(glob.glob(str(self.project / "data/log/*.log")))
        self.assertGreaterEqual(len(segments), 3)
        good = {s: pathlib.Path(s).read_bytes() for s in segments}
        for index in range(2):
            path, bytes_ = pathlib.Path(segments[index]), good[segments[index]]
            flipped = lambda at_byte: bytes_[:at_byte] + bytes([bytes_[at_byte] ^ 4]) + bytes_[at_byte + 1:]
            for what, broken in (("cut", bytes_[:len(bytes_) // 2]), ("empty", b""), ("missing", None), ("flipped", flipped(len(bytes_) // 2)),
                                 ("flipped length", flipped(17)), ("flipped footer", flipped(len(bytes_) - 10))):
                path.unlink() if broken is None else path.write_bytes(broken)
                refused = subprocess.run([GFR, "log", "verify", "--project", str(self.project)], capture_output=True, text=True, timeout=600)
                self.assertNotEqual(refused.returncode, 0, f"segment {index} {what}: {refused.stdout}")
                with self.assertRaises(AssertionError, msg=f"segment {index} {what}"):
                    self.start()
                path.write_bytes(bytes_)
        server = self.start()
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
