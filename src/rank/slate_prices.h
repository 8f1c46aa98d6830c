// SlatePrices: prices of a PlacementProblem's caps and floors (slate_solver.h), by which items and positions can be
// judged one by one, and a bound on what any slate is worth.
//
// The Lagrangian: a cap's window and a floor have a price each, at which the slate is an assignment of items to
// positions, solved exactly (Jonker and Volgenant's shortest augmenting paths). The prices follow subgradient steps of
// Polyak's length; the least of the assignments' values is the bound.
// Thread safety: none.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "rank/slate_state.h"

namespace gfr {

class SlatePrices {
 public:
  // Counts no cap that `found` breaks, and of a floor not what it misses.
  // `rest`: the most that an item is worth which is not in the problem, and might stand anywhere; -inf: there is none.
  // With `keeps_all` all is counted. REQUIRES: the state outlives it, and has more items than positions, or as many.
  SlatePrices(const SlateState& state, const SlateSolution& found, bool keeps_all, double rest);

  // So many steps; fewer where the bound comes to what is `found`, a slate's value.
  void Run(int steps, double found);

  double bound() const { return bound_; }
  // The items that are not fixed.
  const std::vector<std::uint32_t>& items() const { return items_; }
  // By item of items(), what is lost at free position number t if the item stands there: 0 or more.
  std::span<const double> Losses(std::size_t t) const { return {&loss_[t * items_.size()], items_.size()}; }

 private:
  // Prices of one cap's windows for one group, each window by its last position.
  struct PricedGroup {
    std::size_t cap;
    std::uint32_t group;
    std::vector<double> price, room;  // room: how many may be placed freely.
    std::vector<double> at;           // By position: the prices of all windows that hold it.
    std::vector<double> count;
  };

  double Value(std::size_t j) const { return problem_.value[items_[j]]; }
  void FillWorth();
  double Assign();
  void Augment(std::size_t row);
  double Evaluate();
  void CountTaken();
  double Norm() const;
  bool Move(double by);
  void Price(std::size_t cap, std::uint32_t group);
  void KeepLosses();

  const SlateState& state_;
  const PlacementProblem& problem_;
  const std::span<const std::size_t> free_;
  std::vector<std::uint32_t> items_;
  std::vector<bool> is_counted_;  // By cap.
  std::vector<double> floor_price_, floor_wants_, floor_have_;
  std::vector<PricedGroup> priced_;
  std::vector<std::vector<std::uint32_t>> groups_of_;  // By item, those of priced_.
  double fixed_value_ = 0, rest_, bound_ = std::numeric_limits<double>::infinity();

  // The assignment: free positions are rows, items columns.
  std::vector<double> worth_;                   // rows x columns.
  std::vector<double> row_dual_, column_dual_;  // worth <= row + column; equal where assigned.
  std::vector<std::uint32_t> taken_;            // By row, its column.
  std::vector<std::uint32_t> row_of_;           // By column; UINT32_MAX: none.
  std::vector<double> short_;
  std::vector<std::uint32_t> from_;
  std::vector<std::uint8_t> done_;
  std::vector<double> loss_;
};

}  // namespace gfr
