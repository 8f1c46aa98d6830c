"""Models of every minor version of XGBoost (1.3 to 3.4) and LightGBM (2.3 to 4.7) beside their makers: each version is installed from its
registry, trains forests of each kind (makers_versions.py) and says what they predict; `gfr predict` has the same margins, bit for bit.

With GFR_TEST_ALL alone (`make test-all`): it loads some gigabytes. A version that no Python here can install is named as skipped. The table is
printed, and written where GFR_MAKERS_TABLE says.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import numpy as np

from gfr_process import GFR, SOURCE, Folder

XGBOOST = ["1.3.3", "1.4.2", "1.5.2", "1.6.2", "1.7.6", "2.0.3", "2.1.4", "3.0.5", "3.1.3", "3.2.0", "3.3.0", "3.4.1"]
LIGHTGBM = ["2.3.1", "3.0.0", "3.1.1", "3.2.1", "3.3.5", "4.0.0", "4.1.0", "4.2.0", "4.3.0", "4.4.0", "4.5.0", "4.6.0", "4.7.0"]
PYTHONS = [sys.executable, "python3.12", "python3.13", "python3.8"]  # The first that can install a version trains with it.
BESIDE = ["numpy<2", "scipy", "setuptools<81"]


def interpreters():
    for name in PYTHONS:
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", "import venv"], capture_output=True).returncode == 0:
            yield path


def make(maker, version, folder):
    """The maker's files in `folder`; else why not."""
    why = "no interpreter"
    for python in interpreters():
        place = folder / "venv"
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([python, "-m", "venv", place], check=True, capture_output=True)
        install = subprocess.run([place / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-cache-dir", "--only-binary", ":all:",
                                  f"{maker}=={version}", "--no-deps"], capture_output=True, text=True)
        if install.returncode == 0:
            install = subprocess.run([place / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", *BESIDE],
                                     capture_output=True, text=True)
        if install.returncode == 0:
            made = subprocess.run([place / "bin/python", SOURCE / "tests/makers_versions.py", maker, folder], capture_output=True, text=True)
            shutil.rmtree(place)
            if made.returncode == 0:
                return None
            why = made.stderr.strip().splitlines()[-1]
        else:
            why = install.stderr.strip().splitlines()[-1]
    shutil.rmtree(folder / "venv", ignore_errors=True)
    return why


def predicted(model, rows, kind, *flags):
    done = subprocess.run([GFR, "predict", "--model", model, "--data", rows, "--codes", *flags], capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip()
    return np.array([v for line in done.stdout.split() for v in line.split(",")], dtype="f8").astype(kind)


@unittest.skipUnless(os.environ.get("GFR_TEST_ALL"), "SKIPPED: the versions of the makers are compared by `make test-all` (GFR_TEST_ALL)")
class Versions(unittest.TestCase):
    def compare(self, maker, versions, kind):
        lines, wrong, skipped = [], [], []
        for version in versions:
            with Folder() as folder:
                folder = pathlib.Path(folder)
                if why := make(maker, version, folder):
                    skipped.append(f"{maker} {version}: {why}")
                    continue
                equal, furthest = 0, 0
                models = sorted(p.with_suffix("") for p in folder.glob("*.margins"))
                for model in models:
                    margins = np.fromfile(str(model) + ".margins", kind)
                    ours = predicted(model, folder / "rows.csv", kind, "--margin")
                    if isinstance(ours, str) or ours.tobytes() != margins.tobytes():
                        wrong.append(f"{maker} {version} {model.name}: {ours if isinstance(ours, str) else np.abs(ours - margins).max()}")
                        continue
                    equal += 1
                    links = predicted(model, folder / "rows.csv", kind)
                    predictions = np.fromfile(str(model) + ".predictions", kind)
                    if links.shape == predictions.shape:
                        furthest = max(furthest, np.abs(links - predictions).max())
                    else:
                        wrong.append(f"{maker} {version} {model.name}: {links.shape} predictions where {predictions.shape} are")
                lines.append(f"| {maker} | {version} | {len(models)} | {equal} | {furthest:.1e} |")
        table = "\n".join(["| maker | version | models | equal margins | furthest prediction |", "|---|---|---|---|---|", *lines]) + "\n"
        print("\n" + table + "\n".join(skipped), flush=True)
        if where := os.environ.get("GFR_MAKERS_TABLE"):
            with open(where, "a") as out:
                out.write(table)
        self.assertEqual(wrong, [])
        self.assertGreater(len(lines), len(versions) // 2, skipped)

    def test_xgboost(self):
        self.compare("xgboost", XGBOOST, "f4")

    def test_lightgbm(self):
        self.compare("lightgbm", LIGHTGBM, "f8")


if __name__ == "__main__":
    unittest.main()
