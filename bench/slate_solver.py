"""The slate solver beside HiGHS (PyPI: highspy) on random slates with caps in windows, floors and pins.

    bench/slate_solver.py --instances build/release/slate_instances

Says of 10,000 slates of 60 items on 10 positions and 200 of 1,000 on 20: how often the slate is worth at least 99 % of
the optimum, whether a constraint is broken that can be kept, the solver's own dual gap, and its processor time.
--tiny: 40 and 0; --tenth: a tenth. Without highspy it says so and ends."""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import time

try:
    import highspy
    import numpy as np
except ImportError:
    PEERS = pathlib.Path(__file__).resolve().parent.parent / "build/peers-venv/bin/python"
    if PEERS.exists() and pathlib.Path(sys.executable) != PEERS:
        os.execv(PEERS, [str(PEERS), *sys.argv])
    print("SKIPPED: highspy is not installed (tools/setup --test-peers)")
    sys.exit(0)


def rows_of(d):
    """Rows over columns item * positions + position: (columns, low, high)."""
    n, size = len(d["value"]), min(len(d["examination"]), len(d["value"]))
    rows = [([i * size + p for i in range(n)], 1, 1) for p in range(size)]
    rows += [([i * size + p for p in range(size)], 0, 1) for i in range(n)]
    for cap in d["caps"]:
        before = [int(g) for g in cap["before"]]
        members = collections.defaultdict(list)
        for i, g in enumerate(cap["group"]):
            if g:
                members[int(g)].append(i)
        for end in range(size):
            if cap["window"] < 0:
                if end < size - 1:
                    continue
                begin, reach = 0, len(before)
            else:
                begin, reach = max(0, end - cap["window"] + 1), max(0, cap["window"] - 1 - end)
            shown = collections.Counter(before[len(before) - min(reach, len(before)):])
            for g, items in members.items():
                room = max(0, cap["at_most"] - shown[g])
                if min(len(items), end - begin + 1) > room:
                    rows.append(([i * size + p for i in items for p in range(begin, end + 1)], 0, room))
    for floor in d["floors"]:
        rows.append(([i * size + p for i, c in enumerate(floor["counts"]) if c for p in range(min(size, floor["first"]))],
                     floor["at_least"], highspy.kHighsInf))
    return n, size, rows


def optimum(d, seconds, rel_gap):
    """An upper bound on the best slate's worth, at most `rel_gap` above the optimum where HiGHS ends in time; None: there is none that keeps everything."""
    n, size, rows = rows_of(d)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n * size, len(rows)
    lp.col_cost_ = np.outer(d["value"], d["examination"][:size]).ravel()
    low = np.zeros(n * size)
    for p, item in enumerate(d["fixed"][:size]):
        if item >= 0:
            low[int(item) * size + p] = 1
    lp.col_lower_, lp.col_upper_ = low, np.ones(n * size)
    lp.row_lower_ = np.array([r[1] for r in rows], dtype=float)
    lp.row_upper_ = np.array([r[2] for r in rows], dtype=float)
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.integrality_ = [highspy.HighsVarType.kInteger] * (n * size)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum([len(r[0]) for r in rows])]).astype(np.int32)
    lp.a_matrix_.index_ = np.concatenate([r[0] for r in rows]).astype(np.int32)
    lp.a_matrix_.value_ = np.ones(len(lp.a_matrix_.index_))
    solver = highspy.Highs()
    solver.silent()
    solver.setOptionValue("time_limit", seconds)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("mip_rel_gap", rel_gap)
    solver.passModel(lp)
    solver.run()
    if solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        return None
    return solver.getInfo().mip_dual_bound


def compare(instances, count, items, positions, seconds, rel_gap):
    lines = subprocess.run([instances, str(count), str(items), str(positions), "1"], check=True, capture_output=True, text=True).stdout.splitlines()
    gaps, own, times, impossible, missed, wrong, peer = [], [], [], 0, 0, 0, 0.0
    for line in lines:
        d = json.loads(line)
        times.append(d["us"])
        begin = time.process_time()
        best = optimum(d, seconds, rel_gap)
        peer += time.process_time() - begin
        if best is None:
            impossible += 1
            wrong += not d["relaxed"]
        elif d["relaxed"]:
            missed += 1
        else:
            best = min(best, d["bound"])  # Ours is the lower one where HiGHS does not end in time.
            gaps.append((best - d["worth"]) / best)
            own.append((d["bound"] - d["worth"]) / d["bound"])
    gaps, times = np.array(gaps), np.sort(times)
    within = float(np.mean(np.append(gaps <= 0.01, np.zeros(missed))))
    print(f"{count} slates of {items} -> {positions}: {within:.2%} within 1 % of the optimum (mean gap {gaps.mean():.4%}, greatest {gaps.max():.2%}); "
          f"{missed} gave something up that HiGHS keeps, {impossible} cannot keep everything, {wrong} of them unsaid; "
          f"own dual gap {np.mean(own):.3%} on average; processor time median {times[len(times) // 2]:.0f} us, mean {times.mean():.0f} us; HiGHS {peer / count * 1e6:.0f} us")
    return wrong == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--instances", required=True)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--tenth", action="store_true")
    args = parser.parse_args()
    sound = compare(args.instances, 40 if args.tiny else 1000 if args.tenth else 10000, 60, 10, 20, 1e-5)
    if not args.tiny:
        sound &= compare(args.instances, 20 if args.tenth else 200, 1000, 20, 60, 2e-3)
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
