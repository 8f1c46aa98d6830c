"""A client of a gfr server, by the standard library alone: events, feeds, flags, explanations. clients/README.md has the calls.

    client = Client("http://127.0.0.1:8080", token=os.environ.get("GFR_TOKEN", ""))
    client.events([{"id": "e1", "source": "shop", "type": "item.view", "data": {"user_id": "u1", "items": [{"item_id": "i1"}]}}])
    client.feed({"user_id": "u1", "size": 10})["items"]

A Client keeps one connection and is of one thread at a time.
"""
import datetime
import http.client
import json
import random
import ssl
import time
import urllib.parse
import uuid

AGAIN = {408, 429, 502, 503, 504}


class ClientError(RuntimeError):
    """An answer that is no success: its status (0: none came), and the server's own words."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Client:
    def __init__(self, url, token="", timeout=30.0, retries=5, ca_file=None):
        """`timeout`: seconds of a whole call with its retries. `ca_file`: certificates to trust instead of the system's."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'{url}' is no URL of a server; valid is http://HOST:PORT or https://HOST:PORT")
        self.parts, self.token, self.timeout, self.retries = parts, token, timeout, retries
        self.context = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self.connection = None

    def events(self, events):
        """Sends events, at most some thousands a call; gives accepted, duplicates and rejected.

        Those without specversion, time or id get one."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        whole = [{"specversion": "1.0", "time": now, "id": str(uuid.uuid4()), **event} for event in events]
        # 400 with the list of what was refused is an answer too.
        return self._call("POST", "/v1/events", whole, lambda status, reply: status == 202 or (status == 400 and isinstance(reply, dict) and "rejected" in reply))

    def feed(self, request):
        """A feed; without a request_id it gets one, so that a call that is sent again is logged once."""
        return self._call("POST", "/v1/feed", {"request_id": str(uuid.uuid4()), **request})

    def evaluate(self, flag, unit, context=None):
        """A flag of OFREP: key, value, variant, reason, metadata."""
        return self._call("POST", f"/ofrep/v1/evaluate/flags/{urllib.parse.quote(flag, safe='')}", {"context": {**(context or {}), "targetingKey": unit}})

    def explain(self, request_id):
        """What lay behind a feed; needs the admin token."""
        return self._call("GET", f"/v1/explain/{urllib.parse.quote(request_id, safe='')}")

    def status(self):
        return self._call("GET", "/v1/status")

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _connect(self, timeout):
        if self.connection is None:
            kind, more = (http.client.HTTPSConnection, {"context": self.context}) if self.context else (http.client.HTTPConnection, {})
            self.connection = kind(self.parts.hostname, self.parts.port, timeout=timeout, **more)
        self.connection.timeout = timeout
        if self.connection.sock:
            self.connection.sock.settimeout(timeout)
        return self.connection

    def _send(self, method, path, body, timeout):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        connection = self._connect(timeout)
        connection.request(method, self.parts.path.rstrip("/") + path, body, headers)
        response = connection.getresponse()
        return response.status, response.getheader("Retry-After"), response.read().decode("utf-8", "replace")

    def _call(self, method, path, value=None, is_answer=lambda status, reply: 200 <= status < 300):
        body = None if value is None else json.dumps(value).encode()
        end, attempt = time.monotonic() + self.timeout, 0
        while True:
            later = 0.0
            try:
                status, retry_after, words = self._send(method, path, body, max(0.001, end - time.monotonic()))
                reply = _parsed(words)
                if is_answer(status, reply):
                    return reply
                later = float(retry_after) if (retry_after or "").isdigit() else 0.0
                words = (reply.get("detail") or reply.get("errorDetails") or words) if isinstance(reply, dict) else words
            except ssl.SSLCertVerificationError:
                self.close()
                raise
            except (OSError, http.client.HTTPException) as error:
                status, words = 0, str(error) or type(error).__name__
                self.close()
            # Of two that wait equally long, one would come in the other's way again.
            wait = max(later, 0.1 * 2**attempt * (0.5 + random.random()))
            if (status != 0 and status not in AGAIN) or attempt >= self.retries or time.monotonic() + wait > end:
                raise ClientError(status, f"{method} {path}: {status or 'no answer'}: {words}")
            time.sleep(wait)
            attempt += 1


def _parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def _fnv1a32(text):
    value = 0x811C9DC5
    units = text.encode("utf-16-le", "surrogatepass")  # The characters as JavaScript has them.
    for i in range(0, len(units), 2):
        value = (value ^ (units[i] | units[i + 1] << 8)) * 0x01000193 & 0xFFFFFFFF
    return value


def bucket(salt, unit):
    """The bucket of a unit by a salt, from 0 to below 1 in steps of 1/10000: the same as every gfr server's."""
    return _fnv1a32(str(_fnv1a32(salt + unit))) % 10_000 / 10_000
