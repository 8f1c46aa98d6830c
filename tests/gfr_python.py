"""The Python environments of the tests of the gfr package: what it needs beside pyarrow is in build/peers-venv."""
import os
import pathlib
import sys

from gfr_process import GFR, SOURCE

PEERS = SOURCE / "build/peers-venv/bin/python"
SITE = [p for venv in ("peers-venv", "venv") for p in (SOURCE / "build" / venv / "lib").glob("python3*/site-packages")]


def has_peer(package):
    return PEERS.exists() and any((site / package).exists() for site in SITE)


def environment(**more):
    """Of a Python program that uses the package and the peers."""
    path = os.pathsep.join(map(str, [SOURCE / "python", *reversed(SITE)]))
    return {**os.environ, "PYTHONPATH": path, "GFR": str(GFR), "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **more}


sys.path.insert(0, str(SOURCE / "python"))
