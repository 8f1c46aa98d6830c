"""What the end-to-end tests share: running gfr, a server as a child process, and events."""
import http.client
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

GFR = os.environ.get("GFR", str(pathlib.Path(__file__).resolve().parent.parent / "build/release/gfr"))
SOURCE = pathlib.Path(os.environ.get("GFR_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent))


def run(*arguments, expect=0):
    """Runs gfr; gives stdout and stderr. Fails when the exit code is not `expect`."""
    done = subprocess.run([GFR, *map(str, arguments)], capture_output=True, text=True, timeout=1800)
    assert done.returncode == expect, f"gfr {' '.join(map(str, arguments))} gave {done.returncode}, not {expect}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def run_json(*arguments, expect=0):
    """Runs gfr with --json; gives the one object on stdout."""
    return json.loads(run(*arguments, "--json", expect=expect)[0])


class Folder:
    """A temporary folder, removed at its end."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="gfr-e2e-"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def eventually(look, says, seconds=300):
    """Calls `look` until it gives something true, and gives that; fails with what it gave last. A busy machine may take long over anything: what is
    asserted is what comes to be, and never how soon."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {says}; at last: {found!r}")
        time.sleep(0.05)
    return found


def free_port():
    """A port of 127.0.0.1 that nobody has, for who must say one before it is listened at, or again after a server was killed. It lies below those that
    the system gives to connections and to port 0, so that no other program is given it by chance meanwhile."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port := random.SystemRandom().randrange(20_000, 32_000)))
                return port
            except OSError:
                pass


def is_alive(pid):
    """Whether the process runs: one that has ended may be known for as long as nobody has waited for it."""
    try:
        return "\nState:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


# A busy machine's disk may take longer for a sync than a feed waits for its record, its Redis longer than one waits for rows, and its processors longer
# than a request may take.
PATIENCE = 'serve.log_wait = "10m"\nserve.store_wait = "10m"\nserve.handler_timeout = "10m"\n'


class Server:
    """`gfr serve` on a port of 127.0.0.1, by default a free one; ended by its own process id.

    Feeds wait for their records however long a sync takes, unless they are not to be `patient` or gfr.toml says how long.
    `environment` is added to this program's; `limits` are pairs of a resource and how much of it the process may have."""

    def __init__(self, project, *arguments, port=0, patient=True, environment=None, limits=()):
        config = pathlib.Path(project) / "gfr.toml"
        if patient and config.exists() and "log_wait" not in config.read_text():
            make_patient(config)
        if config.exists():
            without_nights(config)
        self.process = subprocess.Popen([GFR, "serve", "--project", str(project), "--listen", f"127.0.0.1:{port}", *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})},
                                        preexec_fn=(lambda: [resource.setrlimit(which, (most, most)) for which, most in limits]) if limits else None)
        line = self.process.stdout.readline()
        if not line.startswith(("listening on http://", "listening on https://")):
            self.process.wait(300)
            raise AssertionError(f"no server: {line} {self.process.stderr.read()}")
        self.host, self.port = "127.0.0.1", int(line.strip().rsplit(":", 1)[1])
        self.project = pathlib.Path(project)

    def admin(self):
        """The header of admin calls: the token that the server made."""
        return {"Authorization": f"Bearer {(self.project / 'data/tokens/admin').read_text().strip()}"}

    def request(self, method, path, body=None, headers=None, timeout=300):
        """Gives the status, the headers and the body's bytes. Admin calls show the token, unless `headers` do."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            admin = self.admin() if path.startswith(("/v1/explain", "/v1/jobs", "/v1/models/", "/v1/reload", "/v1/experiments", "/v1/triggers", "/v1/drift")) and (self.project / "data/tokens/admin").exists() else {}
            connection.request(method, path, body, {**admin, **(headers or {})})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def post(self, path, value, content_type="application/json"):
        """Posts JSON; gives the status and the parsed reply."""
        body = value if isinstance(value, (bytes, str)) else json.dumps(value)
        status, _, reply = self.request("POST", path, body, {"Content-Type": content_type})
        return status, json.loads(reply)

    def get(self, path, **headers):
        status, _, reply = self.request("GET", path, None, headers)
        return status, reply

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.close_pipes()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(300)
        self.close_pipes()
        return code

    def close_pipes(self):
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


class Load:
    """Threads that each call their function with 1, 2, 3 and so on, without a pause, until the end; which fails if one of them did."""

    def __init__(self, *calls):
        self.stopped, self.failures = threading.Event(), []
        self.threads = [threading.Thread(target=self.repeat, args=(call,)) for call in calls]

    def repeat(self, call):
        n = 0
        try:
            while not self.stopped.is_set():
                call(n := n + 1)
        except Exception as failure:
            self.failures.append(failure)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise self.failures[0]


def make_patient(config):
    """Adds PATIENCE to [serve] of a gfr.toml that has one, or as the first lines."""
    text = config.read_text()
    with_table = text.replace("[serve]\n", "[serve]\n" + PATIENCE.replace("serve.", ""), 1)
    config.write_text(with_table if with_table != text else PATIENCE + text)


def without_nights(config):
    """A test that runs at the hour of the template's nightly trigger has no night."""
    text = config.read_text()
    nightly = '[[trigger]]\nname = "nightly"\n'
    if nightly + "enabled" not in text and nightly in text:
        config.write_text(text.replace(nightly, nightly + "enabled = false\n", 1))


def event(id, type="item.view", time="2026-01-01T00:00:00Z", user="u1", items=("i1",), **data):
    return {"specversion": "1.0", "id": str(id), "source": "test", "type": type, "time": time,
            "data": {"user_id": user, "items": [{"item_id": i} for i in items], **data}}


def log_events(project):
    """Records in the log, by the log's own check."""
    return run_json("log", "verify", "--project", project)["records"]
