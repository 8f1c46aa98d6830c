// Thompson allocation beside an equal split, on users whose purchases come days later, and later in some arms than in
// others.
//
// Users come every hour and are given arms by the allocation in force; once an hour it is computed anew from the users
// whose reward window has passed. Reported are how often the confidence sequences of all arms hold all true means at
// every hour, and the purchases lost against always the best arm, beside those of an equal split.
//
//   bandit_bench [--tiny] [--runs N]
#include "experiment/bandit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/rng.h"
#include "simulate/user_metrics.h"
#include "stats/descriptive.h"

namespace gfr {
namespace {

constexpr int kWindowDays = 7, kUsersAnHour = 12;
constexpr double kFloor = 0.05;

// A purchase comes 3 d after the exposure, on average; 1.5 d in the second arm, 4.5 d in the third.
const std::vector<ArmEffect> kArms{{}, {.conversion = 0.3, .delay = -0.5}, {.conversion = -0.3, .delay = 0.5}};

struct Sums {
  int runs = 0, covered = 0;
  std::vector<int> arm_covered = std::vector<int>(kArms.size());
  double regret = 0, equal_regret = 0, width = 0;
};

struct Enrolled {
  std::size_t arm;
  std::vector<double> allocation;
  double reward;
};

void RunBandit(const UserMetrics& metrics, const std::vector<double>& means, int days, std::uint64_t run, Sums* sums) {
  Rng rng(run);
  SimulatedUser user;
  std::vector<ArmRewards> matured(kArms.size());
  std::vector<ArmValue> values(kArms.size(), ArmValue(0.05));
  std::vector<double> allocation(kArms.size(), 1.0 / static_cast<double>(kArms.size()));
  std::vector<Enrolled> users;
  std::vector<bool> holds(kArms.size(), true);
  const double best = *std::ranges::max_element(means);
  std::size_t next = 0;  // The first user who has not matured.
  for (int hour = 0; hour < (days + kWindowDays) * 24; ++hour) {
    const std::size_t due = static_cast<std::size_t>(std::max(0, hour - kWindowDays * 24)) * kUsersAnHour;
    for (; next < std::min(due, users.size()); ++next) {
      const Enrolled& one = users[next];
      matured[one.arm].Add(one.reward);
      for (std::size_t k = 0; k < kArms.size(); ++k) values[k].Add(k == one.arm, one.allocation[k], one.reward);
    }
    for (std::size_t k = 0; k < kArms.size(); ++k)
      holds[k] = holds[k] && values[k].low() <= means[k] && values[k].high() >= means[k];
    if (hour >= days * 24) continue;
    if (due > 0) allocation = ThompsonAllocation(matured, kFloor).value();
    for (int n = 0; n < kUsersAnHour; ++n) {
      double at = rng.Uniform();
      std::size_t arm = 0;
      while (arm + 1 < kArms.size() && (at -= allocation[arm]) >= 0) ++arm;
      metrics.Fill(run << 32 | users.size(), kArms[arm], &user);
      const UserSums got = UserMetrics::Sum(user, user.exposure_ms, user.exposure_ms + kWindowDays * kDayMs);
      users.push_back({arm, allocation, got.converted() ? 1.0 : 0.0});
      sums->regret += best - means[arm];
      for (const double mean : means) sums->equal_regret += (best - mean) / static_cast<double>(means.size());
    }
  }
  ++sums->runs;
  bool all = true;
  for (std::size_t k = 0; k < kArms.size(); ++k) {
    sums->arm_covered[k] += holds[k];
    all = all && holds[k];
    sums->width += (values[k].high() - values[k].low()) / static_cast<double>(kArms.size());
  }
  sums->covered += all;
}

int RunBench(int runs, int days) {
  const auto metrics = UserMetrics::Make(
      {.seed = 3, .history_days = 0, .days = kWindowDays, .conversion = 0.1, .bought_at_once = 0, .delay_days = 3});
  std::vector<double> means;
  for (const ArmEffect& arm : kArms) means.push_back(metrics.value().Truth(arm, kWindowDays).conversion);
  Sums sums;
  for (int run = 0; run < runs; ++run)
    RunBandit(metrics.value(), means, days, static_cast<std::uint64_t>(run) + 1, &sums);
  fmt::print("{} runs of {} d, {} users each; true means", runs, days, days * 24 * kUsersAnHour);
  for (const double mean : means) fmt::print(" {:.4f}", mean);
  fmt::print("\nall arms' means covered at every hour in {:.1f} % of the runs; by arm", 100.0 * sums.covered / runs);
  for (const int covered : sums.arm_covered) fmt::print(" {:.1f} %", 100.0 * covered / runs);
  fmt::print("; width at the end {:.4f}\n", sums.width / runs);
  fmt::print("purchases lost a run: {:.1f}, by an equal split {:.1f} (ratio {:.2f})\n", sums.regret / runs,
             sums.equal_regret / runs, sums.regret / sums.equal_regret);
  // Of each arm's mean, as far as chance allows for that many runs.
  const int least = *std::ranges::min_element(sums.arm_covered);
  const bool sound = Share(least, runs).interval.high >= 0.95 && sums.regret < sums.equal_regret;
  if (!sound) fmt::print("MISSED: coverage of 95 % of an arm's mean, or regret below an equal split's\n");
  return sound ? 0 : 1;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  int runs = 500, days = 35;
  for (int k = 1; k < argc; ++k) {
    if (!std::strcmp(argv[k], "--tiny")) runs = 10, days = 21;
    if (!std::strcmp(argv[k], "--runs") && k + 1 < argc) runs = std::atoi(argv[++k]);
  }
  return gfr::RunBench(runs, days);
}
