#!/usr/bin/env python3
"""A real server for hours under the mixed and odd traffic of a market: `make soak` runs it for SOAK_MINUTES.

Beside the traffic run promotions, reloads that add and remove a feature, versions of an index, backups and trims of the log, whose oldest segments
are an hour of the log each. Every minute one line says what the process holds. At the end, where any of it fails the exit code is 1:
- nothing grew: the medians of the second half against those of the first, after ten minutes or a tenth of the time (`Sample.GROWTH`);
  not judged where it runs for less than half an hour;
- no feed and no event of a good client was refused, and every event that was acknowledged is in the log, once;
- starts after SIGTERM and after SIGKILL, whose times are said;
- after old segments were deleted: the log's check, served values equal to a replay's, a training, rows of the log that is left equal, bit by bit,
  to those of the log with all its segments, and a feature that is added then: its values too.
"""
import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gfr_process import Server, eventually, run, run_json  # noqa: E402

USERS, ITEMS, DAYS, KEEP_DAYS = 400, 200, 60, 40
VISITS_A_SECOND = 5
HOUR_S = 3600
WARM_UP_MINUTES = 10
SOURCES = "".join(f'\n[[channel.source]]\nname = "{name}"\nquota = 20\n' for name in ("affinity", "similar", "embedding"))
CONFIGURATION = f"""
[log]
keep = "{KEEP_DAYS}d"
train_range = "1d"

[index]
factors = 8

[[variant]]
name = "today"
weight = 1
[[variant]]
name = "short"
weight = 1
feed = {{ size = 10 }}

[[experiment]]
name = "banner"
share = 0.5
[[experiment.arm]]
name = "blue"
[[experiment.arm]]
name = "red"
"""
ADDED = """
[[feature]]
name = "added_%s"
type = "count"
scope = "user"
events = ["feed.click", "item.view"]
window = "3d"
"""


def seconds_of(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


def text_of(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"


def make_project(folder, days=DAYS):
    """A trained project whose log has a segment an hour where `keep` ends, so that each trim of a short run finds one."""
    run("init", folder / "made")
    run("simulate", "--project", folder / "made", "--users", USERS, "--items", ITEMS, "--days", days, "--seed", 5)
    project = folder / "p"
    run("init", project)
    toml = project / "gfr.toml"
    text = re.sub(r"^folds = \d+", "folds = 0", toml.read_text(), flags=re.M)
    toml.write_text(text.replace('name = "exploit"\nquota = 60\n', 'name = "exploit"\n' + SOURCES) + CONFIGURATION)
    lines = run("log", "dump", "--project", folder / "made")[0].splitlines()
    times = [seconds_of(json.loads(line)["time"]) for line in lines]
    border = times[-1] - KEEP_DAYS * 86400
    parts = collections.defaultdict(list)
    for line, at in zip(lines, times):
        parts[min(max((at - border) // HOUR_S, -4), 4)].append(line)  # A segment goes when the next one begins before `keep`.
    for name in sorted(parts):
        (folder / "part.ndjson").write_text("\n".join(parts[name]) + "\n")
        run("import", "ndjson", folder / "part.ndjson", "--project", project)
    shutil.rmtree(folder / "made")
    run("train", "--project", project)
    toml.write_text(re.sub(r"^eta = .*$", "eta = 0.2", toml.read_text(), flags=re.M))
    run("train", "--project", project)
    run("index", "train", "--project", project)
    return project


class Traffic:
    """Good clients: visits of known users, at a steady rate, on one thread; and what the server answered."""

    def __init__(self, server, seed, log_end_s):
        self.server, self.dice, self.seed = server, random.Random(seed), seed
        self.offset_s = log_end_s - time.monotonic()  # The server's clock goes on from the log's last arrival.
        self.connection, self.sent = None, 0
        self.statuses, self.degraded = collections.Counter(), collections.Counter()
        self.acknowledged, self.bad = [], []
        self.feed_s = []

    def call(self, method, path, body=None, headers=None):
        data = None if body is None else json.dumps(body)
        for _ in (1, 2):  # A connection that was kept may have been closed meanwhile.
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=300)
            try:
                self.connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
                response = self.connection.getresponse()
                reply = response.read()
                break
            except (http.client.HTTPException, OSError):
                self.connection.close()
                self.connection = None
                if fresh:
                    raise
        self.statuses[path.split("/u")[0] if path.startswith("/v1/explain") else path.split("?")[0], response.status] += 1
        return response.status, reply

    def event(self, type, user, items=(), **data):
        self.sent += 1
        listed = [{"item_id": i, **({"index": n} if type == "feed.impression" else {})} for n, i in enumerate(items)]
        return {"specversion": "1.0", "id": f"{self.seed}-{self.sent}", "source": "soak", "type": type, "time": text_of(self.offset_s + time.monotonic()),
                "data": {"user_id": user, "session_id": f"s-{user}", **({"items": listed} if listed else {}), **data}}

    def send(self, events):
        """Several in a list, one by itself."""
        status, reply = self.call("POST", "/v1/events", events if len(events) > 1 else events[0])
        if status == 202 and json.loads(reply)["accepted"] == len(events):
            self.acknowledged += [e["id"] for e in events]
        else:
            self.bad.append(("/v1/events", status, reply[:300]))

    def visit(self):
        user = f"u{100000 + self.dice.randrange(USERS)}"
        request = {"user_id": user, "session_id": f"s-{user}", "context": {"geography": "rome", "device": "mobile"}}
        if self.dice.random() < 0.4:
            request["candidates"] = [f"i{100000 + n}" for n in self.dice.sample(range(ITEMS), 60)]
        began = time.monotonic()
        status, reply = self.call("POST", "/v1/feed", request)
        self.feed_s.append(time.monotonic() - began)
        if status != 200:
            self.bad.append(("/v1/feed", status, reply[:300]))
            return
        feed = json.loads(reply)
        self.degraded.update(feed["degraded"])
        shown, of = [i["item_id"] for i in feed["items"]], {"request_id": feed["request_id"], "surface": "home"}
        if not shown:
            self.bad.append(("/v1/feed", "empty", reply[:300]))
            return
        events = [self.event("feed.impression", user, shown, **of)]
        if self.dice.random() < 0.3:
            item = self.dice.choice(shown)
            events += [self.event("feed.click", user, [item], **of), self.event("item.view", user, [item])]
            if self.dice.random() < 0.3:
                events.append(self.event("cart.add", user, [item]))
                events.append(self.event("purchase", user, transaction_id=f"t{self.sent}"))
                events[-1]["data"]["items"] = [{"item_id": item, "price": 9.5, "quantity": 1}]
        if self.dice.random() < 0.5:
            self.send(events)
        else:
            for e in events:
                self.send([e])
        if self.dice.random() < 0.05:
            item = f"i{100000 + self.dice.randrange(ITEMS)}"
            update = self.event("item.update", user, [item])
            update["data"] = {"items": [{"item_id": item, "price": round(self.dice.uniform(5, 100), 2)}]}
            self.send([update])
        if self.dice.random() < 0.05:
            admin = self.server.admin()
            for path, headers in ((f"/v1/explain/{feed['request_id']}", admin), (f"/v1/similar/{shown[0]}", {}), ("/v1/status", {}), ("/v1/models", {}),
                                  ("/metrics", {}), ("/v1/drift", admin), ("/v1/experiments", admin), ("/v1/triggers", admin)):
                status, reply = self.call("GET", path, None, headers)
                if status >= 500:
                    self.bad.append((path, status, reply[:300]))


def head(path, length, extra=b""):
    return b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n" % (path, length, extra)


def posted(path, value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return head(path, len(body)) + body


# What odd clients send, by kind: bytes; and whether they then wait for the answer (True), go away at once (False), or send a byte now and then (None).
ODD = {
    "bad JSON": lambda d: (posted(b"/v1/events", b'[{"id":' + bytes(d.choices(range(32, 127), k=50))), True),
    "not UTF-8": lambda d: (posted(b"/v1/events", b'{"id":"\xff\xfe"}'), True),
    "a million brackets": lambda d: (posted(b"/v1/events", b"[" * 1_000_000), True),
    "lines of nothing": lambda d: (posted(b"/v1/events", b"[" + b"{}," * 20_000 + b"{}]"), True),
    "a huge id": lambda d: (posted(b"/v1/events", {"specversion": "1.0", "id": "x" * 200_000, "source": "odd", "type": "item.view", "data": {"user_id": "u" * 100_000}}), True),
    "a huge user": lambda d: (posted(b"/v1/feed", {"user_id": "u" * 100_000}), True),
    "many names": lambda d: (posted(b"/v1/feed", {"user_id": "u1", "context": {f"n{n}": n for n in range(5_000)}}), True),
    "unknown candidates": lambda d: (posted(b"/v1/feed", {"user_id": "odd", "candidates": [f"none{n}" for n in range(1_000)]}), True),
    "a forged slate": lambda d: (posted(b"/v1/events", {"specversion": "1.0", "id": f"f{d.random()}", "source": "odd", "type": "feed.request", "data": {"user_id": "u1"}}), True),
    "a time to come": lambda d: (posted(b"/v1/events", {"specversion": "1.0", "id": f"n{d.random()}", "source": "odd", "type": "item.view", "time": "2999-01-01T00:00:00Z",
                                                         "data": {"user_id": "u1", "items": [{"item_id": "i1"}]}}), True),
    "no reader's token": lambda d: (posted(b"/v1/served", b"\x00" * d.randrange(1000)), True),
    "no such path": lambda d: (b"GET /%x HTTP/1.1\r\nHost: localhost\r\n\r\n" % d.getrandbits(400), True),
    "a large header": lambda d: (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", True),
    "no HTTP": lambda d: (d.randbytes(500) + b"\r\n\r\n", True),
    "two lengths": lambda d: (b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", True),
    "an odd encoding": lambda d: (b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", True),
    "chunks": lambda d: (b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", True),
    "half a body": lambda d: (head(b"/v1/events", 5_000) + b"[" * d.randrange(1, 4_000), False),
    "half a header": lambda d: (b"POST /v1/feed HTTP/1.1\r\nHost: loc", False),
    "goes before the answer": lambda d: (posted(b"/v1/feed", {"user_id": "odd"}), False),
    "many at once, and goes": lambda d: (posted(b"/v1/feed", {"user_id": "odd", "size": 20}) * 20, False),
    "a slow body": lambda d: (head(b"/v1/events", 5_000) + b"[", None),
    "a slow header": lambda d: (b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", None),
    "silent": lambda d: (b"", None),
    "does not read": lambda d: (posted(b"/v1/feed", {"user_id": "odd", "size": 200, "candidates": [f"i{100000 + n}" for n in range(ITEMS)]}) * 50, None),
}


class OddClients:
    """One of them twice a second; those that send slowly stay until the server closes them, at most 20."""

    def __init__(self, server, seed):
        self.server, self.dice = server, random.Random(seed)
        self.statuses, self.slow, self.bad = collections.Counter(), [], []

    def step(self):
        self.drip()
        kind = self.dice.choice(list(ODD))
        data, waits = ODD[kind](self.dice)
        if waits is None and len(self.slow) >= 20:
            return
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(60)
        try:
            client.connect(("127.0.0.1", self.server.port))
            if waits is None:
                client.setblocking(False)
                self.send_some(client, data)
                self.slow.append(client)
                self.statuses[kind, "slow"] += 1
                return
            client.sendall(data)
            if waits:
                answer = client.recv(4096)
                status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
                self.statuses[kind, status] += 1
                if status >= 500 and status != 501:
                    self.bad.append((kind, answer[:300]))
            else:
                self.statuses[kind, "gone"] += 1
        except TimeoutError:
            self.bad.append((kind, "no answer within a minute"))
        except OSError:  # Closed while the rest of what was refused was sent.
            self.statuses[kind, "closed"] += 1
        finally:
            if client not in self.slow:
                client.close()

    @staticmethod
    def send_some(client, data):
        try:
            client.send(data)
        except BlockingIOError:
            pass

    def drip(self):
        for client in list(self.slow):
            try:
                if self.dice.random() < 0.1:
                    self.send_some(client, b" ")
                if client.recv(64, socket.MSG_PEEK) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                pass
            except OSError:
                client.close()
                self.slow.remove(client)

    def close(self):
        for client in self.slow:
            client.close()


class Work:
    """What operators do beside: one thing a minute, in turn. Segments that a trim deletes are kept in `kept`."""

    def __init__(self, server, folder, log_end_s):
        self.server, self.project, self.folder, self.turn = server, server.project, folder, 0
        self.before_end = text_of(log_end_s - 7 * 86400)
        self.kept = folder / "kept"
        self.kept.mkdir()
        self.log, self.toml = self.project / "data/log", self.project / "gfr.toml"
        self.text = self.toml.read_text()
        self.done = collections.Counter()

    def step(self):
        action = (self.promote, self.reload, self.trim, self.index, self.promote, self.reload, self.backup, self.drift)[self.turn % 8]
        action()
        self.done[action.__name__] += 1
        self.turn += 1

    def promote(self):
        serving = json.loads(self.server.get("/v1/status")[1])["model"]
        status, reply = self.server.post("/v1/models/promote", {"version": "1" if "2" in json.dumps(serving.get("version", serving)) else "2"})
        assert status == 200, reply

    def reload(self, text=None):
        """Adds a feature, or takes it away again."""
        added = ADDED % "for_a_while"
        self.text = text or (self.text.replace(added, "") if added in self.text else self.text + added)
        self.toml.write_text(self.text)
        status, _, reply = self.server.request("POST", "/v1/reload", b"", self.server.admin())
        assert status in (200, 202), reply
        if status == 202:
            at = json.loads(reply)["at"]
            state = eventually(lambda: (job := json.loads(self.server.get(at)[1]))["state"] in ("done", "failed") and job, "the reload ends", 1800)
            assert state["state"] == "done", state

    def keep_segments(self):
        for segment in self.log.glob("*.log"):
            if not (self.kept / segment.name).exists() and segment.stat().st_size > 100:
                os.link(segment, self.kept / segment.name)

    def trim(self):
        self.keep_segments()
        run("log", "compact", "--project", self.project)
        run("log", "trim", "--project", self.project)

    def index(self):
        run("index", "train", "--project", self.project)
        run("index", "gc", "--project", self.project)

    def backup(self):
        run("backup", self.folder / "backup", "--project", self.project)

    def drift(self):
        run("drift", "--project", self.project, "--from", self.before_end)

    def whole_project(self):
        """The project with every segment that it ever had, and no base."""
        whole = self.folder / "whole"
        shutil.copytree(self.project, whole, ignore=shutil.ignore_patterns("store", "log.rows", "LOCK", "*.base", "events"))
        begin = min(int(s.stem) for s in self.log.glob("*.log"))
        for segment in self.kept.glob("*.log"):
            if int(segment.stem) < begin:
                shutil.copy(segment, whole / "data/log" / segment.name)
        assert min(int(s.stem) for s in (whole / "data/log").glob("*.log")) == 0 < begin, "no segment was deleted"
        return whole


class Sample(dict):
    """What the process and its project hold at one moment."""
    # By what the median of the second half may exceed that of the first, of its value there and of the records that came between.
    # The ids of a day's events and slates are kept for a day, so memory grows with them for so long.
    GROWTH = {"rss_kib": lambda first, records: max(0.05 * first, 8 << 10) + records * 0.1, "threads": lambda first, records: 1,
              "descriptors": lambda first, records: 3, "disk_beside_log_kib": lambda first, records: 0.25 * first + (4 << 10), "log_kib": lambda first, records: records * 8}

    def __init__(self, server, traffic, minute):
        pid = server.process.pid
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        cpu = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        metrics = {line.split()[0]: float(line.split()[1]) for line in server.get("/metrics")[1].decode().splitlines() if line and line[0] != "#"}
        data = server.project / "data"
        sizes = collections.Counter()
        for path in data.rglob("*"):
            try:
                if path.is_file():
                    sizes[path.relative_to(data).parts[0]] += path.stat().st_size
            except FileNotFoundError:
                pass
        super().__init__(minute=minute, rss_kib=int(re.search(r"VmRSS:\s+(\d+)", status)[1]), threads=int(re.search(r"Threads:\s+(\d+)", status)[1]),
                         descriptors=len(os.listdir(f"/proc/{pid}/fd")), disk_beside_log_kib=(sum(sizes.values()) - sizes["log"] - sizes["events"]) // 1024, log_kib=sizes["log"] // 1024,
                         segments=len(list((data / "log").glob("*.log"))), cpu_s=(int(cpu[11]) + int(cpu[12])) / os.sysconf("SC_CLK_TCK"),
                         state_kib=int(metrics.get("gfr_state_bytes", 0)) // 1024, records=len(traffic.acknowledged) + len(traffic.feed_s),
                         differing=metrics.get("gfr_skew_different_total", 0), feed_ms=round(1000 * statistics.median(traffic.feed_s[-200:] or [0]), 2))


def judge_growth(samples, minutes):
    """[(what, first half's median, second half's, most that it may be)]; nothing of a run that is over before a server has all that it keeps."""
    after = [s for s in samples if s["minute"] >= max(WARM_UP_MINUTES, minutes / 10)]
    first, second = after[:len(after) // 2], after[len(after) // 2:]
    found = []
    if minutes >= 3 * WARM_UP_MINUTES:
        records = statistics.median(s["records"] for s in second) - statistics.median(s["records"] for s in first)
        for name, growth in Sample.GROWTH.items():
            a, b = (statistics.median(s[name] for s in half) for half in (first, second))
            found.append((name, a, b, round(a + growth(a, records))))
    return found


class Repeated:
    """Calls `step` so often, on a thread, until the end; what it raises first is kept."""

    def __init__(self, step, every_s):
        self.step, self.every_s, self.failure = step, every_s, None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    def go(self):
        due = time.monotonic()
        while not self.stopped.is_set():
            try:
                self.step()
            except Exception as failure:
                self.failure = failure
                return
            due = max(due + self.every_s, time.monotonic() - 1)
            self.stopped.wait(max(0, due - time.monotonic()))

    def stop(self):
        self.stopped.set()
        self.thread.join()


def start_s(project, *arguments):
    """Starts a server; gives it, and the seconds until it was ready."""
    began = time.monotonic()
    server = Server(project, "--clock", "log", *arguments)
    silence(server)
    eventually(lambda: server.get("/readyz")[0] == 200, "the server is ready", 1800)
    return server, round(time.monotonic() - began, 3)


def silence(server):
    """Takes the server's lines for as long as it runs, and keeps the last."""
    server.said = collections.deque(maxlen=50)
    threading.Thread(target=lambda: server.said.extend(server.process.stderr), daemon=True).start()


def rows(project, out, since):
    """The rows of each objective that arrived since then."""
    import pyarrow.parquet as parquet
    run("dataset", "--project", project, "--full", "--out", out, "--from", since)
    return {path.stem: parquet.read_table(path) for path in sorted(out.glob("*.parquet"))}


def differing_values(one, other):
    """(rows, values that differ by a bit) of two sets of rows."""
    count = differing = 0
    assert one.keys() == other.keys()
    for name, table in one.items():
        assert table.schema == other[name].schema and table.num_rows == other[name].num_rows > 0, (name, table.num_rows, other[name].num_rows)
        count += table.num_rows
        for column in table.column_names:
            a, b = (t[column].combine_chunks() for t in (table, other[name]))
            if not a.equals(b):  # NaN differs from itself, so by what is stored.
                differing += sum(x != y and not (x != x and y != y) for x, y in zip(a.to_pylist(), b.to_pylist()))
    return count, differing


def after_deletion(work, log_end_s, fails):
    """Train, verify and a feature added after old segments were deleted."""
    project, folder, said = work.project, work.folder, {}
    work.text = work.text.replace(ADDED % "for_a_while", "") + ADDED % "late"
    server, _ = start_s(project)
    with server:
        work.server = server
        work.reload(work.text)
        traffic = Traffic(server, "late", log_end_s)
        for _ in range(100):
            traffic.visit()
        fails.extend(f"after the deletion: {b}" for b in traffic.bad)
        if server.stop() != 0:
            fails.append("the last server's exit code is not 0")
    said["log_verify"] = run_json("log", "verify", "--project", project)["records"]
    said["features_verify"] = run_json("features", "verify", "--project", project)
    whole = work.whole_project()
    # A window of three days that began empty at the base is whole three days later.
    since = text_of(log_end_s - (KEEP_DAYS - 6) * 86400)
    left, all_of_it = rows(project, folder / "rows_left", since), rows(whole, folder / "rows_whole", since)
    if not all("added_late" in t.column_names for t in left.values()):
        fails.append("the added feature has no column")
    said["rows"], said["values_that_differ"] = differing_values(left, all_of_it)
    if said["values_that_differ"]:
        fails.append(f"{said['values_that_differ']} values of the log that is left differ from those of the whole log")
    run("train", "--project", project)
    said["trained"] = True
    return said


def verdict(args, samples, traffic, odd, work, fails):
    growth = judge_growth(samples, args.minutes)
    fails += [f"{name} grew from {a} to {b}, at most {most} asked" for name, a, b, most in growth if b > most]
    fails += [f"refused: {b}" for b in traffic.bad[:20]] + [f"odd: {b}" for b in odd.bad[:20]]
    if samples and samples[-1]["differing"]:
        fails.append(f"{samples[-1]['differing']} served values differ from a replay's")
    for cause in traffic.degraded:
        fails.append(f"{traffic.degraded[cause]} feeds were degraded: {cause}")
    return {"growth": [{"what": name, "first_half": a, "second_half": b, "at_most": most} for name, a, b, most in growth],
            "feeds": len(traffic.feed_s), "events": len(traffic.acknowledged), "odd": sum(odd.statuses.values()), "work": dict(work.done),
            "cpu_share": round(samples[-1]["cpu_s"] / (args.minutes * 60), 4) if samples else None}


def missing_events(project, acknowledged, kept):
    """(how many acknowledged events the log lacks, how many it has twice)."""
    counts = collections.Counter()
    for line in run("log", "dump", "--project", project)[0].splitlines():
        if '"source":"soak"' in line:
            counts[json.loads(line)["id"]] += 1
    return sum(id not in counts for id in acknowledged), sum(n > 1 for n in counts.values())


def soak(args, folder):
    fails, samples = [], []
    project = make_project(folder)
    log_end_s = seconds_of(run_json("doctor", "--project", project)["to"])
    server, first_start = start_s(project)
    print(json.dumps({"pid": server.process.pid, "port": server.port, "first_start_s": first_start, "project": str(project)}), flush=True)
    with server:
        traffic, odd, work = Traffic(server, "t", log_end_s), OddClients(server, 1), Work(server, folder, log_end_s)
        loops = {"traffic": Repeated(traffic.visit, 1 / VISITS_A_SECOND), "odd clients": Repeated(odd.step, 0.5), "work": Repeated(work.step, args.work_every)}
        end = time.monotonic() + args.minutes * 60
        while time.monotonic() < end and server.process.poll() is None and not any(l.failure for l in loops.values()):
            time.sleep(min(args.sample_every, max(0, end - time.monotonic())))
            samples.append(Sample(server, traffic, round(args.minutes - (end - time.monotonic()) / 60, 1)))
            print(json.dumps(samples[-1]), flush=True)
        for name, loop in loops.items():
            loop.stop()
            if loop.failure:
                fails.append(f"{name}: {loop.failure!r}")
        odd.close()
        said = verdict(args, samples, traffic, odd, work, fails)
        if server.process.poll() is not None:
            fails.append(f"the server ended: {server.process.returncode}, {list(server.said)}")
            return said, fails
        work.trim()
        if server.stop() != 0:
            fails.append("the exit code after SIGTERM is not 0")
    server, said["start_after_sigterm_s"] = start_s(project)
    with server:
        more = Traffic(server, "m", log_end_s + args.minutes * 60)
        for _ in range(50):
            more.visit()
        fails += [f"after a start: {b}" for b in more.bad]
        server.kill()
    server, said["start_after_sigkill_s"] = start_s(project)
    with server:
        server.stop()
    lost, twice = missing_events(project, traffic.acknowledged + more.acknowledged, work.kept)
    said |= {"acknowledged_lost": lost, "twice": twice}
    if lost or twice:
        fails.append(f"{lost} acknowledged events are lost, {twice} are there twice")
    said |= after_deletion(work, log_end_s, fails)
    print(json.dumps({"statuses": {f"{k[0]} {k[1]}": n for k, n in sorted((traffic.statuses + odd.statuses).items(), key=str)}}), flush=True)
    return said, fails


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--sample-every", type=float, default=60, help="seconds")
    parser.add_argument("--work-every", type=float, default=60, help="seconds between two things that operators do")
    parser.add_argument("--work", help="a folder to keep; else a temporary one")
    args = parser.parse_args()
    folder = pathlib.Path(args.work or tempfile.mkdtemp(prefix="gfr-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    said, fails = soak(args, folder)
    print(json.dumps({"verdict": "failed" if fails else "passed", **said, "fails": fails}, indent=1), flush=True)
    if not args.work:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if fails else 0


if __name__ == "__main__":
    sys.exit(main())
