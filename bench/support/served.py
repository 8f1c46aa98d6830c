"""A server under load: pinned to one core with the generator on another, its processor time, and a generator that keeps a
number of connections busy with prepared requests."""
import os
import pathlib
import re
import resource
import selectors
import socket
import subprocess
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            flags = next((l for l in open("/proc/cpuinfo") if l.startswith("flags")), "")
            return line.split(":", 1)[1].strip() + (", AVX-512" if "avx512vbmi" in flags else ", AVX2 only" if "avx2" in flags else "")
    return "unknown"


def cores():
    """(the server's, the generator's): two of those that this process may use, or the same one twice."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, seconds=60):
    """Whether something listens there in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.1)
    return False


def cpu_seconds(pid):
    """Of the process and its children: utime + stime."""
    total = 0
    for task in [pid, *children(pid)]:
        try:
            fields = pathlib.Path(f"/proc/{task}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except FileNotFoundError:
            pass
    return total / TICK


def children(pid):
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += [int(child), *children(int(child))]
    return found


def runner(gfr):
    """Runs a command of gfr and gives its stdout; one that fails ends the bench with what it said."""
    def run(*command):
        done = subprocess.run([str(gfr), *map(str, command)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"gfr {' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr[-2000:]}")
        return done.stdout
    return run


def make_project(gfr, folder, *commands):
    """A new project in `folder`, after these gfr commands on it, each a list without --project; gives its path."""
    project, run = pathlib.Path(folder) / "p", runner(gfr)
    run("init", project)
    for command in commands:
        run(*command, "--project", project)
    return project


class Pinned:
    """A child process on one core, ended by its own id. `ready`: a regular expression of the line of stdout that names the port."""

    def __init__(self, command, core, ready=r":(\d+)\s*$", **options):
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        preexec_fn=lambda: os.sched_setaffinity(0, {core}), **options)
        line = self.process.stdout.readline()
        found = re.search(ready, line)
        if not found:
            self.process.kill()
            raise RuntimeError(f"{command[0]} did not start: {line}")
        self.port = int(found[1])

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def memory_mib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1]) >> 10

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def http_request(path, body, content_type="application/json", method="POST"):
    body = body.encode() if isinstance(body, str) else body
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Busy:
    """Connections that send the next request when the last one is answered."""

    def __init__(self, port, connections):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        self.sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
        for s in self.sockets:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self, requests, seconds=None, count=None):
        """Sends `requests` over and over for so long, or so many; gives [(status, seconds, bytes of the body)]."""
        selector, answered, sent = selectors.DefaultSelector(), [], 0
        end = time.perf_counter() + seconds if seconds else float("inf")
        limit = count if count is not None else 1 << 62

        def send(state):
            nonlocal sent
            state["start"], state["bytes"], state["need"] = time.perf_counter(), bytearray(), None
            state["socket"].sendall(requests[sent % len(requests)])
            sent += 1

        open_ones = 0
        for s in self.sockets[: min(len(self.sockets), limit)]:
            state = {"socket": s}
            selector.register(s, selectors.EVENT_READ, state)
            send(state)
            open_ones += 1
        while open_ones:
            for key, _ in selector.select(60):
                state = key.data
                piece = state["socket"].recv(1 << 20)
                if not piece:
                    raise RuntimeError("the server closed a connection")
                state["bytes"] += piece
                if state["need"] is None:
                    at = state["bytes"].find(b"\r\n\r\n")
                    if at < 0:
                        continue
                    length = re.search(rb"(?i)content-length: (\d+)", state["bytes"][:at])
                    state["need"] = at + 4 + int(length[1])
                if len(state["bytes"]) < state["need"]:
                    continue
                answered.append((int(state["bytes"][9:12]), time.perf_counter() - state["start"], bytes(state["bytes"][state["bytes"].find(b"\r\n\r\n") + 4:])))
                if time.perf_counter() < end and sent < limit:
                    send(state)
                else:
                    selector.unregister(state["socket"])
                    open_ones -= 1
        return answered

    def close(self):
        for s in self.sockets:
            s.close()


def percentile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def median(values):
    return percentile(values, 0.5)
