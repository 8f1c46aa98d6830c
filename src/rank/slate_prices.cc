#include "rank/slate_prices.h"

#include <algorithm>
#include <cmath>

namespace gfr {
namespace {
constexpr std::uint32_t kNobody = UINT32_MAX;
}

SlatePrices::SlatePrices(const SlateState& state, const SlateSolution& found, bool keeps_all, double rest)
    : state_(state), problem_(state.problem()), free_(state.FreePositions()), rest_(rest) {
  for (std::uint32_t i = 0; i < problem_.value.size(); ++i) {
    if (!state.IsFixedItem(i)) items_.push_back(i);
  }
  groups_of_.resize(items_.size());
  for (std::size_t c = 0; c < problem_.caps.size(); ++c) is_counted_.push_back(keeps_all || found.cap_excess[c] == 0);
  for (std::size_t p = 0; p < state.size(); ++p) {
    if (state.IsFixed(p)) fixed_value_ += problem_.examination[p] * problem_.value[problem_.fixed[p]];
  }
  for (std::size_t f = 0; f < problem_.floors.size(); ++f) {
    const double missing = keeps_all ? 0 : found.floor_missing[f];
    floor_wants_.push_back(problem_.floors[f].at_least - missing - state.FixedOfFloors()[f]);
  }
  floor_price_.assign(problem_.floors.size(), 0);
}

void SlatePrices::Run(int steps, double found) {
  double scale = 1;
  for (int step = 0; step < steps; ++step) {
    const double value = Evaluate();
    if (value < bound_) {
      bound_ = value;
      KeepLosses();
    } else {
      scale *= 0.85;
    }
    if (bound_ - found <= 1e-4 * std::fabs(found)) return;
    if (step + 1 == steps || !Move(scale * (value - found))) return;
  }
}

// What each item is worth at each free position after the prices of the windows and floors that it is in.
void SlatePrices::FillWorth() {
  const std::size_t n = items_.size();
  worth_.resize(free_.size() * n);
  for (std::size_t t = 0; t < free_.size(); ++t) {
    double* const row = &worth_[t * n];
    const double weight = problem_.examination[free_[t]];
    for (std::size_t j = 0; j < n; ++j) row[j] = weight * Value(j);
    for (std::size_t f = 0; f < floor_price_.size(); ++f) {
      if (floor_price_[f] == 0 || free_[t] >= problem_.floors[f].first) continue;
      for (std::size_t j = 0; j < n; ++j) row[j] += problem_.floors[f].counts[items_[j]] ? floor_price_[f] : 0;
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    for (const std::uint32_t g : groups_of_[j]) {
      for (std::size_t t = 0; t < free_.size(); ++t) worth_[t * n + j] -= priced_[g].at[free_[t]];
    }
  }
}

// The shortest augmenting path from `row`, by reduced costs row + column - worth.
void SlatePrices::Augment(std::size_t row) {
  const std::size_t n = items_.size();
  short_.assign(n, std::numeric_limits<double>::infinity());
  from_.assign(n, kNobody);
  done_.assign(n, 0);
  std::size_t at = row;
  std::uint32_t column = kNobody, last = kNobody;
  double length = 0;
  for (;;) {
    const double* const worth = &worth_[at * n];
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < n; ++j) {
      if (done_[j]) continue;
      const double cost = length + row_dual_[at] + column_dual_[j] - worth[j];
      if (cost < short_[j]) {
        short_[j] = cost;
        from_[j] = last;
      }
      if (short_[j] < least) {
        least = short_[j];
        column = static_cast<std::uint32_t>(j);
      }
    }
    length = least;
    done_[column] = 1;
    if (row_of_[column] == kNobody) break;
    last = column;
    at = row_of_[column];
  }
  row_dual_[row] -= length;
  for (std::size_t j = 0; j < n; ++j) {
    if (!done_[j] || j == column) continue;
    const double change = length - short_[j];
    column_dual_[j] += change;
    row_dual_[row_of_[j]] -= change;
  }
  while (column != kNobody) {
    const std::uint32_t before = from_[column];
    const std::uint32_t to = before == kNobody ? static_cast<std::uint32_t>(row) : row_of_[before];
    row_of_[column] = to;
    taken_[to] = column;
    column = before;
  }
}

double SlatePrices::Assign() {
  const std::size_t n = items_.size();
  row_dual_.assign(free_.size(), 0);
  column_dual_.assign(n, 0);
  row_of_.assign(n, kNobody);
  taken_.assign(free_.size(), kNobody);
  for (std::size_t t = 0; t < free_.size(); ++t) {
    const double* const row = &worth_[t * n];
    // All columns are at least 0, and only assigned ones above.
    std::size_t best = 0;
    double most = -std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < n; ++j) {
      if (row[j] - column_dual_[j] > most) {
        most = row[j] - column_dual_[j];
        best = j;
      }
    }
    row_dual_[t] = most;
    if (row_of_[best] == kNobody) {
      row_of_[best] = static_cast<std::uint32_t>(t);
      taken_[t] = static_cast<std::uint32_t>(best);
    } else {
      Augment(t);
    }
  }
  double sum = 0;
  for (const double dual : row_dual_) sum += dual;
  for (const double dual : column_dual_) sum += dual;
  return sum;
}

// The Lagrangian's value.
double SlatePrices::Evaluate() {
  FillWorth();
  double sum = fixed_value_ + Assign();
  for (const PricedGroup& g : priced_) {
    for (std::size_t q = 0; q < g.price.size(); ++q) sum += g.price[q] * g.room[q];
  }
  for (std::size_t f = 0; f < floor_price_.size(); ++f) sum -= floor_price_[f] * floor_wants_[f];
  if (rest_ == -std::numeric_limits<double>::infinity()) return sum;
  // What is not listed might stand anywhere, at its value and with what a floor adds.
  for (std::size_t t = 0; t < free_.size(); ++t) {
    double worth = problem_.examination[free_[t]] * rest_;
    for (std::size_t f = 0; f < floor_price_.size(); ++f)
      worth += free_[t] < problem_.floors[f].first ? floor_price_[f] : 0;
    sum += std::max(0.0, worth - row_dual_[t]);
  }
  return sum;
}

void SlatePrices::CountTaken() {
  for (std::size_t c = 0; c < problem_.caps.size(); ++c) {
    if (!is_counted_[c]) continue;
    for (const std::uint32_t j : taken_) {
      if (const std::uint32_t group = problem_.caps[c].group[items_[j]]; group != 0) Price(c, group);
    }
  }
  for (PricedGroup& g : priced_) {
    const SlateCap& cap = problem_.caps[g.cap];
    std::ranges::fill(g.count, 0);
    for (std::size_t t = 0; t < taken_.size(); ++t) {
      if (cap.group[items_[taken_[t]]] != g.group) continue;
      for (std::size_t q = free_[t]; q < state_.size() && q - free_[t] < cap.window; ++q) ++g.count[q];
    }
  }
  floor_have_.assign(floor_price_.size(), 0);
  for (std::size_t f = 0; f < floor_price_.size(); ++f) {
    for (std::size_t t = 0; t < taken_.size() && free_[t] < problem_.floors[f].first; ++t)
      floor_have_[f] += problem_.floors[f].counts[items_[taken_[t]]] != 0;
  }
}

// Makes prices of the group where the items taken are more than its windows might let in.
void SlatePrices::Price(std::size_t c, std::uint32_t group) {
  for (const PricedGroup& g : priced_) {
    if (g.cap == c && g.group == group) return;
  }
  const SlateCap& cap = problem_.caps[c];
  const std::size_t size = state_.size();
  PricedGroup made{c,
                   group,
                   std::vector<double>(size),
                   std::vector<double>(size),
                   std::vector<double>(size),
                   std::vector<double>(size)};
  double least = cap.at_most;
  for (std::size_t q = 0; q < size; ++q) {
    double room = cap.at_most;
    for (std::size_t p = q - std::min(q, cap.window - 1); p <= q; ++p)
      room -= state_.IsFixed(p) && cap.group[problem_.fixed[p]] == group;
    room -= state_.CountShownBefore(c, q, group);
    made.room[q] = std::max(room, 0.0);
    least = std::min(least, made.room[q]);
  }
  const auto taken = std::ranges::count_if(taken_, [&](std::uint32_t j) { return cap.group[items_[j]] == group; });
  if (static_cast<double>(taken) <= least) return;
  for (std::size_t j = 0; j < items_.size(); ++j) {
    if (cap.group[items_[j]] == group) groups_of_[j].push_back(static_cast<std::uint32_t>(priced_.size()));
  }
  priced_.push_back(std::move(made));
}

// Of the subgradient, without what prices of 0 cannot follow.
double SlatePrices::Norm() const {
  double norm = 0;
  for (const PricedGroup& g : priced_) {
    for (std::size_t q = 0; q < g.price.size(); ++q) {
      const double slack = g.room[q] - g.count[q];
      if (slack < 0 || g.price[q] > 0) norm += slack * slack;
    }
  }
  for (std::size_t f = 0; f < floor_price_.size(); ++f) {
    const double slack = floor_have_[f] - floor_wants_[f];
    if (slack < 0 || floor_price_[f] > 0) norm += slack * slack;
  }
  return norm;
}

// False: the subgradient is zero.
bool SlatePrices::Move(double by) {
  CountTaken();
  const double norm = Norm();
  if (norm == 0 || !(by > 0)) return false;
  for (PricedGroup& g : priced_) {
    const std::size_t window = problem_.caps[g.cap].window;
    for (std::size_t q = 0; q < g.price.size(); ++q)
      g.price[q] = std::max(0.0, g.price[q] - by / norm * (g.room[q] - g.count[q]));
    for (std::size_t p = 0; p < g.at.size(); ++p) {
      g.at[p] = 0;
      for (std::size_t q = p; q < g.price.size() && q - p < window; ++q) g.at[p] += g.price[q];
    }
  }
  for (std::size_t f = 0; f < floor_price_.size(); ++f)
    floor_price_[f] = std::max(0.0, floor_price_[f] - by / norm * (floor_have_[f] - floor_wants_[f]));
  return true;
}

void SlatePrices::KeepLosses() {
  const std::size_t n = items_.size();
  loss_.resize(free_.size() * n);
  for (std::size_t t = 0; t < free_.size(); ++t) {
    for (std::size_t j = 0; j < n; ++j)
      loss_[t * n + j] = std::max(0.0, row_dual_[t] + column_dual_[j] - worth_[t * n + j]);
  }
}

}  // namespace gfr
