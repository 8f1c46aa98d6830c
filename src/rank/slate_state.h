// SlateState: how much a slate, or its beginning, breaks of a PlacementProblem (slate_solver.h).
//
// Thread safety: immutable; its calls allocate nothing unless they say so.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "rank/slate_solver.h"

namespace gfr {

// Counts by level, the highest first: what is compared first.
class Broken {
 public:
  static Broken Of(std::uint32_t level, std::uint64_t count) { return Broken(count << (kBits * level)); }
  static Broken Most() { return Broken(UINT64_MAX); }
  bool none() const { return counts_ == 0; }
  Broken& operator+=(Broken b) {
    counts_ += b.counts_;
    return *this;
  }
  // REQUIRES: b is a part of this.
  Broken& operator-=(Broken b) {
    counts_ -= b.counts_;
    return *this;
  }
  auto operator<=>(const Broken&) const = default;
  Broken() = default;

 private:
  static constexpr std::uint32_t kBits = 64 / kSlateLevels;
  explicit Broken(std::uint64_t counts) : counts_(counts) {}
  std::uint64_t counts_ = 0;
};

class SlateState {
 public:
  // REQUIRES: the problem outlives it.
  explicit SlateState(const PlacementProblem& problem);

  const PlacementProblem& problem() const { return problem_; }
  std::size_t size() const { return size_; }  // Positions that are filled.
  bool IsFixed(std::size_t p) const {
    return p < problem_.fixed.size() && problem_.fixed[p] != PlacementProblem::kFree;
  }
  bool IsFixedItem(std::uint32_t item) const { return !fixed_.empty() && is_fixed_item_[item]; }
  std::span<const std::size_t> FreePositions() const { return free_; }  // Rising.
  std::size_t FreeBehind(std::size_t p) const { return free_behind_[p]; }

  // What the fixed items alone break of the caps, and what of the floors cannot be kept beside them.
  Broken BrokenByFixed() const { return broken_by_fixed_; }
  const std::vector<std::uint32_t>& FixedOfFloors() const { return fixed_of_floors_; }  // By floor, how many count.

  // What `item` at free position p breaks of the caps, beside what `path` has before it (kFree: nothing) and all that
  // is fixed behind it.
  Broken BrokenBy(std::span<const std::uint32_t> path, std::size_t p, std::uint32_t item) const;
  // What the floors must miss at least when `have` count and the free positions from `p` on, but for `taken`, are still
  // to be filled.
  Broken ShortOfFloors(std::span<const std::uint32_t> have, std::size_t p, std::size_t taken = SIZE_MAX) const;
  // Whether `item` at free position p breaks no cap beside what is fixed, and leaves the floors enough positions.
  bool Fits(std::size_t p, std::uint32_t item) const;
  // Of what was shown before, how many of `group` are in the cap's window that ends at position p.
  std::uint32_t CountShownBefore(std::size_t cap, std::size_t p, std::uint32_t group) const {
    const std::size_t above = problem_.caps[cap].window - 1;
    return p < above ? CountBefore(cap, above - p, group) : 0;
  }
  // Of a whole slate; fills all but the bound. Allocates.
  SlateSolution Judge(std::vector<std::uint32_t> items) const;
  // The same in one number; some number above `most`, as soon as it is clear that it is above.
  Broken BrokenOf(std::span<const std::uint32_t> items, Broken most = Broken::Most()) const;

 private:
  // How many of `group` stand in the cap's window that ends at p, p itself not counted.
  std::uint32_t CountAbove(std::size_t cap, std::span<const std::uint32_t> items, std::size_t p,
                           std::uint32_t group) const;
  std::uint32_t CountBefore(std::size_t cap, std::size_t reach, std::uint32_t group) const;

  const PlacementProblem& problem_;
  std::size_t size_;
  std::vector<std::size_t> free_, free_behind_, fixed_;
  std::vector<bool> is_fixed_item_;
  std::vector<std::vector<std::pair<std::uint32_t, std::uint32_t>>> whole_before_;  // By cap: group, how often; sorted.
  std::vector<std::uint32_t> fixed_of_floors_;
  std::vector<std::size_t> by_end_;        // Floors by `first`.
  bool floors_are_apart_ = true;           // No item is of two kinds.
  std::vector<std::uint32_t> fixed_path_;  // By position.
  Broken broken_by_fixed_;
};

}  // namespace gfr
