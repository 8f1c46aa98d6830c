"""Every #include "module/..." of a module is of itself or of a module it declares (with what those declare); and there is no cycle.

Usage: check_includes.py SOURCE_FOLDER. The declarations are the gfr_module() lines of CMakeLists.txt.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
declared = {}
for line in (root / "CMakeLists.txt").read_text().splitlines():
    if match := re.match(r"gfr_module\((\w+)(.*)\)", line):
        depends = re.search(r"DEPENDS ([a-z ]+)", match[2])
        declared[match[1]] = depends[1].split() if depends else []

errors = []
closure = {}
for module, depends in declared.items():  # Declared from the ground up: an undeclared or later module is a cycle or a mistake.
    closure[module] = {module}
    for d in depends:
        if d not in closure:
            errors.append(f"CMakeLists.txt: {module} depends on {d}, which is not declared before it")
        closure[module] |= closure.get(d, set())

for folder in sorted((root / "src").iterdir()):
    if folder.name not in declared:
        errors.append(f"src/{folder.name} is not declared in CMakeLists.txt")
        continue
    for path in sorted(folder.glob("*.[hc]*")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if match := re.match(r'#include "(\w+)/', line):
                if match[1] not in closure[folder.name]:
                    errors.append(f"{path.relative_to(root)}:{number}: {folder.name} includes {match[1]} without declaring it")
            if re.match(r"#include <(arrow|parquet)/", line) and folder.name != "table":
                errors.append(f"{path.relative_to(root)}:{number}: Arrow belongs to table alone")

print("\n".join(errors) or f"{len(declared)} modules include only what they declare")
sys.exit(1 if errors else 0)
