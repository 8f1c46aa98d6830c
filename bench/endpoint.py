#!/usr/bin/env python3
"""Predictions of one XGBoost file by HTTP: `gfr serve --model` beside a FastAPI server (support/python_model_server.py) and, where it is
installed in build/peers-venv (mlserver, mlserver-xgboost), MLServer. 500 trees of depth 6, 100 features; batches of 1, 32 and 1,000 rows;
the Open Inference Protocol and SageMaker's /invocations by JSON and CSV.

Server and generator have a core each; rounds of all servers are interleaved. Said by protocol and batch: processor time a request, requests a
second, p50 and p99, and the median over the rounds of the best peer's processor time over gfr's. All servers' predictions are compared first.

--tiny (in CTest): 20 trees, one short round: that it runs.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.served import Busy, Pinned, cores, free_port, http_request, median, percentile, processor, wait_for_port  # noqa: E402

PEERS = pathlib.Path(__file__).resolve().parent.parent / "build/peers-venv/bin/python"
MAKE = """
import sys, json, numpy as np, xgboost
trees, columns = int(sys.argv[2]), int(sys.argv[3])
r = np.random.default_rng(1)
x = r.normal(size=(20000, columns)).astype(np.float32)
y = (x[:, 0] + x[:, 1] * x[:, 2] + r.normal(size=len(x)) > 0).astype(np.float32)
params = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.05, "tree_method": "hist", "nthread": 1}
xgboost.train(params, xgboost.DMatrix(x, y), trees).save_model(sys.argv[1])
# Each number in the shortest text that reads back to the same float32.
json.dump([[float(str(v)) for v in row] for row in r.normal(size=(1000, columns)).astype(np.float32)], open(sys.argv[1] + ".rows", "w"))
"""


def installed(*packages):
    return PEERS.exists() and subprocess.run([PEERS, "-c", "import " + ", ".join(packages)], capture_output=True).returncode == 0


def bodies(rows, batches):
    """{(protocol, batch): request}; the predictions of each are read by `scores_of`."""
    made = {}
    for batch in batches:
        some = rows[:batch]
        flat = [value for row in some for value in row]
        tensor = {"inputs": [{"name": "input", "shape": [batch, len(rows[0])], "datatype": "FP32", "data": flat}]}
        made["infer", batch] = http_request("/v2/models/model/infer", json.dumps(tensor))
        made["invocations_json", batch] = http_request("/invocations", json.dumps({"instances": some}))
        made["invocations_csv", batch] = http_request("/invocations", "\n".join(",".join(map(repr, row)) for row in some) + "\n", "text/csv")
    return made


def scores_of(protocol, body):
    if protocol == "infer":
        return json.loads(body)["outputs"][0]["data"]
    return json.loads(body)["predictions"] if protocol == "invocations_json" else [float(v) for v in body.decode().replace("\n", ",").strip(",").split(",")]


def start_mlserver(folder, model, core):
    """MLServer in one process, on ports of its own, with the model named `model`."""
    settings = pathlib.Path(folder) / "mlserver"
    settings.mkdir()
    ports = [free_port() for _ in range(3)]
    (settings / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "http_port": ports[0], "grpc_port": ports[1], "metrics_port": ports[2],
                                                         "parallel_workers": 0, "debug": False}))
    (settings / "model-settings.json").write_text(json.dumps({"name": "model", "implementation": "mlserver_xgboost.XGBoostModel",
                                                               "parameters": {"uri": str(model)}}))
    process = subprocess.Popen([PEERS.parent / "mlserver", "start", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=os.environ | {"OMP_NUM_THREADS": "1"}, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if wait_for_port(ports[0]):
        return process, ports[0]
    process.kill()
    sys.exit("mlserver did not start")


class Started:
    """A process that Pinned did not start, by Pinned's measures."""
    cpu, memory_mib, __exit__ = Pinned.cpu, Pinned.memory_mib, lambda self, *_: (self.process.terminate(), self.process.wait())

    def __init__(self, process, port):
        self.process, self.port = process, port


def measure(server, request, seconds):
    busy = Busy(server.port, 2)
    cpu, start = server.cpu(), time.perf_counter()
    answers = busy.run([request], seconds=seconds)
    cpu, took = server.cpu() - cpu, time.perf_counter() - start
    busy.close()
    if any(status != 200 for status, _, _ in answers):
        sys.exit(f"answered {answers[0][0]}: {answers[0][2][:200]}")
    return {"cpu_us": 1e6 * cpu / len(answers), "a_second": len(answers) / took, "times": [1000 * s for _, s, _ in answers]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    if not installed("fastapi", "uvicorn", "orjson", "xgboost"):
        print("SKIPPED: fastapi, uvicorn, orjson and xgboost are not in build/peers-venv")
        return
    trees, columns, rounds, seconds, batches = (20, 10, 1, 0.2, (1, 32)) if args.tiny else (500, 100, args.rounds, args.seconds, (1, 32, 1000))
    core = cores()[0]
    os.sched_setaffinity(0, {cores()[1]})
    with tempfile.TemporaryDirectory(prefix="gfr-endpoint-") as folder:
        model = pathlib.Path(folder) / "model.json"
        subprocess.run([PEERS, "-c", MAKE, model, str(trees), str(columns)], check=True)
        requests = bodies(json.loads(pathlib.Path(str(model) + ".rows").read_text()), batches)
        result = {"processor": processor(), "trees": trees, "features": columns, "rounds": rounds}
        servers = {"gfr": Pinned([args.gfr, "serve", "--model", model, "--listen", "127.0.0.1:0"], core)}
        try:
            servers["fastapi"] = Pinned([PEERS, pathlib.Path(__file__).parent / "support/python_model_server.py", 0, model], core,
                                        env=os.environ | {"OMP_NUM_THREADS": "1"})
            if not args.tiny and installed("mlserver", "mlserver_xgboost"):
                servers["mlserver"] = Started(*start_mlserver(folder, model, core))
            elif not args.tiny:
                result["mlserver"] = "SKIPPED: mlserver and mlserver-xgboost are not in build/peers-venv"
            speaks = lambda name, protocol: name != "mlserver" or protocol == "infer"  # noqa: E731
            for (protocol, batch), request in requests.items():
                scores = {}
                for name, server in servers.items():
                    if speaks(name, protocol):
                        busy = Busy(server.port, 1)
                        scores[name] = scores_of(protocol, busy.run([request], count=1)[0][2])
                        busy.close()
                for name, values in scores.items():
                    worst = max(abs(a - b) for a, b in zip(values, scores["gfr"], strict=True))
                    if worst > 1e-6 or len(values) != batch:
                        sys.exit(f"{name} differs by {worst} from gfr: {protocol}, {batch} rows")
                figures = {name: [] for name in scores}
                for _ in range(rounds):
                    for name in scores:
                        figures[name].append(measure(servers[name], request, seconds))
                line = {}
                for name, measured in figures.items():
                    times = [t for m in measured for t in m["times"]]
                    line[name] = {"cpu_us": round(median([m["cpu_us"] for m in measured]), 1), "a_second": round(median([m["a_second"] for m in measured])),
                                  "p50_ms": round(percentile(times, 0.5), 3), "p99_ms": round(percentile(times, 0.99), 3)}
                ratios = [min(figures[n][k]["cpu_us"] for n in figures if n != "gfr") / max(figures["gfr"][k]["cpu_us"], 1e-9) for k in range(rounds)]
                line["best_peer_over_gfr"] = {"median": round(median(ratios), 2), "all": [round(r, 2) for r in ratios]}
                result[f"{protocol}, {batch} rows"] = line
        finally:
            for server in servers.values():
                server.__exit__()
        print(json.dumps(result))


if __name__ == "__main__":
    main()
