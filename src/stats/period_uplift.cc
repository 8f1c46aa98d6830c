#include "stats/period_uplift.h"

namespace gfr {

void PeriodUplift::Add(std::uint64_t user, std::int64_t period, bool held_out, double value) {
  sums_[held_out ? 1 : 0][period].Add(value);
  users_[user].push_back({period, held_out, value});
}

std::vector<PeriodUplift::Period> PeriodUplift::periods() const {
  std::vector<Period> periods;
  for (const auto& [period, others] : sums_[0]) {
    const auto held = sums_[1].find(period);
    if (held == sums_[1].end()) continue;
    periods.push_back({period, held->second.n, others.n, others.mean() - held->second.mean()});
  }
  return periods;
}

Difference PeriodUplift::Cumulative() const {
  const std::vector<Period> both = periods();
  if (both.empty()) return {};
  Difference all{.n = static_cast<double>(users_.size()), .value = 0};
  for (const Period& p : both) all.value += p.uplift;
  double variance = 0;
  for (const auto& [user, values] : users_) {
    double pull[2] = {};
    for (const Value& v : values) {
      const auto &own = sums_[v.held_out ? 1 : 0], &other = sums_[v.held_out ? 0 : 1];
      if (!other.contains(v.period)) continue;
      const Sums& sums = own.at(v.period);
      pull[v.held_out ? 1 : 0] += (v.value - sums.mean()) / sums.n;
    }
    variance += pull[0] * pull[0] + pull[1] * pull[1];
  }
  all.se = std::sqrt(variance);
  return all;
}

}  // namespace gfr
