"""The peers of a comparison: pinned wheels in an environment of their own under build/, in which the script runs itself again."""
import os
import pathlib
import subprocess
import sys


def run_in(name, wheels, without_dependencies=True):
    """Goes on in build/NAME with `wheels` installed; exits 0 with a message where they cannot be had."""
    root = pathlib.Path(__file__).resolve().parents[2] / "build" / name
    python, done = root / "bin/python", root / ".wheels"
    if pathlib.Path(sys.prefix).resolve() == root.resolve():
        return
    if not done.exists() or done.read_text().split() != wheels:
        base = getattr(sys, "_base_executable", sys.executable)
        subprocess.run([base, "-m", "venv", "--clear", root], check=True)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
        if subprocess.run(pip + (["--no-deps"] if without_dependencies else []) + wheels).returncode:
            print(f"SKIPPED: {' '.join(wheels)} cannot be installed", file=sys.stderr)
            sys.exit(0)
        done.write_text(" ".join(wheels))
    os.execve(python, [str(python), *sys.argv], {**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONNOUSERSITE": "1"})
