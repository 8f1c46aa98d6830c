"""An S3 server (moto) of its own, and a proxy before it that spoils a share of the answers: errors, truncated and slow ones."""
import http.client
import http.server
import random
import socket
import subprocess
import threading
import time
import urllib.request

from gfr_python import PEERS

FAULTS = ("500", "503", "truncated", "slow", "closed")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Moto:
    """A server with the bucket `bucket`; ended by its own process id."""

    def __enter__(self):
        port = free_port()
        self.host, self.endpoint = f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen([PEERS, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/bucket", method="PUT"), timeout=10)
                return self
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def get(self, path):
        # It looks at whether a call is signed, not by whom.
        signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"}
        return urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/bucket/{path}", headers=signed), timeout=60).read()


class Proxy:
    """Gives each call to the server at `host`, and spoils the share `errors` of the answers: before the call (it is not done) or after it (it is)."""

    def __init__(self, host, errors, seed, kinds=FAULTS):
        chance, lock, self.spoilt, self.calls = random.Random(seed), threading.Lock(), {}, 0
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def fault(self):
                with lock:
                    proxy.calls += 1
                    if chance.random() >= errors:
                        return None, False
                    kind = kinds[sum(proxy.spoilt.values()) % len(kinds)]
                    proxy.spoilt[kind] = proxy.spoilt.get(kind, 0) + 1
                    return kind, chance.random() < 0.5

            def answer(self, status, headers, body, length=None):
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def handle_call(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                kind, before = self.fault()
                if kind in ("500", "503") and before:
                    return self.answer(int(kind), [], b"<Error><Code>SlowDown</Code></Error>")
                if kind == "closed" and before:
                    self.close_connection = True
                    return None
                if kind == "slow":
                    time.sleep(1)
                there = http.client.HTTPConnection(host, timeout=60)
                there.request(self.command, self.path, body, dict(self.headers.items()))
                reply = there.getresponse()
                content, headers = reply.read(), reply.getheaders()
                there.close()
                if kind in ("500", "503"):
                    return self.answer(int(kind), [], b"<Error><Code>InternalError</Code></Error>")
                if kind == "closed" or (kind == "truncated" and not content):
                    self.close_connection = True
                    return None
                if kind == "truncated":
                    self.close_connection = True
                    return self.answer(reply.status, headers, content[:len(content) // 2], len(content))
                return self.answer(reply.status, headers, content)

            do_GET = do_PUT = do_DELETE = do_POST = do_HEAD = handle_call

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # Clients leave where an answer was spoilt.
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
