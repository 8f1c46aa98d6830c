#include "rank/slate_prices.h"

#include <algorithm>
#include <cmath>

namespace gfr {
namespace {

constexpr std::uint32_t kNobody = UINT32_MAX;
constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kGoodEnough = 1e-4;  // Of the value.
constexpr double kUnknown = 0.02;     // So much of the value a step hopes to win where no slate keeps all.
constexpr double kShorter = 0.85;     // Steps after one that brought nothing.

}  // namespace

SlatePrices::SlatePrices(const SlateState& state, const SlateSolution& found, bool keeps_all, double rest)
    : state_(state),
      problem_(state.problem()),
      free_(state.FreePositions()),
      rest_(rest),
      rest_loss_(rest == -kInfinite ? kInfinite : 0) {
  for (std::uint32_t i = 0; i < problem_.value.size(); ++i) {
    if (!state.IsFixedItem(i)) items_.push_back(i);
  }
  groups_of_.resize(items_.size());
  for (std::size_t c = 0; c < problem_.caps.size(); ++c) {
    is_counted_.push_back(keeps_all || found.cap_excess[c] == 0);
    const std::size_t groups = 1 + (problem_.value.empty() ? 0 : std::ranges::max(problem_.caps[c].group));
    tables_.push_back(
        {std::vector<std::uint32_t>(groups), std::vector<std::uint8_t>(groups), std::vector<double>(groups, -1)});
  }
  for (std::size_t p = 0; p < state.size(); ++p) {
    if (state.IsFixed(p)) fixed_value_ += problem_.examination[p] * problem_.value[problem_.fixed[p]];
  }
  for (std::size_t f = 0; f < problem_.floors.size(); ++f) {
    const double missing = keeps_all ? 0 : found.floor_missing[f];
    floor_wants_.push_back(problem_.floors[f].at_least - missing - state.FixedOfFloors()[f]);
  }
  floor_price_.assign(problem_.floors.size(), 0);
  double most = 0;
  for (const std::uint32_t i : items_) most = std::max(most, std::fabs(problem_.value[i]));
  nearly_ = free_.empty() ? 0 : 1e-12 * most * problem_.examination[free_[0]];
  column_dual_.assign(items_.size(), 0);
  row_of_.assign(items_.size(), kNobody);
  taken_.assign(free_.size(), kNobody);
  row_dual_.assign(free_.size(), 0);
  best_.assign(free_.size(), 0);
  if (items_.size() >= free_.size()) AssignByValue();
}

// At prices of 0 the best items stand in order. What it costs a position that a better item is taken: it adds up what
// each position below loses by the next worse one.
void SlatePrices::AssignByValue() {
  for (std::size_t t = free_.size(); t-- > 0;) {
    const double next = t + 1 < items_.size() ? Value(t + 1) : Value(t);
    const double below = t + 1 < free_.size() ? column_dual_[t + 1] : 0;
    column_dual_[t] = below + problem_.examination[free_[t]] * (Value(t) - next);
    taken_[t] = row_of_[t] = static_cast<std::uint32_t>(t);
  }
}

void SlatePrices::Run(int steps, double found, bool is_kept) {
  double scale = 1;
  if (is_kept && !loss_.empty()) LeaveOut(found);
  for (int step = 0; step < steps; ++step) {
    const double value = Evaluate();
    if (value < bound_) {
      bound_ = value;
      KeepLosses();
      if (is_kept) LeaveOut(found);
    } else {
      scale *= kShorter;
    }
    if (is_kept && bound_ - found <= kGoodEnough * std::fabs(found)) return;
    const double above = is_kept ? value - found : std::max(value - found, kUnknown * std::fabs(value));
    if (step + 1 == steps || !Move(scale * above)) return;
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

// Takes from each row a column that is no longer its best. Such a column's dual may be above 0: it is an orphan.
void SlatePrices::Unassign(std::vector<std::uint32_t>* orphans) {
  const std::size_t n = items_.size();
  for (std::size_t t = 0; t < free_.size(); ++t) {
    const double* const row = &worth_[t * n];
    std::size_t best = 0;
    double most = -kInfinite;
    for (std::size_t j = 0; j < n; ++j) {
      if (row[j] - column_dual_[j] > most) {
        most = row[j] - column_dual_[j];
        best = j;
      }
    }
    row_dual_[t] = most;
    best_[t] = static_cast<std::uint32_t>(best);
    const std::uint32_t taken = taken_[t];
    if (taken == kNobody || row[taken] - column_dual_[taken] >= most - nearly_) continue;
    taken_[t] = kNobody;
    row_of_[taken] = kNobody;
    if (column_dual_[taken] > 0) orphans->push_back(taken);
  }
}

// Brings the dual of a column that nobody has down to 0, or gives it to a row: the shortest path over the rows that
// would rather have it, to a free row, or to a column whose dual can fall to 0.
void SlatePrices::GiveBack(std::size_t column) {
  const std::size_t n = items_.size(), rows = free_.size();
  row_short_.assign(rows, kInfinite);
  row_from_.assign(rows, kNobody);
  row_done_.assign(rows, 0);
  visited_.assign(1, static_cast<std::uint32_t>(column));  // Columns; the first has length 0.
  double end = column_dual_[column], length = 0;
  std::size_t at = column;
  std::uint32_t last_row = kNobody;          // Where the path ends; none: the column stays alone.
  std::uint32_t dropped = visited_.front();  // What nobody has in the end; none: it ends at a free row.
  for (;;) {
    double least = kInfinite;
    std::size_t next = rows;
    for (std::size_t t = 0; t < rows; ++t) {
      if (row_done_[t]) continue;
      const double cost = length + row_dual_[t] + column_dual_[at] - worth_[t * n + at];
      if (cost < row_short_[t]) {
        row_short_[t] = cost;
        row_from_[t] = static_cast<std::uint32_t>(at);
      }
      if (row_short_[t] < least) {
        least = row_short_[t];
        next = t;
      }
    }
    if (next == rows || least >= end) break;
    length = least;
    row_done_[next] = 1;
    if (taken_[next] == kNobody) {
      end = length;
      last_row = static_cast<std::uint32_t>(next);
      dropped = kNobody;
      break;
    }
    at = taken_[next];
    visited_.push_back(static_cast<std::uint32_t>(at));
    if (length + column_dual_[at] < end) {
      end = length + column_dual_[at];
      last_row = static_cast<std::uint32_t>(next);
      dropped = static_cast<std::uint32_t>(at);
    }
  }
  for (const std::uint32_t j : visited_) {
    const double from = row_of_[j] == kNobody ? 0 : row_short_[row_of_[j]];
    column_dual_[j] = std::max(0.0, column_dual_[j] - (end - from));
  }
  for (std::size_t t = 0; t < rows; ++t) {
    if (row_done_[t]) row_dual_[t] += end - row_short_[t];
  }
  if (dropped != kNobody) {
    column_dual_[dropped] = 0;
    row_of_[dropped] = kNobody;
  }
  for (std::uint32_t t = last_row; t != kNobody;) {
    const std::uint32_t j = row_from_[t], before = j == column ? kNobody : row_of_[j];
    taken_[t] = j;
    row_of_[j] = t;
    t = before;
  }
}

// The shortest augmenting path from `row`, by reduced costs row + column - worth.
void SlatePrices::Augment(std::size_t row) {
  const std::size_t n = items_.size();
  short_.assign(n, kInfinite);
  from_.assign(n, kNobody);
  done_.assign(n, 0);
  std::size_t at = row;
  std::uint32_t column = kNobody, last = kNobody;
  double length = 0;
  for (;;) {
    const double* const worth = &worth_[at * n];
    double least = kInfinite;
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

// From the duals and the assignment of the step before: what nobody has then must cost nothing.
double SlatePrices::Assign() {
  std::vector<std::uint32_t> orphans;
  Unassign(&orphans);
  for (std::size_t t = 0; t < free_.size(); ++t) {
    if (taken_[t] != kNobody || row_of_[best_[t]] != kNobody) continue;
    row_of_[best_[t]] = static_cast<std::uint32_t>(t);
    taken_[t] = best_[t];
  }
  for (const std::uint32_t j : orphans) {
    if (row_of_[j] == kNobody && column_dual_[j] > 0) GiveBack(j);
  }
  for (std::size_t t = 0; t < free_.size(); ++t) {
    if (taken_[t] == kNobody) Augment(t);
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
  if (rest_ == -kInfinite) return sum;
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
    GroupTable& table = tables_[c];
    for (const std::uint32_t j : taken_) ++table.taken[problem_.caps[c].group[items_[j]]];
    for (const std::uint32_t j : taken_) {
      const std::uint32_t group = problem_.caps[c].group[items_[j]];
      if (group == 0 || table.is_priced[group] != 0) continue;
      if (table.least_room[group] < 0) table.least_room[group] = LeastRoom(c, group);
      if (table.taken[group] > table.least_room[group]) Price(c, group);
    }
    for (const std::uint32_t j : taken_) table.taken[problem_.caps[c].group[items_[j]]] = 0;
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

// How many of the group may be placed freely in the cap's window that ends at `end`.
double SlatePrices::Room(std::size_t c, std::uint32_t group, std::size_t end) const {
  const SlateCap& cap = problem_.caps[c];
  double room = cap.at_most;
  if (state_.FreePositions().size() < state_.size()) {
    for (std::size_t p = end - std::min(end, cap.window - 1); p <= end; ++p)
      room -= state_.IsFixed(p) && cap.group[problem_.fixed[p]] == group;
  }
  return std::max(0.0, room - state_.CountShownBefore(c, end, group));
}

double SlatePrices::LeastRoom(std::size_t c, std::uint32_t group) const {
  double least = problem_.caps[c].at_most;
  for (std::size_t q = 0; q < state_.size(); ++q) least = std::min(least, Room(c, group, q));
  return least;
}

void SlatePrices::Price(std::size_t c, std::uint32_t group) {
  const SlateCap& cap = problem_.caps[c];
  const std::size_t size = state_.size();
  const std::vector<double> none(size);
  PricedGroup made{c, group, std::vector<std::uint8_t>(size, 1), none, none, none, none};
  for (std::size_t q = 0; q < size; ++q) {
    made.room[q] = Room(c, group, q);
    // The window that ends here is a part of that which ends one lower, as long as both begin at the top.
    if (q > 0 && q < cap.window && made.room[q] <= made.room[q - 1]) made.is_priced[q - 1] = 0;
  }
  for (std::size_t j = 0; j < items_.size(); ++j) {
    if (cap.group[items_[j]] == group) groups_of_[j].push_back(static_cast<std::uint32_t>(priced_.size()));
  }
  tables_[c].is_priced[group] = 1;
  priced_.push_back(std::move(made));
}

// Of the subgradient, without what prices of 0 cannot follow.
double SlatePrices::Norm() const {
  double norm = 0;
  for (const PricedGroup& g : priced_) {
    for (std::size_t q = 0; q < g.price.size(); ++q) {
      const double slack = g.room[q] - g.count[q];
      if (g.is_priced[q] && (slack < 0 || g.price[q] > 0)) norm += slack * slack;
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
    std::ranges::fill(g.at, 0);
    for (std::size_t q = 0; q < g.price.size(); ++q) {
      if (!g.is_priced[q]) continue;
      g.price[q] = std::max(0.0, g.price[q] - by / norm * (g.room[q] - g.count[q]));
      if (g.price[q] == 0) continue;
      for (std::size_t p = q - std::min(q, window - 1); p <= q; ++p) g.at[p] += g.price[q];
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
  if (rest_ == -kInfinite) return;
  rest_loss_ = kInfinite;
  for (std::size_t t = 0; t < free_.size(); ++t) {
    double worth = problem_.examination[free_[t]] * rest_;
    for (std::size_t f = 0; f < floor_price_.size(); ++f)
      worth += free_[t] < problem_.floors[f].first ? floor_price_[f] : 0;
    rest_loss_ = std::min(rest_loss_, std::max(0.0, row_dual_[t] - worth));
  }
}

// A slate with an item is worth at most the bound without the least that is lost by the item.
void SlatePrices::LeaveOut(double found) {
  const std::size_t n = items_.size(), rows = free_.size();
  short_.assign(n, kInfinite);
  for (std::size_t t = 0; t < rows; ++t) {
    for (std::size_t j = 0; j < n; ++j) short_[j] = std::min(short_[j], loss_[t * n + j]);
  }
  const auto is_kept = [&](std::size_t j) { return row_of_[j] != kNobody || bound_ - short_[j] >= found; };
  std::size_t kept = 0;
  for (std::size_t j = 0; j < n; ++j) kept += is_kept(j);
  if (kept + kept / 8 >= n) return;
  from_.clear();  // The columns that stay.
  for (std::size_t j = 0; j < n; ++j) {
    if (!is_kept(j)) continue;
    const std::size_t to = from_.size();
    from_.push_back(static_cast<std::uint32_t>(j));
    items_[to] = items_[j];
    if (to != j) groups_of_[to] = std::move(groups_of_[j]);
    column_dual_[to] = column_dual_[j];
    row_of_[to] = row_of_[j];
    if (row_of_[to] != kNobody) taken_[row_of_[to]] = static_cast<std::uint32_t>(to);
  }
  for (std::size_t t = 0; t < rows; ++t) {
    for (std::size_t k = 0; k < kept; ++k) loss_[t * kept + k] = loss_[t * n + from_[k]];
  }
  items_.resize(kept);
  groups_of_.resize(kept);
  column_dual_.resize(kept);
  row_of_.resize(kept);
}

}  // namespace gfr
