// world_loop [--seeds FROM TO] [--only good|bad] [--twice] [--verbose]: the loop from drift to a release, and to a
// roll-back, with each seed. A seed that breaks an invariant is printed with what broke, and makes the exit code 1.
// --verbose prints the records of the runs.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "runtime/logger.h"
#include "world/loop_world.h"

namespace {

bool RunOne(std::uint64_t seed, bool bad, bool twice, bool verbose) {
  const gfr::LoopReport report = gfr::RunLoopWorld({.seed = seed, .bad = bad});
  std::printf("seed %" PRIu64 ", %s: trace %016" PRIx64 ", %" PRIu64
              " steps, run of %.0f s, killed at %d boundaries of %d "
              "kills and %d power cuts, %d times failing writes, %" PRIu64 " feeds (%" PRIu64
              " by the candidate, %" PRIu64 " compared)\n",
              seed, bad ? "bad" : "good", report.trace_hash, report.steps, static_cast<double>(report.took_ms) / 1000,
              report.boundaries, report.kills, report.power_cuts, report.failed_writes, report.feeds,
              report.by_candidate, report.compared);
  if (verbose || !report.broken.empty()) std::printf("%s", report.record.c_str());
  for (const std::string& what : report.broken) std::printf("  BROKEN: %s\n", what.c_str());
  bool good = report.broken.empty() && report.boundaries > 0 && report.compared > 0;
  if (twice && gfr::RunLoopWorld({.seed = seed, .bad = bad}).trace_hash != report.trace_hash) {
    std::printf("it ran differently the second time\n");
    good = false;
  }
  if (!good)
    std::printf("FAILED: run it again with: world_loop --seeds %" PRIu64 " %" PRIu64 " --verbose\n", seed, seed);
  std::fflush(stdout);
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t from = 1, to = 2;
  bool twice = false, verbose = false;
  std::string_view only;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--seeds" && i + 2 < argc) {
      from = std::strtoull(argv[++i], nullptr, 10);
      to = std::strtoull(argv[++i], nullptr, 10);
    } else if (flag == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else if (flag == "--twice") {
      twice = true;
    } else if (flag == "--verbose") {
      verbose = true;
    } else {
      std::fprintf(stderr, "usage: world_loop [--seeds FROM TO] [--only good|bad] [--twice] [--verbose]\n");
      return 2;
    }
  }
  // Killed servers have much to warn of.
  gfr::ConfigureLog(gfr::LogFormat::kText, gfr::LogLevel::kError);
  bool good = true;
  for (std::uint64_t seed = from; seed <= to; ++seed) {
    for (const bool bad : {false, true}) {
      if (only.empty() || (only == "bad") == bad) good &= RunOne(seed, bad, twice, verbose);
    }
  }
  return good ? 0 : 1;
}
