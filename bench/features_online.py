#!/usr/bin/env python3
"""Features by Feast's protocol (POST /get-online-features): `gfr serve` beside `feast serve` with its Redis store. 50 features; 1, 100, 250 and
500 entities a request.

Server and generator have a core each. By batch: first each one's capacity (2 connections that never pause), then 100 connections in an open
loop at 20 % of that capacity, and gfr once more at the rate that Feast was asked at. Said: requests a second, processor time a request, p50 and p99.
Feast's features are columns of numbers that were written to its store before; gfr's are the shop's, as they are now.

--tiny (in CTest): gfr alone, few requests: that it runs and that every value is there.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
if "--tiny" not in sys.argv:
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
    import peers  # noqa: E402
    peers.run_in("bench-feast-online-venv", ["feast[redis]==0.67.0"], without_dependencies=False)
from feed_latency import more_features  # noqa: E402
from overload import open_loop  # noqa: E402
from support.served import Busy, Pinned, cores, cpu_seconds, free_port, http_request, median, percentile, processor, runner, wait_for_port  # noqa: E402

FEATURES, ENTITIES = 50, 1000
REPO = """
import datetime, sys
import numpy as np, pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64
from feast.value_type import ValueType
repo, features, entities = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
names = [f"f{k}" for k in range(features)]
now = pd.Timestamp.now(tz="UTC").floor("s")
frame = pd.DataFrame(np.random.default_rng(1).normal(size=(entities, features)), columns=names)
frame.insert(0, "pair", np.arange(entities))
frame["event_timestamp"] = now - pd.Timedelta(hours=1)
frame.to_parquet(f"{repo}/rows.parquet")
store = FeatureStore(repo_path=repo)
pair = Entity(name="pair", join_keys=["pair"], value_type=ValueType.INT64)
source = FileSource(name="rows", path=f"{repo}/rows.parquet", timestamp_field="event_timestamp")
view = FeatureView(name="v", entities=[pair], ttl=datetime.timedelta(days=365), schema=[Field(name=n, dtype=Float64) for n in names], source=source)
store.apply([pair, view])
store.materialize((now - pd.Timedelta(days=2)).to_pydatetime(), now.to_pydatetime())
"""


class Feast:
    """`feast serve` over a Redis of its own, both on one core."""

    def __init__(self, folder, core):
        repo = folder / "repo"
        repo.mkdir()
        self.pin = lambda: os.sched_setaffinity(0, {core})
        redis_port, self.port = free_port(), free_port()
        self.redis = subprocess.Popen(["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", folder], stdout=subprocess.DEVNULL,
                                      preexec_fn=self.pin)
        (repo / "feature_store.yaml").write_text(
            f"project: bench\nregistry: {repo}/registry.db\nprovider: local\nonline_store: {{type: redis, connection_string: 'localhost:{redis_port}'}}\n"
            "offline_store: {type: file}\nentity_key_serialization_version: 3\n")
        subprocess.run([sys.executable, "-c", REPO, repo, str(FEATURES), str(ENTITIES)], check=True, stdout=subprocess.DEVNULL)
        command = [pathlib.Path(sys.executable).parent / "feast", "-c", repo, "serve", "--host", "127.0.0.1", "--port", str(self.port), "--no-access-log"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=self.pin, start_new_session=True)
        if not wait_for_port(self.port):
            self.__exit__()
            sys.exit("feast serve did not start")

    def cpu(self):
        return cpu_seconds(self.process.pid) + cpu_seconds(self.redis.pid)

    def request(self, batch, n):
        return http_request("/get-online-features", json.dumps({"features": [f"v:f{k}" for k in range(FEATURES)],
                                                                "entities": {"pair": [(n * 37 + k) % ENTITIES for k in range(batch)]}}))

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.redis.terminate()
        self.process.wait()
        self.redis.wait()


class Gfr:
    def __init__(self, program, folder, core):
        project = folder / "shop"

        run = runner(program)

        run("init", project, "--template", "shop")
        config = project / "gfr.toml"
        config.write_text(config.read_text() + more_features())
        run("simulate", "--project", project, "--users", 500, "--items", ENTITIES, "--days", 10)
        self.names = [f["name"] for f in json.loads(run("features", "list", "--project", project, "--json"))["features"]][:FEATURES]
        if len(self.names) < FEATURES:
            sys.exit(f"the shop has {len(self.names)} features")
        self.server = Pinned([program, "serve", "--project", project, "--listen", "127.0.0.1:0", "--clock", "log"], core)
        self.port, self.cpu, self.__exit__ = self.server.port, self.server.cpu, self.server.__exit__

    def request(self, batch, n):
        return http_request("/get-online-features", json.dumps({
            "features": [f"v:{name}" for name in self.names],
            "entities": {"user_id": [f"u{100000 + (n + k) % 500}" for k in range(batch)], "item_id": [f"i{100000 + (n * 37 + k) % ENTITIES}" for k in range(batch)]}}))


def check(system, batch):
    busy = Busy(system.port, 1)
    status, _, body = busy.run([system.request(batch, 1)], count=1)[0]
    busy.close()
    reply = json.loads(body)
    columns = [r for r in reply.get("results", []) if len(r["values"]) == batch]
    if status != 200 or len(columns) < FEATURES:
        sys.exit(f"answered {status}: {body[:300]}")


def capacity(system, batch, seconds):
    busy = Busy(system.port, 2)
    requests = [system.request(batch, n) for n in range(50)]
    busy.run(requests, count=5)
    cpu, start = system.cpu(), time.perf_counter()
    answers = busy.run(requests, seconds=seconds)
    cpu, took = system.cpu() - cpu, time.perf_counter() - start
    busy.close()
    return len(answers) / took, {"a_second": round(len(answers) / took, 1), "cpu_ms": round(1000 * cpu / len(answers), 4)}


def loop(system, batch, rate, seconds):
    answers, unsent = open_loop(system.port, [system.request(batch, n) for n in range(50)], rate, seconds, 100)
    if any(status != 200 for status, _ in answers):
        sys.exit("a request of the open loop was refused")
    times = [1000 * s for _, s in answers]
    return {"rate": round(rate, 1), "p50_ms": round(median(times), 3), "p99_ms": round(percentile(times, 0.99), 3), "unsent": unsent}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    core = cores()[0]
    os.sched_setaffinity(0, {cores()[1]})
    with tempfile.TemporaryDirectory(prefix="gfr-features-") as name:
        folder = pathlib.Path(name)
        systems = {"gfr": Gfr(pathlib.Path(args.gfr).resolve(), folder, core)}
        result = {"processor": processor(), "features": FEATURES}
        try:
            if not args.tiny:
                systems["feast"] = Feast(folder, core)
            for batch in (1, 20) if args.tiny else (1, 100, 250, 500):
                seconds, line, most = 0.3 if args.tiny else args.seconds, {}, {}
                for who, system in systems.items():
                    check(system, batch)
                    most[who], line[who] = capacity(system, batch, seconds)
                for who, system in systems.items():
                    line[who]["open_loop"] = loop(system, batch, max(1, 0.2 * most[who]), seconds)
                if "feast" in systems:
                    line["gfr"]["open_loop_at_feasts_rate"] = loop(systems["gfr"], batch, max(1, 0.2 * most["feast"]), seconds)
                    line["cpu_of_feast_over_gfr"] = round(line["feast"]["cpu_ms"] / line["gfr"]["cpu_ms"], 1)
                result[f"{batch} entities"] = line
        finally:
            for system in systems.values():
                system.__exit__()
        print(json.dumps(result))


if __name__ == "__main__":
    main()
