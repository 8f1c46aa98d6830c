// SlatePrices: prices of a PlacementProblem's caps and floors (slate_solver.h), by which items and positions can be
// judged one by one, and a bound on what any slate is worth.
//
// The Lagrangian: a cap's window and a floor have a price each, at which the slate is an assignment of items to
// positions, solved exactly (Jonker and Volgenant's shortest augmenting paths). A step begins with the assignment of
// the step before: its item prices stay, and only positions whose item is no longer their best are assigned again. The
// prices follow subgradient steps of Polyak's length; the least of the assignments' values is the bound. Items that
// cannot be part of a better slate than the one that is known, whatever else is in it, are left out of later steps.
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
  // With `keeps_all` all is counted. REQUIRES: the state outlives it, and has more items than positions, or as many,
  // the items by falling value, and groups numbered from 1 on (their tables are as long as the greatest).
  SlatePrices(const SlateState& state, const SlateSolution& found, bool keeps_all, double rest);

  // So many steps; fewer where the bound comes to what is `found`, a slate's value. `is_kept`: that slate keeps all
  // that is counted here, so that items of no better one are left out.
  void Run(int steps, double found, bool is_kept);

  // No slate that keeps what is counted is worth more, unless the slate that is `found` is.
  double bound() const { return bound_; }
  // The items that are neither fixed nor left out.
  const std::vector<std::uint32_t>& items() const { return items_; }
  // By item of items(), what is lost at free position number t if the item stands there: 0 or more. A slate is worth at
  // most the bound without the losses of all its positions.
  std::span<const double> Losses(std::size_t t) const { return {&loss_[t * items_.size()], items_.size()}; }
  // At least so much is lost by a slate with an item that is not in the problem; +inf: there is none.
  double RestLoss() const { return rest_loss_; }

 private:
  // Prices of one cap's windows for one group, each window by its last position.
  struct PricedGroup {
    std::size_t cap;
    std::uint32_t group;
    std::vector<std::uint8_t> is_priced;  // Another window may hold it whole, with no more room.
    std::vector<double> price, room;      // room: how many may be placed freely.
    std::vector<double> at;               // By position: the prices of all windows that hold it.
    std::vector<double> count;
  };
  // Of one cap, by group.
  struct GroupTable {
    std::vector<std::uint32_t> taken;
    std::vector<std::uint8_t> is_priced;
    std::vector<double> least_room;  // Of its windows; below 0: not known yet.
  };

  double Value(std::size_t j) const { return problem_.value[items_[j]]; }
  void AssignByValue();
  void FillWorth();
  double Assign();
  void Unassign(std::vector<std::uint32_t>* orphans);
  void GiveBack(std::size_t column);
  void Augment(std::size_t row);
  double Evaluate();
  void CountTaken();
  double Norm() const;
  bool Move(double by);
  double LeastRoom(std::size_t cap, std::uint32_t group) const;
  double Room(std::size_t cap, std::uint32_t group, std::size_t end) const;
  void Price(std::size_t cap, std::uint32_t group);
  void KeepLosses();
  void LeaveOut(double found);

  const SlateState& state_;
  const PlacementProblem& problem_;
  const std::span<const std::size_t> free_;
  std::vector<std::uint32_t> items_;
  std::vector<bool> is_counted_;  // By cap.
  std::vector<double> floor_price_, floor_wants_, floor_have_;
  std::vector<GroupTable> tables_;  // By cap.
  std::vector<PricedGroup> priced_;
  std::vector<std::vector<std::uint32_t>> groups_of_;  // By column, those of priced_.
  double fixed_value_ = 0, rest_, rest_loss_, bound_ = std::numeric_limits<double>::infinity();

  // The assignment: free positions are rows, items columns.
  std::vector<double> worth_;                   // rows x columns.
  std::vector<double> row_dual_, column_dual_;  // worth <= row + column; equal where assigned, column 0 where not.
  std::vector<std::uint32_t> taken_, best_;     // By row: its column, the one that is worth most to it.
  std::vector<std::uint32_t> row_of_;           // By column; UINT32_MAX: none.
  double nearly_ = 0;                           // Rows whose column is so near to their best keep it.
  std::vector<double> short_, row_short_;
  std::vector<std::uint32_t> from_, row_from_, visited_;
  std::vector<std::uint8_t> done_, row_done_;
  std::vector<double> loss_;
};

}  // namespace gfr
