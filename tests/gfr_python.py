"""The Python environments of the tests of the gfr package: what it needs beside pyarrow is in build/peers-venv."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from gfr_process import GFR, SOURCE

PEERS = SOURCE / "build/peers-venv/bin/python"
SITE = [p for venv in ("peers-venv", "venv") for p in (SOURCE / "build" / venv / "lib").glob("python3*/site-packages")]


NPM = SOURCE / "build/npm-peers/node_modules"


def run_node(script, *arguments):
    """What a CommonJS script with the packages of tests/npm prints, or a SkipTest."""
    if not shutil.which("node") or not NPM.is_dir():
        raise unittest.SkipTest("SKIPPED: no node, or no build/npm-peers (tools/setup --npm-peers, as `make test-all` does)")
    done = subprocess.run(["node", "-", *map(str, arguments)], input=script, capture_output=True, text=True, timeout=600, env={**os.environ, "NODE_PATH": str(NPM)})
    assert done.returncode == 0, done.stderr
    return done.stdout


CLIENTS = SOURCE / "build/clients-venv/bin/python"


def run_client(script, *arguments, given):
    """What a client of tests/ in build/clients-venv prints, as JSON, of `given` on its input; or a SkipTest."""
    if not CLIENTS.exists():
        raise unittest.SkipTest("SKIPPED: no build/clients-venv (tools/setup --clients, as `make test-all` does)")
    done = subprocess.run([CLIENTS, SOURCE / "tests" / script, *map(str, arguments)], input=json.dumps(given), capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def has_peer(package):
    return PEERS.exists() and any((site / package).exists() for site in SITE)


def environment(**more):
    """Of a Python program that uses the package and the peers."""
    path = os.pathsep.join(map(str, [SOURCE / "python", *reversed(SITE)]))
    return {**os.environ, "PYTHONPATH": path, "GFR": str(GFR), "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **more}


sys.path.insert(0, str(SOURCE / "python"))
