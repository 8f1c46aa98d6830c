"""Clients that are silent, slow, do not read or hold back the last byte, of each kind many: others are served beside them as without.

20 of each kind and short rounds; 600 of each kind for three minutes with GFR_TEST_ALL=1 (`make test-all`), where the others' p99 is at most 1.5
times that of the rounds without hostile clients, which are made in between."""
import http.client
import json
import os
import re
import resource
import socket
import statistics
import threading
import time
import unittest

from gfr_process import Folder, Server, event, run

ALL = bool(os.environ.get("GFR_TEST_ALL"))
CLIENTS, ROUNDS, ROUND_S = (600, 6, 30) if ALL else (20, 2, 1)
HEAD = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
BIG = 16 << 20
FEED = json.dumps({"user_id": "u1", "candidates": [f"i{n}" for n in range(200)], "size": 200}).encode()
FEEDS = b"POST /v1/feed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(FEED), FEED)
# What is sent at once, and what again and again.
KINDS = {"silent": (b"", b""), "half a header": (b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"y"), "a body byte by byte": (HEAD % 5000 + b"[", b" "),
         "does not read": (FEEDS * 2, b""), "holds back the last byte": (HEAD % BIG, None)}


class Hostile:
    """Many clients of one kind, which connect again when they are closed; on a thread of their own."""

    def __init__(self, port, kind):
        self.port, (self.first, self.drip) = port, KINDS[kind]
        self.stopped, self.connected = threading.Event(), 0
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    def connect(self):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", self.port))
        self.connected += 1
        return client, time.monotonic()

    def go(self):
        clients, begun = [self.connect() for _ in range(CLIENTS)], set()
        while not self.stopped.wait(0.2):
            for index, (client, since) in enumerate(clients):
                try:
                    if client not in begun:
                        begun.add(client)
                        client.send(self.first)
                    elif self.drip is None:
                        client.send(b" " * 65536)
                    elif self.drip:
                        client.send(self.drip)
                except BlockingIOError:
                    pass
                except OSError:
                    begun.discard(client)
                    client.close()
                    clients[index] = self.connect()
        for client, _ in clients:
            client.close()

    def stop(self):
        self.stopped.set()
        self.thread.join()


def others(server, seconds):
    """Good clients meanwhile: milliseconds of a feed, of an event and of a probe."""
    times, end, n = [], time.monotonic() + seconds, 0
    connection = http.client.HTTPConnection(server.host, server.port, timeout=300)
    while time.monotonic() < end or n < 10:
        n += 1
        for method, path, body in (("GET", "/livez", None), ("POST", "/v1/feed", FEED), ("POST", "/v1/events", json.dumps([event(f"g{time.monotonic_ns()}")]))):
            began = time.monotonic()
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            times.append((time.monotonic() - began) * 1000)
            assert response.status in (200, 202), (path, response.status)
        time.sleep(0.005)
    connection.close()
    return sorted(times)


class HostileClients(unittest.TestCase):
    def test_others_are_served_beside_them_as_without(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        with Folder() as folder:
            project = folder / "p"
            run("init", project)
            with Server(project, "--clock", "wall") as server:
                others(server, 0.5)
                for kind in KINDS:
                    without, beside = [], []
                    for _ in range(ROUNDS if not ALL else max(1, ROUNDS // 2)):
                        without += others(server, ROUND_S)
                        hostile = Hostile(server.port, kind)
                        try:
                            time.sleep(0.3)
                            beside += others(server, ROUND_S)
                        finally:
                            hostile.stop()
                    p99 = [sorted(times)[int(0.99 * len(times))] for times in (without, beside)]
                    held = re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{server.process.pid}/status").read())
                    print(f"{kind}: {CLIENTS} clients, {hostile.connected} connections, others' p50 {statistics.median(without):.1f} -> {statistics.median(beside):.1f} ms, "
                          f"p99 {p99[0]:.1f} -> {p99[1]:.1f} ms, {int(held[1]) // 1024} MiB")
                    self.assertGreater(len(beside), 20)
                    if ALL:
                        self.assertLess(p99[1], 1.5 * p99[0] + 1, kind)
                self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
