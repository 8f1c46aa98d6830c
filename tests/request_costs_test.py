"""No request costs more than 50 ms of CPU or 64 MiB beyond its body; a body of events 20 us an event, and no more memory than others; calls that
run as jobs are admin's.

The calls are those that /openapi.json names, so that a new one is not forgotten: each has worst requests here, or a reason why its worst is its
only one. A machine's speed is taken from bodies of events in the same run."""
import glob
import json
import os
import pathlib
import re
import time
import unittest

from gfr_process import Folder, Server, event, run

CPU_MS, MEMORY_MIB, EVENT_US = 50, 64, 20
VERBOSE = "GFR_VERBOSE" in os.environ
JSON, NDJSON = "application/json", "application/x-ndjson"
MIB = 1 << 20


def deep(size):
    """Bodies of `size` bytes that are hard to parse: what, content type, body and how many events it would be."""
    members = size // 16
    return [("deep lists", JSON, b"[" * size, 1), ("deep lists that end", JSON, b"[" * (size // 2) + b"]" * (size // 2), 1), ("deep objects", JSON, b'{"a":' * (size // 5), 1), ("one long string", JSON, b'{"a":"' + b"x" * (size - 6), 1),
            ("many members", JSON, ("{" + ",".join(f'"n{i}":{i}' for i in range(members)) + "}").encode(), 1),
            ("numbers", JSON, b"[" + b"1," * (size // 2 - 1) + b"1]", size // 2), ("an unterminated number", JSON, b"1" * size, 1)]


DEEP = deep(MIB - 4096)  # Below the bound of most calls: what is larger is not parsed at all.
LARGE = deep(15 * MIB)
FEED = {"user_id": "u1", "size": 20, "candidates": ["i1", "i2"]}


def text(value):
    return json.dumps(value).encode()


def feeds():
    """What, content type and body."""
    names = {f"n{i}": i for i in range(40_000)}
    return [("40,000 names", JSON, text({**FEED, "context": names})), ("256 names", JSON, text({**FEED, "context": {f"n{i}": "x" * 200 for i in range(256)}})),
            ("1,000 unknown candidates", JSON, text({**FEED, "size": 1000, "candidates": [f"unknown{i}" for i in range(1000)]})),
            ("10,000 unknown candidates", JSON, text({**FEED, "candidates": [f"unknown{i}" for i in range(10_000)]})),
            ("candidates of 1 KiB", JSON, text({**FEED, "candidates": ["x" * 1000 + str(i) for i in range(5_000)]})),
            ("equal candidates", JSON, text({**FEED, "candidates": ["i1"] * 10_000})), ("excluded", JSON, text({**FEED, "exclude": [f"e{i}" for i in range(100_000)]})), *DEEP, *LARGE]


def flags():
    return [("40,000 names", JSON, text({"context": {"targetingKey": "u1", **{f"n{i}": i for i in range(40_000)}}})), *DEEP]


def bodies_of_events():
    return [("lines of {", NDJSON, b"{\n" * MIB, MIB), ("empty lines", NDJSON, b"\n" * (4 * MIB), 1), ("empty objects", JSON, b"[" + b"{}," * MIB + b"{}]", MIB),
            ("60,000 names", JSON, text([event("wide", context={f"n{i}": i for i in range(60_000)})]), 1),
            ("100,000 items", JSON, text([event("many", items=[f"i{i}" for i in range(100_000)])]), 1), *LARGE, *large_batches()]


def large_batches():
    """As many events as a body can have: lines, and a list."""
    events = [json.dumps(event(f"b{i}", user=f"u{i % 997}", items=[f"i{i % 50}"])) for i in range(80_000)]
    return [("80,000 lines", NDJSON, "\n".join(events).encode(), len(events)), ("a list of 80,000", JSON, f"[{','.join(events)}]".encode(), len(events))]


# By method and path of /openapi.json; a call with a body that is not here gets DEEP.
WORST = {("post", "/v1/events"): bodies_of_events, ("post", "/v1/feed"): feeds, ("post", "/v1/served"): lambda: DEEP + LARGE,
         ("post", "/v1/models/promote"): lambda: DEEP, ("post", "/v1/models/rollback"): lambda: DEEP, ("post", "/v1/triggers/{trigger}"): lambda: DEEP,
         ("post", "/ofrep/v1/evaluate/flags"): flags, ("post", "/ofrep/v1/evaluate/flags/{key}"): flags}
# Read the whole log or configuration, one at a time, for an admin alone: bounded by what they read, not by the request.
JOBS = {("post", "/v1/experiments/analyze"), ("post", "/v1/reload"), ("get", "/v1/explain/{request_id}")}


class Costs:
    """What a server spends."""

    def __init__(self, server):
        self.server, self.process = server, pathlib.Path(f"/proc/{server.process.pid}")

    def cpu_ms(self):
        spent = 0
        for path in glob.glob(str(self.process / "task/*/schedstat")):
            try:
                spent += int(pathlib.Path(path).read_text().split()[0])
            except OSError:
                pass
        return spent / 1e6

    def mib(self, name):
        return int(re.search(name + r":\s+(\d+)", (self.process / "status").read_text())[1]) / 1024

    def of(self, method, path, kind=None, body=None):
        """CPU in ms, the peak in MiB beyond what it held before, the status and the reply's bytes."""
        (self.process / "clear_refs").write_text("5")  # The peak begins anew.
        held, spent, began = self.mib("VmRSS"), self.cpu_ms(), time.monotonic()
        try:
            status, _, reply = self.server.request(method.upper(), path, body, {**self.server.admin(), **({"Content-Type": kind} if kind else {})}, timeout=600)
        except OSError as lost:  # Refused before the body was read.
            status, reply = type(lost).__name__, b""
        cpu, seconds = self.cpu_ms() - spent, time.monotonic() - began
        return cpu, self.mib("VmHWM") - held, status, len(reply), seconds


class RequestCosts(unittest.TestCase):
    def test_no_request_costs_more_than_it_may(self):
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            with Server(project, "--clock", "wall") as server:
                calls = self.calls(server)
                costs = Costs(server)
                slow = self.slowness(server, costs)
                wrong = []
                for (method, path), worst in calls.items():
                    for what, kind, body, *events in worst() if worst else [("", None, None)]:
                        wrong += self.judge(costs, slow, (method, path), what, kind, body, events[0] if events and self.takes_events(path) else 0)
                self.assertEqual(wrong, [])
                self.many_events(server, costs, slow)
                self.assertEqual(server.post("/v1/feed", FEED)[0], 200)

    def calls(self, server):
        """Each with a function that gives its worst requests; None: it has no body."""
        named = json.loads(server.get("/openapi.json")[1])["paths"]
        calls = {(method, path): (lambda: DEEP) if "requestBody" in call else None for path, methods in named.items() for method, call in methods.items()
                 if method in ("get", "post", "put", "patch", "delete")}
        self.assertEqual([c for c in WORST if c not in calls], [], "worst requests of calls that are no more")
        return {**calls, **WORST}

    @staticmethod
    def takes_events(path):
        """Of the native call, and those of other makers."""
        return path == "/v1/events" or not path.startswith(("/v1/feed", "/v1/served", "/v1/models", "/v1/triggers", "/ofrep", "/rank", "/get-online"))

    def slowness(self, server, costs):
        """How much more than 20 us an event takes here: other figures are judged by the same measure."""
        best = 1e9
        for n in range(5):
            body = "\n".join(json.dumps(event(f"s{n}-{i}", user=f"u{i % 97}")) for i in range(2_000)).encode()
            spent = costs.cpu_ms()
            self.assertEqual(server.request("POST", "/v1/events", body, {"Content-Type": NDJSON})[0], 202)
            best = min(best, costs.cpu_ms() - spent)
        return max(1.0, best * 1000 / 2_000 / EVENT_US)

    def judge(self, costs, slow, call, what, kind, body, events):
        method, path = call
        concrete = re.sub(r"\{\w+\}", "x", path)
        mib = len(body or b"") / MIB
        # Reading a body off its socket costs by its size too. One of events is as many as its bytes could have been.
        if events:
            events = max(events, len(body) // 200)
        # Half as much again: a core that others share is slower now and then.
        most_ms = 1.5 * (CPU_MS + 4 * mib + events * EVENT_US / 1000) * slow
        # A body is held once; those of feeds and slates twice, while they are read.
        most_mib = MEMORY_MIB + mib * (1 if path == "/v1/events" else 2)
        cpu = memory = 1e9
        for _ in range(8):  # The least: jobs run beside it, and other programs.
            spent, peak, status, size, _ = costs.of(method, concrete, kind, body)
            cpu, memory = min(cpu, spent), min(memory, peak)
            if cpu <= most_ms and memory <= most_mib:
                break
        if VERBOSE:
            print(f"{method} {path} {what}: {mib:.1f} MiB, {status}, {cpu:.0f} ms, {memory:.0f} MiB, reply {size}", flush=True)
        found = []
        if cpu > most_ms and call not in JOBS:
            found.append(f"{method} {path} {what}: {cpu:.0f} ms of CPU, status {status}")
        if memory > most_mib:
            found.append(f"{method} {path} {what}: {memory:.0f} MiB, status {status}")
        if size > MIB:
            found.append(f"{method} {path} {what}: a reply of {size} bytes")
        if status == 500:
            found.append(f"{method} {path} {what}: 500")
        return found

    def many_events(self, server, costs, slow):
        """Deletions and events of one large body: each its microseconds, and feeds run between their slices."""
        for what, count, make in (("deletions", 20_000, lambda i, n: event(f"d{i}-{n}", "user.delete", user=f"gone{i}-{n}")),
                                  ("events", 50_000, lambda i, n: event(f"m{i}-{n}", user=f"many{i % 997}"))):
            us = 1e9
            for n in range(8):  # The least, as above.
                body = "\n".join(json.dumps(make(i, n)) for i in range(count)).encode()
                spent = costs.cpu_ms()
                self.assertEqual(server.request("POST", "/v1/events", body, {"Content-Type": NDJSON})[0], 202)
                us = min(us, (costs.cpu_ms() - spent) * 1000 / count)
                if us < EVENT_US * slow * 2:
                    break
            print(f"{what}: {us:.1f} us each")
            self.assertLess(us, EVENT_US * slow * 2, what)


if __name__ == "__main__":
    unittest.main()
