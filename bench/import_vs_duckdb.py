#!/usr/bin/env python3
"""The import of a log beside DuckDB's read of the same files: rows of a shop's events, of one day and of a year, as CSV and as Parquet.

    bench/import_vs_duckdb.py --gfr build/release/gfr --rows 20000000 --memory 256MiB

An import does more than a read: it checks each row, makes events of it, sorts them by arrival on disk, drops duplicates, writes the log and exports
it to the lake. The ratio says how far that is from reading alone. Each measure is a process of its own; its peak of memory is the kernel's. DuckDB
reads into a table with as many threads as there are cores, and with one.
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

SOURCE = pathlib.Path(__file__).resolve().parent.parent
PEERS = SOURCE / "build/peers-venv/bin/python"
try:
    import duckdb
except ImportError:
    if not PEERS.exists() or pathlib.Path(sys.executable) == PEERS:
        print("SKIPPED: duckdb is not installed; tools/setup --test-peers installs it")
        sys.exit(0)
    os.execv(PEERS, [str(PEERS), *sys.argv])

COLUMNS = """SELECT strftime(epoch_ms({begin} + (i * {span} // {rows})::BIGINT), '%Y-%m-%d %H:%M:%S UTC') AS event_time,
  CASE WHEN hash(i, 1) % 100 < 70 THEN 'view' WHEN hash(i, 1) % 100 < 88 THEN 'cart' WHEN hash(i, 1) % 100 < 95 THEN 'remove_from_cart'
       ELSE 'purchase' END AS event_type,
  1000000 + hash(i, 2) % 50000 AS product_id, 2053013552326770905 + hash(i, 2) % 300 AS category_id, 'brand' || hash(i, 2) % 90 AS brand,
  round(1 + hash(i, 2) % 50000 / 100, 2) AS price, 500000000 + hash(i // 9, 3) % greatest({rows} // 40, 10) AS user_id,
  lower(printf('%016x', hash(i // 9, 4)))::VARCHAR AS user_session FROM range({rows}) t(i)"""
MAP = """source = "shop"
[columns]
type = "event_type"
time = "event_time"
user_id = "user_id"
session_id = "user_session"
item_id = "product_id"
price = "price"
[types]
view = "item.view"
cart = "cart.add"
remove_from_cart = "cart.remove"
purchase = "purchase"
[properties]
category = "category_id"
brand = "brand"
"""
READ = {"csv": "read_csv('{}', header=true)", "parquet": "read_parquet('{}')"}


def measured(arguments):
    """Wall seconds, seconds of CPU, peak MiB and stdout of a process that must succeed."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([str(a) for a in arguments], stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            sys.exit(f"{arguments}: {err.read()[-2000:]}")
        return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read()


def duckdb_read(path, threads):
    code = f"import duckdb\nc = duckdb.connect(config={{'threads': {threads}}})\nc.execute('SET enable_progress_bar = false')\n" \
           f"c.execute(\"CREATE TEMP TABLE t AS SELECT * FROM {READ[path.suffix[1:]].format(path)}\")\nprint(c.execute('SELECT count(*) FROM t').fetchone()[0])"
    return measured([sys.executable, "-c", code])


def line(name, rows, seconds, cpu, mib):
    print(f"  {name:<34} {rows / seconds:>12,.0f} rows/s {rows / cpu:>12,.0f} rows/s of CPU {mib:>8,.0f} MiB at most", flush=True)
    return {"rows_a_second": round(rows / seconds), "rows_a_cpu_second": round(rows / cpu), "peak_mib": round(mib)}


def measure(a, folder, span_days, kind):
    path = folder / f"events.{kind}"
    select = COLUMNS.format(begin=1_700_000_000_000 // 86_400_000 * 86_400_000, span=span_days * 86_400_000, rows=a.rows)
    duckdb.execute(f"COPY ({select}) TO '{path}' ({'FORMAT parquet, COMPRESSION zstd' if kind == 'parquet' else 'FORMAT csv, HEADER'})")
    print(f"{a.rows:,} rows of {span_days} day{'s' if span_days > 1 else ''}, {kind}, {path.stat().st_size / 2**20:,.0f} MiB")
    (folder / "map.toml").write_text(MAP)
    project = folder / f"p-{span_days}-{kind}"
    subprocess.run([a.gfr, "init", project, "--template", "shop"], check=True, stdout=subprocess.DEVNULL)
    seconds, cpu, mib, out = measured([a.gfr, "import", kind, path, "--map", folder / "map.toml", "--memory", a.memory, "--project", project, "--json"])
    imported = json.loads(out)
    assert imported["rows"] == imported["events"] == a.rows and imported["rejected"] == imported["duplicates"] == 0, imported
    kept = sum(f.stat().st_size for f in (project / "data/log").iterdir())
    figures = {"rows": a.rows, "days": span_days, "format": kind, "import": line(f"gfr import, --memory {a.memory}", a.rows, seconds, cpu, mib), "log_mib": round(kept / 2**20)}
    for threads in sorted({1, os.cpu_count()}):
        seconds_peer, cpu_peer, mib_peer, out = duckdb_read(path, threads)
        assert int(out) == a.rows, out
        figures[f"duckdb_{threads}"] = line(f"DuckDB {duckdb.__version__}, threads: {threads}", a.rows, seconds_peer, cpu_peer, mib_peer)
        print(f"  {'':<34} the import takes {seconds / seconds_peer:.1f} times as long")
    path.unlink()
    subprocess.run(["rm", "-rf", project], check=True)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gfr", default=str(SOURCE / "build/release/gfr"))
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--days", type=int, nargs="+", default=[1, 365])
    parser.add_argument("--formats", nargs="+", default=["csv", "parquet"], choices=["csv", "parquet"])
    parser.add_argument("--memory", default="256MiB", help="of the import's sort")
    parser.add_argument("--folder", help="where the files go; the system's folder for such files otherwise")
    parser.add_argument("--tiny", action="store_true")
    a = parser.parse_args()
    if a.tiny:
        a.rows, a.days, a.memory = 3000, [3], "1MiB"
    assert re.fullmatch(r"\d+(KiB|MiB|GiB)?", a.memory)
    with tempfile.TemporaryDirectory(prefix="gfr-import-", dir=a.folder) as folder:
        print(json.dumps([measure(a, pathlib.Path(folder), days, kind) for days in a.days for kind in a.formats]))


if __name__ == "__main__":
    main()
