"""The Python extension gfr._rows runs in other people's processes: nothing of Arrow, of a log, of Redis or of a network is in
it, and it loads none of their libraries. usage: extension_symbols.py NM LIBRARY (exit 1 names what is forbidden)"""
import re
import subprocess
import sys

FORBIDDEN = re.compile(r"\b(arrow|parquet)::|\bredis|\bcurl_|\bgfr::(LocalLog|EventLog|EventSource|EventReader|LakeLog|MemoryLog|HttpClient|SegmentWriter|ForestTrainer)\b")
LIBRARIES = re.compile(r"lib(arrow|parquet|hiredis|curl|ssl|xgboost|spdlog)")


def forbidden(nm, library):
    symbols = subprocess.run([nm, "-C", library], check=True, capture_output=True, text=True).stdout
    assert "gfr::RowBuilder" in symbols, "the library has no symbols to look at"
    # What is not defined is looked for at the first call only: a file that is missing from its list of sources.
    missing = sorted({line.split(" U ", 1)[1].strip() for line in symbols.splitlines() if " U gfr::" in line})
    if missing:
        sys.exit(f"{library} lacks " + ", ".join(missing[:5]))
    found = {line.split(" ", 2)[-1].strip() for line in symbols.splitlines() if FORBIDDEN.search(line)}
    needed = subprocess.run(["ldd", library], check=True, capture_output=True, text=True).stdout
    return sorted(found) + [line.strip() for line in needed.splitlines() if LIBRARIES.search(line)]


def main():
    bad = forbidden(sys.argv[1], sys.argv[2])
    for name in bad[:20]:
        print(f"{sys.argv[2]} has {name}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
