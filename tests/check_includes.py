"""Holds the sources to the modules that CMakeLists.txt declares, and those to tests/module_graph.txt.

Usage: check_includes.py SOURCE_FOLDER. A module declares every module whose headers it includes itself, and no other;
tests, benchmarks and fuzz targets may include TEST_DEPENDS too. There is no cycle: a module is declared after those it
depends on, and each declared edge is one that the graph allows.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])


def words(declaration, key):
    match = re.search(rf"(?<!\w){key} ([a-z ]+)", declaration)
    return set(match[1].split()) if match else set()


def reach(graph):
    """What each module of a graph reaches, itself included."""
    reached = {}
    for module, direct in graph.items():
        reached[module] = {module}.union(*(reached[d] for d in direct if d in reached))
    return reached


declared, for_tests = {}, {}
for line in (root / "CMakeLists.txt").read_text().splitlines():
    if match := re.match(r"gfr_module\((\w+)(.*)\)", line):
        declared[match[1]] = words(match[2], "DEPENDS")
        for_tests[match[1]] = words(match[2], "TEST_DEPENDS")
allowed_direct = {}
for line in (root / "tests/module_graph.txt").read_text().splitlines():
    if line and not line.startswith("#"):
        module, _, rest = line.partition(":")
        allowed_direct[module] = rest.split()
allowed = reach(allowed_direct)

errors = []
seen = set()
for module, direct in declared.items():
    for d in sorted(direct - seen):
        errors.append(f"CMakeLists.txt: {module} depends on {d}, which is not declared before it")
    if module not in allowed:
        errors.append(f"CMakeLists.txt: module {module} is not in tests/module_graph.txt")
    for d in sorted(direct - allowed.get(module, direct)):
        errors.append(f"CMakeLists.txt: {module} depends on {d}, which tests/module_graph.txt does not allow")
    seen.add(module)

for folder in sorted((root / "src").iterdir()):
    if folder.name not in declared:
        errors.append(f"src/{folder.name} is not declared in CMakeLists.txt")
        continue
    used, used_by_tests = set(), set()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".h", ".cc")):
        is_test = re.search(r"_(test|bench|fuzz)\.cc$", path.name) or path.name.startswith("test_")
        for number, line in enumerate(path.read_text().splitlines(), 1):
            where = f"{path.relative_to(root)}:{number}"
            if (match := re.match(r'#include "(\w+)/', line)) and match[1] != folder.name:
                (used_by_tests if is_test else used).add(match[1])
                may = declared[folder.name] | (for_tests[folder.name] if is_test else set())
                if match[1] not in may:
                    errors.append(f"{where}: {folder.name} includes {match[1]} without declaring it")
            if re.match(r"#include <(arrow|parquet)/", line) and folder.name != "table":
                errors.append(f"{where}: Arrow belongs to table alone")
    for d in sorted(declared[folder.name] - used):
        errors.append(f"CMakeLists.txt: {folder.name} declares {d}, which none of its files includes")
    for d in sorted(for_tests[folder.name] - (used_by_tests - used)):
        errors.append(f"CMakeLists.txt: {folder.name} declares {d} for its tests, none of which needs it")

print("\n".join(errors) or f"{len(declared)} modules include what they declare, and no other")
sys.exit(1 if errors else 0)
