#!/usr/bin/env python3
"""Feeds a second and processor time a feed, HTTP included, on one core: 1,000 named candidates, 100 features, two forests of 500 trees of
depth 6; beside it the stack a Python team would write (support/python_feed_server.py: FastAPI, Redis, XGBoost) on the same core with the same
forests. Server and generator have a core each; rounds of both are interleaved; what counts is the ratio of the processor time a feed.

--against GFR: another build too, in the same rounds.   --no-peer: without the Python stack.
--tiny (in CTest): a small market and forests, one short round: that it runs.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from feed_latency import more_features  # noqa: E402
from gfr_process import make_patient  # noqa: E402
from support.served import Busy, Pinned, cores, cpu_seconds, http_request, median, percentile, processor, runner  # noqa: E402

PEERS = pathlib.Path(__file__).resolve().parent.parent / "build/peers-venv/bin/python"


def has_peer():
    return PEERS.exists() and subprocess.run([PEERS, "-c", "import fastapi, uvicorn, redis, orjson, xgboost"], capture_output=True).returncode == 0


def stages(text):
    """Seconds and feeds of each stage, from /metrics."""
    sums = dict(re.findall(r'gfr_rank_stage_duration_seconds_sum\{stage="(\w+)"\} (\S+)', text))
    counts = dict(re.findall(r'gfr_rank_stage_duration_seconds_count\{stage="(\w+)"\} (\S+)', text))
    return {stage: (float(sums[stage]), int(counts[stage])) for stage in sums}


def metrics_of(port):
    busy = Busy(port, 1)
    body = busy.run([b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"], count=1)[0][2].decode()
    busy.close()
    return body


class System:
    """One server under test: rounds add to its figures."""

    def __init__(self, name, server, extra_pids=()):
        self.name, self.server, self.extra, self.rounds, self.times = name, server, list(extra_pids), [], []
        self.stages = {}

    def cpu(self):
        return self.server.cpu() + sum(cpu_seconds(pid) for pid in self.extra)

    def round(self, requests, seconds, connections, has_stages):
        before = stages(metrics_of(self.server.port)) if has_stages else {}
        busy = Busy(self.server.port, connections)
        cpu, start = self.cpu(), time.perf_counter()
        answers = busy.run(requests, seconds=seconds)
        took, cpu = time.perf_counter() - start, self.cpu() - cpu
        busy.close()
        bad = [a for a in answers if a[0] != 200 or len(json.loads(a[2])["items"]) != 20]
        if bad:
            sys.exit(f"{self.name}: {bad[0][0]} {bad[0][2][:300]}")
        self.rounds.append({"feeds_a_second": len(answers) / took, "cpu_ms_a_feed": 1000 * cpu / len(answers)})
        self.times += [1000 * a[1] for a in answers]
        if has_stages:
            after = stages(metrics_of(self.server.port))
            for stage, (total, count) in after.items():
                was = before.get(stage, (0, 0))
                if count > was[1]:
                    self.stages.setdefault(stage, []).append(1000 * (total - was[0]) / (count - was[1]))

    def result(self):
        figures = {key: round(median([r[key] for r in self.rounds]), 3) for key in self.rounds[0]}
        figures |= {f"p{q}_ms": round(percentile(self.times, q / 100), 3) for q in (50, 99)}
        if self.stages:
            figures["stage_ms"] = {stage: round(median(values), 3) for stage, values in self.stages.items()}
        return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--against")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=2)
    parser.add_argument("--keep", help="a folder in which project and models are kept, and found again")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    users, items, trees, candidates = (1500, 1200, 500, 1000) if not args.tiny else (500, 250, 30, 200)
    rounds, seconds = (1, 0.5) if args.tiny else (args.rounds, args.seconds)
    gfr = pathlib.Path(args.gfr).resolve()
    os.sched_setaffinity(0, {cores()[1]})

    run = runner(gfr)

    with tempfile.TemporaryDirectory(prefix="gfr-serve-") as temporary:
        folder = pathlib.Path(args.keep or temporary)
        project = folder / "shop"
        if not (project / "gfr.toml").exists():
            run("init", project, "--template", "shop")
            config = (project / "gfr.toml").read_text()
            for key, value in {"eta": 0.1 if args.tiny else 0.01, "max_rounds": trees, "early_stopping": 10000, "folds": 0, "depth": 6}.items():
                config = re.sub(rf"^{key} = .*$", f"{key} = {value}", config, flags=re.M)
            (project / "gfr.toml").write_text(config + more_features())
            make_patient(project / "gfr.toml")
            run("simulate", "--project", project, "--users", users, "--items", items, "--days", 42)
            run("train", "--project", project)
        columns = len(json.loads(run("features", "list", "--project", project, "--json"))["features"])
        ids, people = [f"i{100000 + i}" for i in range(items)], [f"u{100000 + u}" for u in range(users)]
        requests = [http_request("/v1/feed", json.dumps({"user_id": people[n % users], "session_id": f"s{n}", "surface": "home", "size": 20,
                                                         "candidates": [ids[(n * 37 + k) % items] for k in range(candidates)]})) for n in range(200)]
        forests = sorted(project.glob("data/models/**/*.ubj"))[:2]
        core = cores()[0]
        serve = lambda program: Pinned([program, "serve", "--project", project, "--listen", "127.0.0.1:0", "--clock", "log"], core)  # noqa: E731
        systems, started = [], []
        result = {"processor": processor(), "candidates": candidates, "features": columns, "forests": len(forests), "rounds": rounds}
        try:
            peer = not args.no_peer and has_peer()
            if not peer:
                result["python_stack"] = "SKIPPED: fastapi, uvicorn, redis, orjson and xgboost are not in build/peers-venv"
            if peer:
                address = folder / "redis.sock"
                redis = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", address, "--save", "", "--appendonly", "no"],
                                         stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
                started.append(redis)
                for _ in range(200):
                    if address.exists():
                        break
                    time.sleep(0.05)
                fill = ("import sys, redis, numpy as np; s = redis.Redis(unix_socket_path=sys.argv[1]); r = np.random.default_rng(1)\n"
                        "for i in range(int(sys.argv[2])): s.set(f'i{100000 + i}', r.normal(size=int(sys.argv[3])).astype(np.float32).tobytes())")
                subprocess.run([PEERS, "-c", fill, address, str(items), str(columns)], check=True)
                stack = Pinned([PEERS, pathlib.Path(__file__).parent / "support/python_feed_server.py", 0, address, columns, *forests], core,
                               env=os.environ | {"OMP_NUM_THREADS": "1"})
                started.append(stack)
                systems.append(System("python stack", stack, [redis.pid]))
            for n in range(rounds):
                # One gfr at a time has the project's log.
                for name, program in [("gfr", gfr), *([("against", pathlib.Path(args.against).resolve())] if args.against else [])]:
                    with serve(program) as server:
                        warm = Busy(server.port, 1)
                        warm.run(requests, count=10)
                        warm.close()
                        system = next((s for s in systems if s.name == name), None)
                        if system is None:
                            systems.append(system := System(name, server))
                        system.server = server
                        system.round(requests, seconds, args.connections, has_stages=True)
                for system in systems:
                    if system.name == "python stack":
                        system.round(requests, seconds, args.connections, has_stages=False)
        finally:
            for process in started[::-1]:
                if isinstance(process, Pinned):
                    process.__exit__()
                else:
                    process.terminate()
                    process.wait()
        for system in systems:
            result[system.name.replace(" ", "_")] = system.result()
        of = {s.name: [r["cpu_ms_a_feed"] for r in s.rounds] for s in systems}
        for other in ("python stack", "against"):
            if other in of:
                ratios = [b / a for a, b in zip(of["gfr"], of[other])]
                result[f"cpu_of_{other.replace(' ', '_')}_over_gfr"] = {"median": round(median(ratios), 3), "all": [round(r, 3) for r in ratios]}
        print(json.dumps(result))


if __name__ == "__main__":
    main()
