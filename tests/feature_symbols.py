"""The feature module gives equal bits on every machine: of libm it may use only what IEEE 754 fixes (sqrt, floor and the
like), and nothing of Arrow. usage: feature_symbols.py NM LIBRARY... (all are looked at; exit 1 names what is forbidden)"""
import re
import subprocess
import sys

EXACT = {"sqrt", "floor", "ceil", "trunc", "round", "rint", "nearbyint", "fabs", "fmin", "fmax", "copysign"}
LIBM = {"exp", "exp2", "exp10", "expm1", "log", "log2", "log10", "log1p", "pow", "sin", "cos", "tan", "sincos", "asin", "acos", "atan", "atan2", "sinh",
        "cosh", "tanh", "asinh", "acosh", "atanh", "cbrt", "hypot", "erf", "erfc", "tgamma", "lgamma", "fma"}


def forbidden(nm, library):
    out = subprocess.run([nm, "-uC", library], check=True, capture_output=True, text=True).stdout
    found = set()
    for line in out.splitlines():
        match = re.match(r"\s+[UwV] (.*)", line)
        if not match:
            continue
        name = match.group(1).split("@")[0]
        plain = re.sub(r"^__|_finite$", "", name)
        if plain in LIBM or (plain[-1:] in "fl" and plain[:-1] in LIBM) or re.match(r"(arrow|parquet)::", name):
            found.add(name)
    return found


def main():
    bad = {library: forbidden(sys.argv[1], library) for library in sys.argv[2:]}
    for library, names in bad.items():
        if names:
            print(f"{library} uses {', '.join(sorted(names))}; valid of libm are {', '.join(sorted(EXACT))}, and nothing of Arrow")
    return any(bad.values())


if __name__ == "__main__":
    sys.exit(main())
