#include "rank/slate_reassign.h"

#include <algorithm>
#include <limits>
#include <span>

namespace gfr {
namespace {

constexpr double kLeast = 1e-12;

class Reassigning {
 public:
  Reassigning(const SlateState& state, const std::vector<std::uint32_t>& order, int most_tried,
              std::vector<std::uint32_t>* items)
      : state_(state),
        problem_(state.problem()),
        order_(order),
        left_(most_tried),
        items_(*items),
        broken_(state.BrokenOf(items_)),
        is_shown_(problem_.value.size(), 0) {
    for (const std::uint32_t i : items_) is_shown_[i] = 1;
    for (const SlateCap& cap : problem_.caps) {
      std::vector<std::uint32_t>& groups = groups_.emplace_back(cap.before);
      for (const std::uint32_t i : items_) groups.push_back(cap.group[i]);
    }
  }

  bool Run() {
    bool is_other = false;
    while (left_ > 0 && (Pairs() || Triples())) is_other = true;
    return is_other;
  }

 private:
  bool Pairs() {
    const std::span<const std::size_t> free = state_.FreePositions();
    for (std::size_t a = 0; a < free.size(); ++a) {
      for (std::size_t b = a + 1; b < free.size() && left_ > 0; ++b) {
        if (Reassign({free[a], free[b]})) return true;
      }
    }
    return false;
  }
  bool Triples() {
    const std::span<const std::size_t> free = state_.FreePositions();
    for (std::size_t a = 0; a < free.size(); ++a) {
      for (std::size_t b = a + 1; b < free.size(); ++b) {
        for (std::size_t c = b + 1; c < free.size() && left_ > 0; ++c) {
          if (Reassign({free[a], free[b], free[c]})) return true;
        }
      }
    }
    return false;
  }

  void Set(std::size_t p, std::uint32_t item) {
    for (std::size_t c = 0; c < groups_.size(); ++c) {
      const SlateCap& cap = problem_.caps[c];
      groups_[c][cap.before.size() + p] = item == PlacementProblem::kFree ? 0 : cap.group[item];
    }
  }

  bool Reassign(std::vector<std::size_t> positions) {
    positions_ = std::move(positions);
    const std::vector<std::uint32_t> before = items_;
    double worth = 0;
    for (const std::size_t p : positions_) {
      worth += problem_.examination[p] * problem_.value[items_[p]];
      is_shown_[items_[p]] = 0;
      Set(p, PlacementProblem::kFree);
    }
    // At most the best items that are left stand there.
    const auto best = std::ranges::find_if(order_, [&](std::uint32_t i) { return !is_shown_[i]; });
    most_value_ = best == order_.end() ? 0 : problem_.value[*best];
    needed_ = broken_.none() ? worth + kLeast : -std::numeric_limits<double>::infinity();
    found_ = false;
    was_ = worth;
    Descend(0, 0);
    if (!found_) items_ = before;
    for (const std::size_t p : positions_) {
      is_shown_[items_[p]] = 1;
      Set(p, items_[p]);
    }
    return found_;
  }

  // Places an item at each position from number k on; the best of all stays in found_items_.
  void Descend(std::size_t k, double worth) {
    if (k == positions_.size()) {
      const Broken broken = state_.BrokenOf(items_, broken_);
      if (broken > broken_ || (broken == broken_ && worth <= was_ + kLeast)) return;
      found_ = true;
      broken_ = broken;
      needed_ = was_ = worth;
      if (!broken.none()) needed_ = -std::numeric_limits<double>::infinity();
      best_ = items_;
      return;
    }
    const std::size_t p = positions_[k];
    double rest = 0;
    for (std::size_t j = k + 1; j < positions_.size(); ++j) rest += problem_.examination[positions_[j]] * most_value_;
    for (const std::uint32_t i : order_) {
      if (is_shown_[i]) continue;
      const double here = worth + problem_.examination[p] * problem_.value[i];
      if (here + rest <= needed_ || --left_ <= 0) break;
      if (!Fits(p, i)) continue;
      items_[p] = i;
      is_shown_[i] = 1;
      Set(p, i);
      Descend(k + 1, here);
      Set(p, PlacementProblem::kFree);
      is_shown_[i] = 0;
    }
    if (k == 0 && found_) items_ = best_;
  }

  // Whether no window that holds p is full of the item's group without it.
  bool Fits(std::size_t p, std::uint32_t item) const {
    for (std::size_t c = 0; c < groups_.size(); ++c) {
      const SlateCap& cap = problem_.caps[c];
      const std::uint32_t group = cap.group[item];
      if (group == 0) continue;
      const std::vector<std::uint32_t>& groups = groups_[c];
      const std::size_t at = cap.before.size() + p, window = std::min(cap.window, groups.size());
      const std::size_t first = at + 1 - std::min(at + 1, window);
      std::uint32_t count = 0;
      for (std::size_t q = first; q < std::min(groups.size(), first + window); ++q) count += groups[q] == group;
      if (count >= cap.at_most) return false;
      for (std::size_t q = first + window; q < groups.size() && q - at < window; ++q) {
        count += groups[q] == group;
        count -= groups[q - window] == group;
        if (count >= cap.at_most) return false;
      }
    }
    return true;
  }

  const SlateState& state_;
  const PlacementProblem& problem_;
  const std::vector<std::uint32_t>& order_;
  int left_;
  std::vector<std::uint32_t>& items_;
  Broken broken_;
  std::vector<std::uint8_t> is_shown_;
  std::vector<std::vector<std::uint32_t>> groups_;  // By cap: of what was shown before, then of each position.
  std::vector<std::size_t> positions_;
  std::vector<std::uint32_t> best_;
  double most_value_ = 0, needed_ = 0, was_ = 0;
  bool found_ = false;
};

}  // namespace

bool ReassignPositions(const SlateState& state, const std::vector<std::uint32_t>& order, int most_tried,
                       std::vector<std::uint32_t>* items) {
  return Reassigning(state, order, most_tried, items).Run();
}

}  // namespace gfr
