// world [--seeds FROM TO] [--rounds N] [--twice] [--disk-lies]: runs the world with each seed. A seed that breaks an
// invariant is printed with what broke, and makes the exit code 1; `world --seeds N N` runs it again, step for step.
// --twice runs each seed two times and demands equal traces. --disk-lies plants a fault that must be found.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "runtime/logger.h"
#include "world/memory_log_world.h"
#include "world/world.h"

namespace {

bool Print(const gfr::WorldReport& report, std::uint64_t seed) {
  std::printf("seed %" PRIu64 ": trace %016" PRIx64 ", %" PRIu64 " steps, %" PRIu64 " acknowledged, %" PRIu64
              " records, %" PRIu64 " feeds (%" PRIu64 " unlogged, %" PRIu64 " compared), %" PRIu64
              " arms, %s, %d versions, %d kills, %d power cuts, %d failed writes\n",
              seed, report.trace_hash, report.steps, report.acknowledged, report.records, report.feeds, report.unlogged,
              report.compared, report.assigned, report.erased ? "erased" : "nobody erased", report.versions,
              report.kills, report.power_cuts, report.failed_writes);
  for (const std::string& what : report.broken) std::printf("  BROKEN: %s\n", what.c_str());
  if (!report.broken.empty())
    std::printf("FAILED: run it again with: world --seeds %" PRIu64 " %" PRIu64 "\n", seed, seed);
  std::fflush(stdout);
  return report.broken.empty();
}

// The log in memory, with the same seed.
bool RunMemoryLog(std::uint64_t seed, bool twice) {
  const gfr::MemoryLogReport report = gfr::RunMemoryLogWorld(seed);
  std::printf("seed %" PRIu64 ", log in memory: trace %016" PRIx64 ", %" PRIu64 " acknowledged, %" PRIu64
              " failed appends, %" PRIu64 " records followed\n",
              seed, report.trace_hash, report.acknowledged, report.failed, report.followed);
  for (const std::string& what : report.broken) std::printf("  BROKEN: %s\n", what.c_str());
  bool good = report.broken.empty() && report.acknowledged > 0;
  if (twice) good &= gfr::RunMemoryLogWorld(seed).trace_hash == report.trace_hash;
  if (!good) std::printf("FAILED: the log in memory, seed %" PRIu64 "\n", seed);
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  gfr::ConfigureLog(gfr::LogFormat::kText, gfr::LogLevel::kError);  // Killed servers have much to warn of.
  std::uint64_t from = 1, to = 50;
  gfr::WorldOptions options;
  bool twice = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--seeds" && i + 2 < argc) {
      from = std::strtoull(argv[++i], nullptr, 10);
      to = std::strtoull(argv[++i], nullptr, 10);
    } else if (flag == "--rounds" && i + 1 < argc) {
      options.rounds = std::atoi(argv[++i]);
    } else if (flag == "--twice") {
      twice = true;
    } else if (flag == "--disk-lies") {
      options.disk_lies = true;
    } else {
      std::fprintf(stderr, "usage: world [--seeds FROM TO] [--rounds N] [--twice] [--disk-lies]\n");
      return 2;
    }
  }
  bool good = true;
  std::uint64_t acknowledged = 0, compared = 0;
  for (std::uint64_t seed = from; seed <= to; ++seed) {
    options.seed = seed;
    const gfr::WorldReport report = RunWorld(options);
    good &= Print(report, seed);
    good &= RunMemoryLog(seed, twice);
    acknowledged += report.acknowledged;
    compared += report.compared;
    if (!twice) continue;
    const gfr::WorldReport again = RunWorld(options);
    if (again.trace_hash == report.trace_hash && again.steps == report.steps) continue;
    std::printf("FAILED: seed %" PRIu64 " ran differently the second time: trace %016" PRIx64 ", %" PRIu64 " steps\n",
                seed, again.trace_hash, again.steps);
    good = false;
  }
  if (acknowledged == 0 || compared == 0) {
    std::printf("FAILED: no event was acknowledged or no feed compared; the world shows nothing\n");
    good = false;
  }
  return good ? 0 : 1;
}
