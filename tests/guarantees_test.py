"""Each test that docs/guarantees.md names exists."""
import os
import pathlib
import re
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(os.environ["GFR_SOURCE_DIR"])
BUILD = os.environ["GFR_BUILD_DIR"]


class Guarantees(unittest.TestCase):
    def test_every_promise_has_a_test_and_every_test_that_is_named_exists(self):
        listed = subprocess.run(["ctest", "--test-dir", BUILD, "-N"], capture_output=True, text=True, check=True).stdout
        known = set(re.findall(r"Test +#\d+: (\S+)", listed))
        rows = [line for line in (SOURCE / "docs/guarantees.md").read_text().splitlines() if line.startswith("| ") and not line.startswith("| fault |")]
        self.assertGreater(len(rows), 20)
        for row in rows:
            cells = [c.strip() for c in row.strip("|").split("|")]
            self.assertEqual(len(cells), 3, row)
            named = re.match(r"`([^`]+)`(?:: `([^`]+)`)?$", cells[2])
            self.assertTrue(named, f"names no test: {row}")
            test, case = named.groups()
            module, rest = test.split("/", 1)
            pattern = re.compile(re.escape(module) + r"/(\w+/)?" + re.escape(rest) + r"(/.+)?")  # One of a contract has its instance before and behind.
            self.assertTrue(any(pattern.fullmatch(k) for k in known), f"there is no test {test}: {row}")
            if case:
                source = SOURCE / "tests" / (test.removeprefix("e2e/") + "_test.py")
                self.assertIn(f"def {case}(self)", source.read_text(), row)


if __name__ == "__main__":
    unittest.main()
