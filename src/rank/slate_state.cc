#include "rank/slate_state.h"

#include <algorithm>
#include <numeric>

namespace gfr {

SlateState::SlateState(const PlacementProblem& problem)
    : problem_(problem), size_(std::min(problem.examination.size(), problem.value.size())) {
  free_behind_.resize(size_);
  for (std::size_t p = 0; p < size_; ++p) (IsFixed(p) ? fixed_ : free_).push_back(p);
  for (std::size_t p = size_, behind = 0; p-- > 0;) {
    free_behind_[p] = behind;
    behind += !IsFixed(p);
  }
  if (!fixed_.empty()) is_fixed_item_.resize(problem.value.size());
  for (const std::size_t p : fixed_) is_fixed_item_[problem.fixed[p]] = true;
  whole_before_.resize(problem.caps.size());
  for (std::size_t c = 0; c < problem.caps.size(); ++c) {
    const SlateCap& cap = problem.caps[c];
    if (cap.window != SlateCap::kWhole || cap.before.empty()) continue;
    std::vector<std::uint32_t> groups = cap.before;
    std::ranges::sort(groups);
    for (const std::uint32_t g : groups) {
      if (!whole_before_[c].empty() && whole_before_[c].back().first == g)
        ++whole_before_[c].back().second;
      else
        whole_before_[c].push_back({g, 1});
    }
  }
  std::vector<std::uint32_t>& path = fixed_path_;
  path.assign(size_, PlacementProblem::kFree);
  for (const std::size_t p : fixed_) {
    const std::uint32_t item = path[p] = problem.fixed[p];
    for (std::size_t c = 0; c < problem.caps.size(); ++c) {
      const std::uint32_t group = problem.caps[c].group[item];
      if (group != 0 && CountAbove(c, path, p, group) >= problem.caps[c].at_most)
        broken_by_fixed_ += Broken::Of(problem.caps[c].level, 1);
    }
  }
  for (const SlateFloor& floor : problem.floors) {
    std::uint32_t count = 0;
    for (const std::size_t p : fixed_) count += p < floor.first && floor.counts[problem.fixed[p]];
    fixed_of_floors_.push_back(count);
  }
  by_end_.resize(problem.floors.size());
  std::iota(by_end_.begin(), by_end_.end(), std::size_t{0});
  std::ranges::sort(by_end_, {}, [&](std::size_t f) { return problem.floors[f].first; });
  for (std::size_t i = 0; i < problem.value.size() && problem.floors.size() > 1 && floors_are_apart_; ++i) {
    int kinds = 0;
    for (const SlateFloor& floor : problem.floors) kinds += floor.counts[i] != 0;
    floors_are_apart_ = kinds < 2;
  }
  broken_by_fixed_ += ShortOfFloors(fixed_of_floors_, 0);
}

std::uint32_t SlateState::CountBefore(std::size_t c, std::size_t reach, std::uint32_t group) const {
  const SlateCap& cap = problem_.caps[c];
  if (cap.before.empty()) return 0;
  if (cap.window == SlateCap::kWhole) {
    const auto at = std::ranges::lower_bound(whole_before_[c], group, {}, [](const auto& g) { return g.first; });
    return at != whole_before_[c].end() && at->first == group ? at->second : 0;
  }
  reach = std::min(reach, cap.before.size());
  return static_cast<std::uint32_t>(
      std::count(cap.before.end() - static_cast<std::ptrdiff_t>(reach), cap.before.end(), group));
}

std::uint32_t SlateState::CountAbove(std::size_t c, std::span<const std::uint32_t> items, std::size_t p,
                                     std::uint32_t group) const {
  const SlateCap& cap = problem_.caps[c];
  const std::size_t above = cap.window - 1;  // Positions of the window above p.
  std::uint32_t count = p < above ? CountBefore(c, above - p, group) : 0;
  for (std::size_t q = p - std::min(p, above); q < p; ++q)
    count += items[q] != PlacementProblem::kFree && cap.group[items[q]] == group;
  return count;
}

Broken SlateState::BrokenBy(std::span<const std::uint32_t> path, std::size_t p, std::uint32_t item) const {
  Broken broken;
  for (std::size_t c = 0; c < problem_.caps.size(); ++c) {
    const SlateCap& cap = problem_.caps[c];
    const std::uint32_t group = cap.group[item];
    if (group == 0) continue;
    const bool full = CountAbove(c, path, p, group) >= cap.at_most;
    if (full) broken += Broken::Of(cap.level, 1);
    for (const std::size_t q : fixed_) {
      if (q <= p || q - p >= cap.window || cap.group[problem_.fixed[q]] != group) continue;
      // The window that ends at q: what is placed up to p, and what is fixed behind it.
      const std::size_t above = cap.window - 1;
      std::uint32_t count = q < above ? CountBefore(c, above - q, group) : 0;
      for (std::size_t at = q - std::min(q, above); at < p; ++at)
        count += path[at] != PlacementProblem::kFree && cap.group[path[at]] == group;
      for (const std::size_t f : fixed_) count += f > p && f < q && cap.group[problem_.fixed[f]] == group;
      if (count + 1 == cap.at_most) broken += Broken::Of(cap.level, 1);  // It is full by this item.
    }
  }
  return broken;
}

bool SlateState::Fits(std::size_t p, std::uint32_t item) const {
  if (!BrokenBy(fixed_path_, p, item).none()) return false;
  if (problem_.floors.empty()) return true;
  std::vector<std::uint32_t> have = fixed_of_floors_;
  for (std::size_t f = 0; f < have.size(); ++f)
    have[f] += p < problem_.floors[f].first && problem_.floors[f].counts[item] != 0;
  return ShortOfFloors(have, 0, p) <= ShortOfFloors(fixed_of_floors_, 0);
}

Broken SlateState::ShortOfFloors(std::span<const std::uint32_t> have, std::size_t p, std::size_t taken) const {
  Broken broken;
  std::uint64_t wanted = 0, missed = 0;
  for (const std::size_t f : by_end_) {
    const SlateFloor& floor = problem_.floors[f];
    if (have[f] >= floor.at_least) continue;
    const std::uint64_t want = floor.at_least - have[f];
    const auto from = std::ranges::lower_bound(free_, p), to = std::ranges::lower_bound(free_, floor.first);
    auto slots = to > from ? static_cast<std::uint64_t>(to - from) : 0;
    slots -= slots > 0 && taken >= p && taken < floor.first;
    // Kinds that no item shares need a position each.
    if (floors_are_apart_) wanted += want;
    const std::uint64_t needed = floors_are_apart_ ? wanted - missed : want;
    if (needed <= slots) continue;
    const std::uint64_t by = std::min(needed - slots, want);
    missed += by;
    broken += Broken::Of(floor.level, by);
  }
  return broken;
}

SlateSolution SlateState::Judge(std::vector<std::uint32_t> items) const {
  SlateSolution s{.items = std::move(items),
                  .cap_excess = std::vector<std::uint32_t>(problem_.caps.size()),
                  .floor_missing = std::vector<std::uint32_t>(problem_.floors.size())};
  for (std::size_t p = 0; p < s.items.size(); ++p) {
    s.value += problem_.examination[p] * problem_.value[s.items[p]];
    for (std::size_t c = 0; c < problem_.caps.size(); ++c) {
      const std::uint32_t group = problem_.caps[c].group[s.items[p]];
      s.cap_excess[c] += group != 0 && CountAbove(c, s.items, p, group) >= problem_.caps[c].at_most;
    }
  }
  for (std::size_t f = 0; f < problem_.floors.size(); ++f) {
    const SlateFloor& floor = problem_.floors[f];
    std::uint32_t have = 0;
    for (std::size_t p = 0; p < std::min(floor.first, s.items.size()); ++p) have += floor.counts[s.items[p]] != 0;
    s.floor_missing[f] = floor.at_least - std::min(have, floor.at_least);
  }
  return s;
}

Broken SlateState::BrokenOf(std::span<const std::uint32_t> items, Broken most) const {
  Broken broken;
  for (const SlateFloor& floor : problem_.floors) {
    std::uint32_t have = 0;
    for (std::size_t p = 0; p < std::min(floor.first, items.size()); ++p) have += floor.counts[items[p]] != 0;
    if (have < floor.at_least) broken += Broken::Of(floor.level, floor.at_least - have);
  }
  for (std::size_t p = 0; p < items.size() && broken <= most; ++p) {
    for (std::size_t c = 0; c < problem_.caps.size(); ++c) {
      const std::uint32_t group = problem_.caps[c].group[items[p]];
      if (group != 0 && CountAbove(c, items, p, group) >= problem_.caps[c].at_most)
        broken += Broken::Of(problem_.caps[c].level, 1);
    }
  }
  return broken;
}

}  // namespace gfr
