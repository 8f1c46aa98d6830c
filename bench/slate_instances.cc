// Slates to solve, and what SolveSlate makes of them, one a line as JSON: for slate_solver.py.
// usage: slate_instances COUNT ITEMS POSITIONS SEED
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/rng.h"
#include "rank/slate_solver.h"

namespace gfr {
namespace {

double Fraction(Rng& rng) { return (static_cast<double>(rng.Below(1u << 30)) + 0.5) / (1u << 30); }

double CpuUs() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

// Values of a click rate's shape; one to three caps (a category, a brand, a seller), two thirds in a window, half with
// something shown before; up to two floors for kinds that are worth half; up to two pins.
PlacementProblem Instance(Rng& rng, std::size_t n, std::size_t size) {
  PlacementProblem problem;
  for (std::size_t p = 0; p < size; ++p) problem.examination.push_back(1 / std::sqrt(1.0 + static_cast<double>(p)));
  for (std::size_t i = 0; i < n; ++i) problem.value.push_back(-0.02 * std::log(Fraction(rng)));
  for (std::uint64_t c = 1 + rng.Below(3); c > 0; --c) {
    SlateCap& cap = problem.caps.emplace_back();
    const std::uint64_t groups = 4 + rng.Below(n / 5);
    std::vector<double> worth;
    for (std::uint64_t g = 0; g <= groups; ++g) worth.push_back(std::exp(2 * Fraction(rng) - 1));
    for (std::size_t i = 0; i < n; ++i) {
      cap.group.push_back(rng.Below(10) == 0 ? 0 : static_cast<std::uint32_t>(1 + rng.Below(groups)));
      problem.value[i] *= worth[cap.group[i]];
    }
    cap.at_most = static_cast<std::uint32_t>(1 + rng.Below(3));
    if (rng.Below(3) > 0) cap.window = cap.at_most + 1 + rng.Below(size);
    if (cap.window == SlateCap::kWhole) cap.at_most += static_cast<std::uint32_t>(size / groups + 1);
    cap.level = cap.window == SlateCap::kWhole ? 2 : 1;
    for (std::uint64_t k = rng.Below(2) * rng.Below(8); k > 0; --k)
      cap.before.push_back(static_cast<std::uint32_t>(rng.Below(groups + 1)));
  }
  for (std::uint64_t f = rng.Below(3); f > 0; --f) {
    SlateFloor& floor = problem.floors.emplace_back();
    for (std::size_t i = 0; i < n; ++i) {
      floor.counts.push_back(rng.Below(8) == 0);
      if (floor.counts[i]) problem.value[i] *= 0.5;
    }
    floor.at_least = static_cast<std::uint32_t>(1 + rng.Below(2));
    floor.first = size / 2 + rng.Below(size / 2 + 1);
  }
  problem.fixed.assign(size, PlacementProblem::kFree);
  for (std::uint64_t k = rng.Below(3); k > 0; --k) {
    const auto item = static_cast<std::uint32_t>(rng.Below(n));
    if (std::ranges::find(problem.fixed, item) == problem.fixed.end()) problem.fixed[rng.Below(size)] = item;
  }
  return problem;
}

template <class List>
void Print(const char* name, const List& list) {
  std::printf("\"%s\":[", name);
  for (std::size_t i = 0; i < list.size(); ++i) std::printf("%s%.17g", i ? "," : "", static_cast<double>(list[i]));
  std::printf("]");
}

void Print(const PlacementProblem& problem, const SlateSolution& s, double us) {
  std::printf("{");
  Print("value", problem.value);
  std::printf(",");
  Print("examination", problem.examination);
  std::printf(",\"caps\":[");
  for (std::size_t c = 0; c < problem.caps.size(); ++c) {
    const SlateCap& cap = problem.caps[c];
    std::printf("%s{", c ? "," : "");
    Print("group", cap.group);
    std::printf(",\"at_most\":%u,\"window\":%lld,", cap.at_most,
                cap.window == SlateCap::kWhole ? -1LL : static_cast<long long>(cap.window));
    Print("before", cap.before);
    std::printf("}");
  }
  std::printf("],\"floors\":[");
  for (std::size_t f = 0; f < problem.floors.size(); ++f) {
    std::printf("%s{", f ? "," : "");
    Print("counts", problem.floors[f].counts);
    std::printf(",\"at_least\":%u,\"first\":%zu}", problem.floors[f].at_least, problem.floors[f].first);
  }
  std::printf("],");
  std::vector<double> fixed;
  for (const std::uint32_t i : problem.fixed) fixed.push_back(i == PlacementProblem::kFree ? -1.0 : i);
  Print("fixed", fixed);
  std::printf(",");
  Print("items", s.items);
  std::printf(",\"worth\":%.17g,\"bound\":%.17g,\"relaxed\":%s,\"us\":%.1f}\n", s.value, s.bound,
              s.relaxed() ? "true" : "false", us);
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  gfr::Rng rng(static_cast<std::uint64_t>(std::atoll(argv[4])));
  for (int k = 0; k < std::atoi(argv[1]); ++k) {
    const gfr::PlacementProblem problem =
        gfr::Instance(rng, static_cast<std::size_t>(std::atoi(argv[2])), static_cast<std::size_t>(std::atoi(argv[3])));
    const double begin_us = gfr::CpuUs();
    const gfr::SlateSolution s = gfr::SolveSlate(problem);
    gfr::Print(problem, s, gfr::CpuUs() - begin_us);
  }
}
