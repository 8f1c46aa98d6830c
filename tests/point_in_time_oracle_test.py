"""Point-in-time features of late, early and timely events against SQL in DuckDB, by a self-join that shares nothing with gfr."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ["GFR_SOURCE_DIR"])
sys.path[:0] = [str(ROOT / "bench/support"), *map(str, (ROOT / "build/peers-venv/lib").glob("python3*/site-packages"))]


class PointInTimeOracle(unittest.TestCase):
    def test_every_value_equals_the_oracles(self):
        try:
            import duckdb
        except ImportError:
            print("SKIPPED: duckdb is not there; `tools/setup --test-peers` installs it")
            self.skipTest("duckdb is not there")
        import oracle
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([os.environ["GFR_POINT_IN_TIME"], "--events", "50000", "--users", "2000", "--late", "0.2", "--dir", folder],
                           check=True, stdout=subprocess.DEVNULL)
            events, values = oracle.load(folder)
            connection = duckdb.connect(config={"threads": 1})
            self.assertEqual(oracle.different(connection, events, values), (0, 600000))
            values["sum_7d"][1234] += 1  # The comparison finds one value that is not right.
            self.assertEqual(oracle.different(connection, events, values), (1, 600000))


if __name__ == "__main__":
    unittest.main()
