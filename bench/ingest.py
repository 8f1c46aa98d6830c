#!/usr/bin/env python3
"""Processor time of taking an event: POST /v1/events in batches of 1,000, answered once they are on disk and folded. The shop template (39
columns), the simulator's mix of events. The server has one core and the generator another; each round a fresh project.

--against GFR: another build, in turn with this one: the ratio of both is what counts, absolute times are the machine's.
--tiny (in CTest): few events, one round: that it runs.
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
from support.served import Busy, Pinned, cores, http_request, median, processor  # noqa: E402


def gfr(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"gfr {' '.join(map(str, arguments))}: {done.stderr[-2000:]}")
    return done.stdout


def simulated(program, folder, users, days):
    """Lines of events that a client may send, and the time after the last."""
    gfr(program, "init", folder / "market")
    gfr(program, "simulate", "--project", folder / "market", "--users", users, "--items", 1500, "--days", days, "--seed", 7)
    lines, last = [], ""
    for line in gfr(program, "log", "dump", "--project", folder / "market").splitlines():
        event = json.loads(line)
        last = max(last, event["time"])
        if event["type"] not in ("feed.request", "feed.shadow"):
            lines.append(line)
    return lines, last


def one_round(program, folder, bodies, events, last, batch_connections):
    server_core, _ = cores()
    gfr(program, "init", folder)
    with Pinned([program, "serve", "--project", folder, "--listen", "127.0.0.1:0", "--clock", f"fixed:{last}"], server_core) as server:
        busy = Busy(server.port, batch_connections)
        cpu, start = server.cpu(), time.perf_counter()
        answers = busy.run(bodies, count=len(bodies))
        seconds, cpu = time.perf_counter() - start, server.cpu() - cpu
        busy.close()
        taken = sum(json.loads(body)["accepted"] for status, _, body in answers if status == 202)
        if taken != events:
            sys.exit(f"{program} took {taken} of {events} events: {[a for a in answers if a[0] != 202][:1]}")
    return {"cpu_us_an_event": cpu * 1e6 / events, "events_a_second": events / seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", required=True)
    parser.add_argument("--against")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--users", type=int, default=4000)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    programs = {"gfr": pathlib.Path(args.gfr).resolve()}
    if args.against:
        programs["against"] = pathlib.Path(args.against).resolve()
    rounds, users, days = (1, 150, 7) if args.tiny else (args.rounds, args.users, 28)
    os.sched_setaffinity(0, {cores()[1]})
    with tempfile.TemporaryDirectory(prefix="gfr-ingest-") as folder:
        folder = pathlib.Path(folder)
        lines, last = simulated(programs["gfr"], folder, users, days)
        bodies = [http_request("/v1/events", "\n".join(lines[i:i + args.batch]) + "\n", "application/x-ndjson") for i in range(0, len(lines), args.batch)]
        measured = {name: [] for name in programs}
        for n in range(rounds):
            for name in list(programs) if n % 2 == 0 else list(programs)[::-1]:
                measured[name].append(one_round(programs[name], folder / f"{name}{n}", bodies, len(lines), last, args.connections))
        result = {"processor": processor(), "events": len(lines), "batch": args.batch, "rounds": rounds}
        for name, rows in measured.items():
            result[name] = {key: round(median([row[key] for row in rows]), 3) for key in rows[0]}
        if args.against:
            ratios = [a["cpu_us_an_event"] / b["cpu_us_an_event"] for a, b in zip(measured["gfr"], measured["against"])]
            result["cpu_ratio"] = {"median": round(median(ratios), 3), "all": [round(r, 3) for r in ratios]}
        print(json.dumps(result))


if __name__ == "__main__":
    main()
