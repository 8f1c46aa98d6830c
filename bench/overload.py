#!/usr/bin/env python3
"""A server that is asked five times what it can do, and one with 10,000 idle connections.

Overload: first the most feeds a second that it answers (goodput); then feeds in an open loop at five times that rate. Said: goodput in the
overload over the peak, how fast the rest is refused (median), and the server's memory before and after.
Idle: the 99th percentile of 50 busy connections with and without 10,000 idle ones, in turn; the median of the rounds' ratios.

Server and generator have a core each. --tiny (in CTest): few connections, short: that it runs, and that nothing but 200 and 503 is answered.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import resource
import selectors
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from gfr_process import make_patient  # noqa: E402
from support.served import Busy, Pinned, cores, http_request, make_project, median, percentile, processor  # noqa: E402


def open_loop(port, requests, rate, seconds, connections):
    """Sends at `rate` a second whatever comes back, each on a connection that waits for nothing; gives [(status, seconds)], and how many
    were not sent as every connection waited."""
    selector = selectors.DefaultSelector()
    idle, busy, answered, unsent, sent = collections.deque(), {}, [], 0, 0
    for _ in range(connections):
        s = socket.create_connection(("127.0.0.1", port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(s, selectors.EVENT_READ)
        idle.append(s)
    start = time.perf_counter()
    end = start + seconds
    while (now := time.perf_counter()) < end or busy:
        if now > end + 600:
            raise RuntimeError(f"{len(busy)} calls have no answer")
        due = min(int((now - start) * rate), int(seconds * rate)) - sent - unsent
        for _ in range(max(0, due)):
            if not idle:
                unsent += 1
                continue
            s = idle.popleft()
            busy[s] = [time.perf_counter(), b""]
            s.sendall(requests[sent % len(requests)])
            sent += 1
        for key, _ in selector.select(0.0005):
            s = key.fileobj
            piece = s.recv(1 << 18)
            if s not in busy or not piece:
                raise RuntimeError("the server closed a connection")
            state = busy[s]
            state[1] += piece
            at = state[1].find(b"\r\n\r\n")
            if at < 0 or len(state[1]) < at + 4 + int(re.search(rb"(?i)content-length: (\d+)", state[1])[1]):
                continue
            answered.append((int(state[1][9:12]), time.perf_counter() - state[0]))
            del busy[s]
            idle.append(s)
    for s in idle:
        s.close()
    return answered, unsent


def overload(server, requests, tiny):
    seconds, connections = (1, 100) if tiny else (8, 6000)
    busy = Busy(server.port, 8)
    busy.run(requests, count=20)
    peak = len(busy.run(requests, seconds=seconds)) / seconds
    busy.close()
    before = server.memory_mib()
    answered, unsent = open_loop(server.port, requests, (2 if tiny else 5) * peak, seconds, connections)
    counts = collections.Counter(status for status, _ in answered)
    if set(counts) - {200, 503}:
        sys.exit(f"answered {dict(counts)}")
    refused = [s for status, s in answered if status == 503]
    after = server.memory_mib()
    open_loop(server.port, requests, (2 if tiny else 5) * peak, seconds, connections)  # Memory is flat if a second one takes no more.
    return {"peak_feeds_a_second": round(peak, 1), "goodput_over_peak": round(counts[200] / seconds / peak, 3), "refused": len(refused), "unsent": unsent,
            "refused_ms_p50": round(1000 * median(refused), 3) if refused else None,
            "memory_mib": {"before": before, "after": after, "after_again": server.memory_mib()}}


def idle(server, requests, tiny):
    many, busy_ones, seconds, rounds = (200, 10, 0.5, 1) if tiny else (10_000, 50, 3, 5)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = min(many, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ratios, figures = [], []

    def p99():
        busy = Busy(server.port, busy_ones)
        times = [s for status, s, _ in busy.run(requests, seconds=seconds) if status == 200]
        busy.close()
        return 1000 * percentile(times, 0.99)

    for _ in range(rounds):
        without = p99()
        connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(many)]
        with_idle = p99()
        for c in connections:
            c.close()
        ratios.append(with_idle / without)
        figures.append((round(without, 2), round(with_idle, 2)))
    return {"idle_connections": many, "p99_ms_without_and_with": figures, "ratio_median": round(median(ratios), 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    gfr = pathlib.Path(args.gfr).resolve()
    os.sched_setaffinity(0, {cores()[1]})
    with tempfile.TemporaryDirectory(prefix="gfr-overload-") as folder:
        project = make_project(gfr, folder, ["simulate", "--users", 300, "--items", 1000, "--days", 8])
        toml = project / "gfr.toml"
        # Idle connections stay, and each feed waits for its record on any disk.
        toml.write_text(toml.read_text().replace("[serve]\n", '[serve]\nidle_timeout = "10m"\nheader_timeout = "10m"\n', 1))
        make_patient(toml)
        requests = [http_request("/v1/feed", json.dumps({"user_id": f"u{100000 + n}", "size": 20, "candidates": [f"i{100000 + (n * 37 + k) % 1000}" for k in range(500)]}))
                    for n in range(100)]
        with Pinned([gfr, "serve", "--project", project, "--listen", "127.0.0.1:0", "--clock", "log"], cores()[0]) as server:
            result = {"processor": processor(), "overload": overload(server, requests, args.tiny), "idle": idle(server, requests, args.tiny)}
        print(json.dumps(result))


if __name__ == "__main__":
    main()
