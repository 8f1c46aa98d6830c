"""Holds the sources to two rules: everything that waits goes through base, and libraries report through the logger.

Usage: check_waits.py SOURCE_FOLDER. Outside src/base no source names a mutex, a thread, a condition variable, a future
or a chrono clock of the standard library, and none sleeps: the simulated world (docs/design/simulated-time.md) must see
every wait. In src/ nothing prints on stderr but base's progress bar and the logger. Tests and benchmarks may have real
threads: they are not simulated. EDGES are the exceptions; one that is not needed any more is an error.
"""
import pathlib
import re
import sys

# At the edge of a third-party library, or without a wait.
EDGES = {
    "src/runtime/logger.cc": "spdlog's sinks are templates over a mutex",
}

WAITS = re.compile(
    r"\bstd::(mutex|recursive_mutex|timed_mutex|shared_mutex|shared_timed_mutex|lock_guard|unique_lock|scoped_lock|shared_lock"
    r"|condition_variable(_any)?|j?thread|this_thread|call_once|once_flag|future|promise|async|packaged_task|latch|barrier"
    r"|counting_semaphore|binary_semaphore)\b|\bchrono::\w+_clock\b|\b(nano|u)?sleep\("
    r"|\bclock_gettime\(|\bgettimeofday\(|\bpthread_(mutex|cond|create)"
)
PRINTS = re.compile(r"\bfprintf\(stderr|\bstd::cerr\b|\bperror\(")


def findings(root, waits=WAITS, prints=PRINTS):
    """(file, line number, rule, text) of each line against a rule."""
    for top in ("src", "apps"):
        for path in sorted((root / top).rglob("*")):
            name = str(path.relative_to(root))
            is_test = re.search(r"_(test|bench|fuzz)\.cc$", name) or path.name.startswith("test_")
            if path.suffix not in (".h", ".cc") or is_test or name.startswith("src/base/"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                code = line.split("//")[0]
                if waits.search(code):
                    yield name, number, "waits past base (use base/sync.h and base/clock.h)", line.strip()
                if top == "src" and prints.search(code):
                    yield name, number, "prints on stderr (use runtime/logger.h)", line.strip()


def main(root):
    errors, needed = [], set()
    for name, number, rule, text in findings(root):
        if name in EDGES:
            needed.add(name)
        else:
            errors.append(f"{name}:{number}: {rule}: {text}")
    errors += [f"tests/check_waits.py: '{e}' needs no exception any more" for e in sorted(set(EDGES) - needed)]
    print("\n".join(errors) or f"every wait goes through base, but for {sorted(needed)}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
