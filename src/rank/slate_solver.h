// SolveSlate: which items stand at which positions, as one problem: the sum of examination(position) x value is
// greatest under caps in sliding windows, floors and fixed positions.
//
//   caps     at most so many items of one group (a brand, a category) in any window of consecutive positions; windows
//            reach back over what was shown on the pages before
//   floors   at least so many items of a kind within the first positions
//   fixed    pins and drawn items stand where they are, whatever they break
//
// A beam search over positions (a dynamic programme that keeps the most promising states of each length) whose states
// are judged by an optimistic completion and given up where a known slate is better, then exchanges until none helps.
// Where the bound leaves more than a little, two or three positions at a time are filled anew, and the search is wider.
// Where the best items by value keep all constraints, that order is the optimum and nothing is searched. The bound is
// that of the Lagrangian in which each item's single use, the caps and the floors are priced, after a fixed number of
// subgradient steps: whatever the prices, no slate that keeps the constraints is worth more. Every position is filled
// while there are items. Constraints that cannot all be kept are broken where that counts least (`level`), and named.
// Deterministic: equal problems have equal solutions, ties go to the item named first. Thread safety: a pure function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gfr {

struct SlateCap {
  static constexpr std::size_t kWhole = SIZE_MAX;  // As a window: all positions, and all that was shown before.
  std::vector<std::uint32_t> group;                // By item; 0: none, which is not counted.
  std::uint32_t at_most = 1;
  std::size_t window = kWhole;        // Positions, at least 1.
  std::vector<std::uint32_t> before;  // Groups of what was shown before this page, the latest last.
  std::uint32_t level = 1;            // The lowest level is given up first; at most kSlateLevels - 1.
};

struct SlateFloor {
  std::vector<std::uint8_t> counts;  // By item: whether it is of the kind.
  std::uint32_t at_least = 0;
  std::size_t first = SIZE_MAX;  // Within so many positions of this page.
  std::uint32_t level = 0;
};

inline constexpr std::uint32_t kSlateLevels = 4;

struct PlacementProblem {
  static constexpr std::uint32_t kFree = UINT32_MAX;
  std::vector<double> value;         // By item; finite.
  std::vector<double> examination;   // By position of the slate, above 0, not rising.
  std::vector<SlateCap> caps;        // REQUIRES: `group` has one an item.
  std::vector<SlateFloor> floors;    // REQUIRES: `counts` has one an item.
  std::vector<std::uint32_t> fixed;  // By position the item that stands there, or kFree; shorter: kFree.
};

struct SlateSolution {
  std::vector<std::uint32_t> items;          // By position; as many as there are positions and items for.
  double value = 0;                          // Sum of examination x value.
  double bound = 0;                          // No slate that breaks no more than this one is worth more.
  std::vector<std::uint32_t> cap_excess;     // By cap, how many items stand in a window that is full above them.
  std::vector<std::uint32_t> floor_missing;  // By floor.
  bool relaxed() const;
  // (bound - value) / |bound|; 0 where both are 0.
  double gap() const;
};

// REQUIRES: no item is fixed twice.
SlateSolution SolveSlate(const PlacementProblem& problem);

// Value and what is broken of a slate, as SolveSlate counts; `bound` is not filled.
SlateSolution JudgeSlate(const PlacementProblem& problem, std::vector<std::uint32_t> items);

// Whether a slate with `item` at the free `position` can keep as much as `now`, a solution of the problem: for draws,
// before the rest is solved. By an exchange in `now` where that does, else by solving.
bool CanStand(const PlacementProblem& problem, const SlateSolution& now, std::size_t position, std::uint32_t item);
// Those of `items` that can, in their order: what is the same for all is made once.
std::vector<std::uint32_t> WhoCanStand(const PlacementProblem& problem, const SlateSolution& now, std::size_t position,
                                       std::vector<std::uint32_t> items);

}  // namespace gfr
