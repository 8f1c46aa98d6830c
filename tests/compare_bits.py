"""feature_bits of baseline x86-64 and of AVX2 with FMA print the same hash. usage: compare_bits.py BASELINE AVX2"""
import subprocess
import sys

if not all(flag in open("/proc/cpuinfo").read() for flag in ("avx2", "fma")):
    print("SKIPPED: this machine has no AVX2 with FMA")
    sys.exit(0)
hashes = [subprocess.run([program], check=True, capture_output=True, text=True).stdout.strip() for program in sys.argv[1:]]
print(*hashes)
sys.exit(len(hashes) != 2 or len(hashes[0]) < 16 or hashes[0] != hashes[1])
