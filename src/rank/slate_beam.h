// SlateBeam: the search of SolveSlate over positions, for the slate that breaks and loses least: a dynamic programme
// that keeps the most promising beginnings of each length.
//
// What an item loses at a position is either what a bound says (SlatePrices), so that a beginning which has lost more
// than a known slate leaves room for is given up, or nothing but the order of value.
// Thread safety: none.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "rank/slate_prices.h"
#include "rank/slate_state.h"

namespace gfr {

// What it costs to put an item at a free position, in the order in which items are tried there.
class SlateChoices {
 public:
  struct Choice {
    std::uint32_t item;
    double loss;
  };
  // All items, best first, at every position: REQUIRES: `order` is by value.
  static SlateChoices ByValue(const SlateState& state, std::span<const std::uint32_t> order);
  // By what the prices say is lost; without what loses more than `most` by itself.
  static SlateChoices ByPrices(const SlateState& state, const SlatePrices& prices, double most);

  std::span<const Choice> At(std::size_t t) const {
    return {&choices_[begin_[t]], static_cast<std::size_t>(begin_[t + 1] - begin_[t])};
  }
  bool has_all() const { return has_all_; }  // But for what loses more than `most`.

 private:
  std::vector<Choice> choices_;
  std::vector<std::size_t> begin_;  // By free position, and where the last ends.
  bool has_all_ = true;
};

class SlateBeam {
 public:
  // REQUIRES: both outlive it; groups are numbered from 1 on (SlatePrices).
  SlateBeam(const SlateState& state, const SlateChoices& choices);

  struct Found {
    std::vector<std::uint32_t> items;  // By position; empty: every beginning lost more than `most`.
    bool saw_all = false;  // No slate that breaks as little as what is fixed and loses at most `most` was left out.
  };
  // Keeps `width` beginnings, and tries `branch` items behind each that break nothing more.
  Found Run(std::size_t width, std::size_t branch, double most = std::numeric_limits<double>::infinity());

 private:
  // The beginnings of one length, side by side.
  struct Beginnings {
    std::vector<std::uint32_t> path, have;  // beginning x positions, beginning x floors.
    std::vector<Broken> broken;
    std::vector<double> loss;
    std::vector<std::uint64_t> set;  // Of its items, whatever their order.
    std::vector<std::uint32_t> last;
    std::size_t size() const { return loss.size(); }
    void clear();
  };
  struct Child {
    Broken broken;
    double loss;
    std::uint32_t parent, item;
    std::uint64_t set;
    bool operator<(const Child& b) const;
  };

  std::span<const std::uint32_t> Path(std::size_t n, std::size_t p) const { return {&now_.path[n * state_.size()], p}; }
  bool Counts(std::size_t floor, std::size_t p, std::uint32_t item) const;
  void FindFixedBehind(std::size_t p);
  void Expand(std::size_t n, std::size_t p, std::size_t t, std::size_t branch, double most);
  void CountWindows(std::size_t n, std::size_t p, bool add);
  Broken BrokenBy(std::size_t n, std::size_t p, std::uint32_t item) const;
  void Keep(const Child& child, std::size_t p);

  const SlateState& state_;
  const PlacementProblem& problem_;
  const SlateChoices& choices_;
  Beginnings now_, next_;
  std::vector<Child> children_;
  std::vector<std::uint32_t> stamp_, have_;
  std::uint32_t turn_ = 0;
  std::vector<std::vector<std::uint32_t>> in_window_;     // By cap and group, in the window that ends at the position.
  std::vector<std::vector<std::uint32_t>> fixed_behind_;  // By cap, the groups of what is fixed behind in a window.
  bool saw_all_ = true;
};

}  // namespace gfr
