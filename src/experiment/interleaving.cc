#include "experiment/interleaving.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <unordered_map>

namespace gfr {

double ExaminationCurve::At(std::size_t position) const {
  return std::pow(1.0 + static_cast<double>(position), -exponent);
}

Interleaving::Interleaving(std::span<const std::uint32_t> first, std::span<const std::uint32_t> second,
                           std::size_t size, std::span<const std::uint32_t> fixed, ExaminationCurve curve) {
  fixed_.assign(fixed.begin(), fixed.begin() + static_cast<std::ptrdiff_t>(std::min(size, fixed.size())));
  fixed_.resize(size, kFree);
  for (std::size_t p = 0; p < size; ++p) {
    if (fixed_[p] == kFree) positions_.push_back(p);
  }
  // What is fixed stands in no ranking; a ranking fills the free positions.
  const auto free_items = [&](std::span<const std::uint32_t> ranking) {
    std::vector<std::uint32_t> items;
    for (const std::uint32_t item : ranking) {
      if (items.size() == positions_.size()) break;
      if (std::ranges::find(fixed_, item) == fixed_.end()) items.push_back(item);
    }
    return items;
  };
  Rank(free_items(first), free_items(second), curve);
  Level level{{0, 0, 1, 0, 0, 0}}, next;
  for (std::size_t d = 0; d < positions_.size() && !(first_.empty() && second_.empty()); ++d) {
    if (level.front().first == first_.size() && level.front().second == second_.size()) break;  // All are shown.
    const bool balanced = Balance(&level);
    Expand(&level, &next);
    levels_.push_back(std::move(level));
    is_credited_.push_back(balanced);
    level = std::move(next);
    next.clear();
  }
}

void Interleaving::Rank(std::span<const std::uint32_t> first, std::span<const std::uint32_t> second,
                        ExaminationCurve curve) {
  std::unordered_map<std::uint32_t, std::size_t> rank_in_first, rank_in_second;
  for (std::size_t r = 0; r < first.size(); ++r) rank_in_first.emplace(first[r], r);
  for (std::size_t r = 0; r < second.size(); ++r) rank_in_second.emplace(second[r], r);
  std::vector<double> weight(positions_.size());
  for (std::size_t r = 0; r < weight.size(); ++r) weight[r] = curve.At(positions_[r]);
  const auto ranked = [&](std::span<const std::uint32_t> own, const auto& other, std::size_t absent, double sign) {
    std::vector<Ranked> out;
    for (std::size_t r = 0; r < own.size(); ++r) {
      const auto at = other.find(own[r]);
      if (at == other.end())
        out.push_back({own[r], absent, 2 * sign * weight[r]});
      else
        out.push_back({own[r], at->second, sign * (weight[r] - weight[at->second])});
    }
    return out;
  };
  first_ = ranked(first, rank_in_second, second.size(), 1);
  second_ = ranked(second, rank_in_first, first.size(), -1);
}

bool Interleaving::IsChoice(const State& s) const {
  return s.first < first_.size() && s.second < second_.size() && First(s) != Second(s);
}

double Interleaving::CreditOf(const State& s, bool takes_first) const {
  return takes_first ? first_[s.first].credit : second_[s.second].credit;
}

// Weights the coins of a level: chance = 1/2 + tilt x (difference of the two credits), within the bounds, with the one
// tilt that makes the mean credit zero. The mean rises with the tilt, and is linear between the points where a coin
// meets its bound, so that the secant of each piece ends at the exact root.
bool Interleaving::Balance(Level* level) const {
  constexpr double kLow = kLeastChance, kHigh = 1 - kLeastChance;
  double largest = 0, forced = 0;
  bool any = false;
  for (State& s : *level) {
    if (!IsChoice(s)) {
      s.chance = s.first < first_.size() ? 1 : 0;
      forced += s.reached * CreditOf(s, s.chance == 1);
      any = any || CreditOf(s, s.chance == 1) != 0;
      continue;
    }
    s.chance = 0.5;
    any = true;
    largest = std::max(largest, std::fabs(CreditOf(s, true) - CreditOf(s, false)));
  }
  if (!any) return false;
  const auto set = [&](double tilt) {  // Gives the mean and its slope.
    double mean = forced, slope = 0;
    for (State& s : *level) {
      if (!IsChoice(s)) continue;
      const double more = CreditOf(s, true) - CreditOf(s, false), wanted = 0.5 + tilt * more;
      s.chance = std::clamp(wanted, kLow, kHigh);
      mean += s.reached * (CreditOf(s, false) + s.chance * more);
      if (wanted > kLow && wanted < kHigh) slope += s.reached * more * more;
    }
    return std::pair(mean, slope);
  };
  const auto balance = [&] {
    if (largest == 0) return std::fabs(set(0).first) < 1e-12;
    double low = -1e9 / largest, high = 1e9 / largest;
    if (set(low).first > 0 || set(high).first < 0) return false;
    double tilt = 0;
    for (int round = 0; round < 200; ++round) {
      const auto [mean, slope] = set(tilt);
      if (std::fabs(mean) < 1e-15) return true;
      (mean > 0 ? high : low) = tilt;
      double next = slope > 0 ? tilt - mean / slope : low;
      if (!(next > low && next < high)) next = low + (high - low) / 2;
      if (next == tilt) break;
      tilt = next;
    }
    return std::fabs(set(tilt).first) < 1e-12;
  };
  if (balance()) return true;
  for (State& s : *level) {
    if (IsChoice(s)) s.chance = 0.5;
  }
  return false;
}

void Interleaving::Expand(Level* level, Level* next) {
  const auto add = [&](std::size_t first, std::size_t second, double reached) {
    // What the other ranking has shown already is passed over.
    while (first < first_.size() && first_[first].rank_of_other < second) ++first;
    while (second < second_.size() && second_[second].rank_of_other < first) ++second;
    for (std::size_t n = 0; n < next->size(); ++n) {
      State& s = (*next)[n];
      if (s.first != first || s.second != second) continue;
      s.reached += reached;
      return n;
    }
    next->push_back({first, second, reached, 0, 0, 0});
    return next->size() - 1;
  };
  for (State& s : *level) {
    const bool common = s.first < first_.size() && s.second < second_.size() && First(s) == Second(s);
    if (s.chance > 0) s.if_first = add(s.first + 1, s.second + (common ? 1 : 0), s.reached * s.chance);
    if (s.chance < 1) s.if_second = add(s.first, s.second + 1, s.reached * (1 - s.chance));
  }
}

InterleavedSlate Interleaving::Draw(Rng& rng) const {
  InterleavedSlate slate;
  std::size_t state = 0, level = 0;
  for (std::size_t p = 0; p < fixed_.size(); ++p) {
    if (fixed_[p] != kFree) {
      slate.items.push_back(fixed_[p]);
      slate.credit.push_back(0);
      continue;
    }
    if (level == levels_.size()) break;
    const State& s = levels_[level][state];
    const bool is_choice = IsChoice(s), takes_first = is_choice ? rng.Chance(s.chance) : s.chance == 1;
    slate.items.push_back(takes_first ? First(s) : Second(s));
    slate.credit.push_back(is_credited_[level] ? CreditOf(s, takes_first) : 0);
    if (is_choice) {
      const double probability = takes_first ? s.chance : 1 - s.chance;
      slate.choices.push_back({p, slate.items.back(), takes_first ? Second(s) : First(s), probability});
      slate.probability *= probability;
    }
    state = takes_first ? s.if_first : s.if_second;
    ++level;
  }
  return slate;
}

bool Interleaving::has_credit() const { return std::ranges::find(is_credited_, true) != is_credited_.end(); }

std::vector<double> Interleaving::MeanCredits() const {
  std::vector<double> means(fixed_.size(), 0.0);
  for (std::size_t d = 0; d < levels_.size(); ++d) {
    if (!is_credited_[d]) continue;
    for (const State& s : levels_[d]) {
      if (s.chance > 0) means[positions_[d]] += s.reached * s.chance * CreditOf(s, true);
      if (s.chance < 1) means[positions_[d]] += s.reached * (1 - s.chance) * CreditOf(s, false);
    }
  }
  return means;
}

double Interleaving::Slates() const {
  std::vector<double> below;  // By state of the level below.
  for (std::size_t d = levels_.size(); d-- > 0;) {
    std::vector<double> slates;
    for (const State& s : levels_[d]) {
      double count = 0;
      if (s.chance > 0) count += d + 1 < levels_.size() ? below[s.if_first] : 1;
      if (s.chance < 1) count += d + 1 < levels_.size() ? below[s.if_second] : 1;
      slates.push_back(count);
    }
    below = std::move(slates);
  }
  return below.empty() ? 1 : below.front();
}

std::vector<InterleavedSlate> Interleaving::All() const {
  struct Partial {
    InterleavedSlate slate;
    std::size_t state = 0, level = 0;
  };
  std::vector<Partial> all(1);
  for (std::size_t p = 0; p < fixed_.size(); ++p) {
    std::vector<Partial> longer;
    for (Partial& partial : all) {
      if (fixed_[p] != kFree) {
        partial.slate.items.push_back(fixed_[p]);
        partial.slate.credit.push_back(0);
        longer.push_back(std::move(partial));
        continue;
      }
      if (partial.level == levels_.size()) {
        longer.push_back(std::move(partial));
        continue;
      }
      const State& s = levels_[partial.level][partial.state];
      for (const bool takes_first : {true, false}) {
        const double chance = takes_first ? s.chance : 1 - s.chance;
        if (chance == 0) continue;
        Partial more = partial;
        more.slate.items.push_back(takes_first ? First(s) : Second(s));
        more.slate.credit.push_back(is_credited_[partial.level] ? CreditOf(s, takes_first) : 0);
        more.slate.probability *= chance;
        more.state = takes_first ? s.if_first : s.if_second;
        ++more.level;
        longer.push_back(std::move(more));
      }
    }
    all = std::move(longer);
  }
  std::vector<InterleavedSlate> slates;
  for (Partial& partial : all) slates.push_back(std::move(partial.slate));
  return slates;
}

}  // namespace gfr
