"""What the 12 window features of bench/point_in_time_main.cc are, said in SQL: a self-join of each row with the earlier rows of its user
whose tile of event time is among the window's last n. Slow, and independent of how gfr computes them."""
import numpy as np
import pyarrow as pa

WINDOWS = {"1h": (3_600_000, 12), "1d": (86_400_000, 24), "7d": (7 * 86_400_000, 7), "30d": (30 * 86_400_000, 30)}
NAMES = [f"{kind}_{window}" for window in WINDOWS for kind in ("count", "sum", "max")]
COLUMNS = {"user": "u8", "now_ms": "i8", "time_ms": "i8", "type": "u1", "money": "i8"}
SUFFIX = {"u8": "u64", "i8": "i64", "u1": "u8"}


def load(folder):
    """Input columns and the values of gfr, as numpy arrays."""
    read = lambda name, kind, suffix: np.fromfile(f"{folder}/{name}.{suffix}", dtype="<" + kind)
    events = {name: read(name, kind, SUFFIX[kind]) for name, kind in COLUMNS.items()}
    return events, {name: read(name, "f4", "f32") for name in NAMES}


def sql(chunk="true"):
    values = []
    for window, (ms, n) in WINDOWS.items():
        tile = ms // n
        inside = f"p.time_ms // {tile} > r.now_ms // {tile} - {n} AND p.time_ms // {tile} <= r.now_ms // {tile}"
        values += [f"count(p.row) FILTER ({inside}) AS count_{window}",
                   f"coalesce(sum(p.money) FILTER ({inside}), 0)::BIGINT AS sum_{window}",
                   f"max(p.money) FILTER ({inside})::BIGINT AS max_{window}"]
    return (f"SELECT r.row, {', '.join(values)} FROM (SELECT * FROM e WHERE {chunk}) r LEFT JOIN (SELECT * FROM e WHERE {chunk}) p "
            "ON p.user = r.user AND p.row < r.row GROUP BY r.row ORDER BY r.row")


def different(connection, events, values, chunks=1):
    """How many of the values differ from the oracle's, and how many were compared."""
    table = pa.table({"row": pa.array(np.arange(len(events["user"]))), **{k: pa.array(v) for k, v in events.items()}})
    connection.register("input", table)
    connection.execute("CREATE OR REPLACE TEMP TABLE e AS SELECT * FROM input")
    wrong = compared = 0
    for chunk in range(chunks):
        expected = connection.execute(sql(f"user % {chunks} = {chunk}")).fetchnumpy()
        rows = expected["row"]
        for name in NAMES:
            want = expected[name]
            missing = np.ma.getmaskarray(want)
            want = np.where(missing, np.nan, np.ma.getdata(want).astype(np.float64))
            if not name.startswith("count"):
                want = want / 100.0
            got = values[name][rows]
            wrong += int(np.sum(~((got == want.astype(np.float32)) | (np.isnan(got) & np.isnan(want)))))
            compared += len(rows)
    return wrong, compared
