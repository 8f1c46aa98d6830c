"""kill -9 and power cuts, again and again, while events arrive and feeds are asked for: after each, the log has what it must and nothing else.

The state of each event is known (as RocksDB's db_stress keeps it): absent (never sent), pending (sent and not answered, or answered 503) or
there (acknowledged, or seen in the log after a start). What is there stays there, once; what is absent does not come; what is pending is there
once or not at all, and says so when it is sent again. 5 kills and 5 power cuts; 200 of each with GFR_TEST_ALL=1 (`make test-all`)."""
import http.client
import json
import os
import pathlib
import random
import threading
import time
import unittest

from gfr_process import Folder, Server, event, eventually, run

SHIM = os.environ.get("GFR_FAULT_SHIM", "")
CRASHES = 200 if os.environ.get("GFR_TEST_ALL") else 5
LOST_CONNECTION = (OSError, ValueError, http.client.HTTPException)
DUMP_EVERY = 20  # Crashes: reading the whole log after each of 200 would be all that the test does.


class Expected:
    """What the log must have, by id. Thread safety: all calls."""

    def __init__(self):
        self.lock, self.next = threading.Lock(), 0
        self.there, self.pending = set(), set()

    def new(self, count):
        """New ids, pending from now on."""
        with self.lock:
            ids = [f"e{self.next + i}" for i in range(count)]
            self.next += count
            self.pending.update(ids)
        return ids

    def acknowledged(self, ids):
        with self.lock:
            self.there.update(ids)
            self.pending.difference_update(ids)

    def take_pending(self, count, rng):
        with self.lock:
            return rng.sample(sorted(self.pending), min(count, len(self.pending)))

    def check(self, found, sent_feeds):
        """`found`: all ids of the log, in its order."""
        assert len(found) == len(set(found)), "an event is there twice"
        found = set(found)
        assert self.there <= found, f"acknowledged and lost: {sorted(self.there - found)[:5]}"
        unknown = found - self.there - self.pending - sent_feeds
        assert not unknown, f"never sent, and there: {sorted(unknown)[:5]}"
        came = found & self.pending  # From now on they must stay.
        self.acknowledged(came)
        return found


class Clients:
    """Send events and ask for feeds until the server is gone."""

    def __init__(self, server, expected, feeds, seed):
        self.server, self.expected, self.feeds, self.wrong = server, expected, feeds, []
        self.threads = [threading.Thread(target=self.send, args=(random.Random(seed * 10 + n),)) for n in range(3)]
        self.threads.append(threading.Thread(target=self.ask, args=(seed,)))
        for t in self.threads:
            t.start()

    def send(self, rng):
        try:
            while True:
                ids = self.expected.new(rng.choice((1, 3, 40)))
                body = [event(i, user=f"u{len(i) % 7}", items=[f"i{hash(i) % 50}"], context={f"x{k}": "y" * 4000 for k in range(rng.choice((0, 1, 5)))}) for i in ids]
                status, reply = self.server.post("/v1/events", body)
                if status == 202 and reply["accepted"] == len(ids):
                    self.expected.acknowledged(ids)
                elif status != 503:
                    self.wrong.append((status, reply))
        except LOST_CONNECTION:
            pass

    def ask(self, seed):
        try:
            for n in range(10**6):
                id = f"f{seed}-{n}"
                self.feeds.add(id)
                status, reply = self.server.post("/v1/feed", {"user_id": "u1", "request_id": id, "candidates": ["i1", "i2"]})
                if status == 200 and not reply["degraded"]:
                    self.expected.acknowledged([id])
                elif status != 200:
                    self.wrong.append((status, reply))
        except LOST_CONNECTION:
            pass

    def join(self):
        for t in self.threads:
            t.join()
        assert not self.wrong, self.wrong[:3]


def cut_power(project, trace, rng):
    """What no sync covered is gone, as a disk may lose it: cut there or anywhere behind, zeros, or single pages. Gives how many bytes."""
    synced, lost = {}, 0
    for line in trace.read_text().splitlines() if trace.exists() else []:
        what, first, second = line.split(" ", 2)
        if what == "S":
            synced[second] = int(first)
        elif first in synced:
            synced[second] = synced.pop(first)
    for path in (project / "data/log").glob("*.log"):
        size, keep = path.stat().st_size, synced.get(str(path))
        if keep is None or keep >= size:
            continue
        lost += size - keep
        with open(path, "r+b") as file:
            how = rng.randrange(4)
            if how < 2:
                file.truncate(keep if how == 0 else rng.randrange(keep, size + 1))
                continue
            file.seek(keep)
            tail = bytearray(file.read())
            for page in range(0, len(tail), 512):
                if how == 2 or rng.random() < 0.5:
                    tail[page:page + 512] = bytes(len(tail[page:page + 512]))
            file.seek(keep)
            file.write(tail)
    return lost


class Durability(unittest.TestCase):
    def crash_again_and_again(self, power):
        rng, expected, feeds, lost = random.Random(7 if power else 1), Expected(), set(), 0
        with Folder() as folder:
            project = (folder / "p").resolve()
            run("init", project)
            trace = folder / "trace"
            environment = {"LD_PRELOAD": SHIM, "FAULT_TRACE": str(trace), "FAULT_ROOT": str(project)} if power else {}
            for crash in range(CRASHES):
                trace.unlink(missing_ok=True)
                server = Server(project, "--clock", "wall", environment=environment)  # It starts by itself each time.
                self.send_again(server, expected, rng)
                clients = Clients(server, expected, feeds, crash)
                if crash % 2 == 0:  # Every other life is not over before anything was acknowledged, however busy the machine is.
                    eventually(lambda: len(expected.there) > 2 * crash + 2 or clients.wrong, "events are acknowledged")
                time.sleep(rng.uniform(0.02, 0.3))
                server.kill()
                clients.join()
                if power:
                    lost += cut_power(project, trace, rng)
                if crash % DUMP_EVERY == DUMP_EVERY - 1:
                    self.look(project, expected, feeds)
            self.assertEqual(Server(project, "--clock", "wall").stop(), 0)
            found = self.look(project, expected, feeds)
            run("features", "verify", "--project", project)
            self.assertGreater(len(expected.there), CRASHES)
            print(f"{CRASHES} crashes, {len(expected.there)} acknowledged, {len(found)} in the log, {len(expected.pending)} never answered, {lost} bytes lost")

    def look(self, project, expected, feeds):
        out, _ = run("log", "dump", "--project", project)
        return expected.check([json.loads(line)["id"] for line in out.splitlines()], feeds)

    def send_again(self, server, expected, rng):
        """One by one: what is said of each is what the log has of it."""
        for id in [i for i in expected.take_pending(3, rng) if i.startswith("e")]:
            first = server.post("/v1/events", [event(id)])
            again = server.post("/v1/events", [event(id)])
            self.assertEqual((first[0], first[1]["accepted"] + first[1]["duplicates"]), (202, 1), first)
            self.assertEqual((again[0], again[1]["duplicates"]), (202, 1), again)
            expected.acknowledged([id])

    def test_after_each_kill_the_log_has_what_it_must_and_nothing_else(self):
        self.crash_again_and_again(power=False)

    def test_after_each_power_cut_the_log_has_what_it_must_and_nothing_else(self):
        self.crash_again_and_again(power=True)


if __name__ == "__main__":
    unittest.main()
