#include "rank/slate_beam.h"

#include <algorithm>
#include <utility>

namespace gfr {
namespace {

std::uint64_t Mixed(std::uint64_t x) {
  x = (x + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
  return (x ^ (x >> 29)) * 0x94d049bb133111ebu;
}

constexpr std::size_t kMoreChoices = 16;  // At a position, above the positions there are.

}  // namespace

SlateChoices SlateChoices::ByValue(const SlateState& state, std::span<const std::uint32_t> order) {
  SlateChoices made;
  const PlacementProblem& problem = state.problem();
  made.choices_.reserve(order.size() * state.FreePositions().size());
  for (const std::size_t p : state.FreePositions()) {
    made.begin_.push_back(made.choices_.size());
    for (const std::uint32_t i : order) {
      if (!state.IsFixedItem(i)) made.choices_.push_back({i, -problem.examination[p] * problem.value[i]});
    }
  }
  made.begin_.push_back(made.choices_.size());
  return made;
}

SlateChoices SlateChoices::ByPrices(const SlateState& state, const SlatePrices& prices, double most) {
  SlateChoices made;
  const std::vector<std::uint32_t>& items = prices.items();
  const std::size_t at_most = state.size() + kMoreChoices;
  const auto less = [](const Choice& a, const Choice& b) {
    return a.loss != b.loss ? a.loss < b.loss : a.item < b.item;
  };
  std::vector<Choice> at;
  for (std::size_t t = 0; t < state.FreePositions().size(); ++t) {
    const std::span<const double> losses = prices.Losses(t);
    at.clear();
    for (std::uint32_t j = 0; j < items.size(); ++j) {
      if (losses[j] <= most) at.push_back({items[j], losses[j]});
    }
    made.begin_.push_back(made.choices_.size());
    if (at.size() > at_most) {
      made.has_all_ = false;
      std::ranges::nth_element(at, at.begin() + static_cast<std::ptrdiff_t>(at_most), less);
      at.resize(at_most);
    }
    std::ranges::sort(at, less);
    made.choices_.insert(made.choices_.end(), at.begin(), at.end());
  }
  made.begin_.push_back(made.choices_.size());
  return made;
}

bool SlateBeam::Child::operator<(const Child& b) const {
  if (broken != b.broken) return broken < b.broken;
  if (loss != b.loss) return loss < b.loss;
  return parent != b.parent ? parent < b.parent : item < b.item;
}

void SlateBeam::Beginnings::clear() {
  path.clear();
  have.clear();
  broken.clear();
  loss.clear();
  set.clear();
  last.clear();
}

SlateBeam::SlateBeam(const SlateState& state, const SlateChoices& choices)
    : state_(state), problem_(state.problem()), choices_(choices), stamp_(problem_.value.size(), 0) {
  for (const SlateCap& cap : problem_.caps) {
    std::uint32_t groups = cap.group.empty() ? 0 : std::ranges::max(cap.group);
    if (!cap.before.empty()) groups = std::max(groups, std::ranges::max(cap.before));
    in_window_.emplace_back(groups + 1, 0);
  }
  fixed_behind_.resize(problem_.caps.size());
}

SlateBeam::Found SlateBeam::Run(std::size_t width, std::size_t branch, double most) {
  const std::size_t size = state_.size();
  saw_all_ = choices_.has_all();
  now_.clear();
  now_.path.resize(size);
  now_.have = state_.FixedOfFloors();
  now_.broken.push_back(state_.BrokenByFixed());
  now_.loss.push_back(0);
  now_.set.push_back(0);
  now_.last.push_back(PlacementProblem::kFree);
  for (std::size_t p = 0, t = 0; p < size; ++p) {
    if (state_.IsFixed(p)) {
      for (std::size_t n = 0; n < now_.size(); ++n) now_.path[n * size + p] = problem_.fixed[p];
      continue;
    }
    children_.clear();
    FindFixedBehind(p);
    for (std::size_t n = 0; n < now_.size(); ++n) Expand(n, p, t, branch, most);
    // Some are the same items in another order: a few more than there is room for are sorted.
    const std::size_t sorted = std::min(children_.size(), 2 * width);
    std::partial_sort(children_.begin(), children_.begin() + static_cast<std::ptrdiff_t>(sorted), children_.end());
    if (sorted < children_.size()) {
      saw_all_ = false;
      children_.resize(sorted);
    }
    next_.clear();
    for (const Child& child : children_) {
      if (next_.size() == width) {
        saw_all_ = false;
        break;
      }
      // Of equal items in another order, with the same last one, the better is kept.
      bool is_new = true;
      for (std::size_t n = 0; n < next_.size() && is_new; ++n)
        is_new = next_.set[n] != child.set || next_.last[n] != child.item;
      if (is_new)
        Keep(child, p);
      else
        saw_all_ = false;
    }
    std::swap(now_, next_);
    if (now_.size() == 0) return {{}, saw_all_};
    ++t;
  }
  return {{now_.path.begin(), now_.path.begin() + static_cast<std::ptrdiff_t>(size)}, saw_all_};
}

void SlateBeam::Keep(const Child& child, std::size_t p) {
  const std::size_t size = state_.size(), floors = problem_.floors.size(), n = next_.size();
  const auto path = now_.path.begin() + static_cast<std::ptrdiff_t>(child.parent * size);
  next_.path.insert(next_.path.end(), path, path + static_cast<std::ptrdiff_t>(size));
  next_.path[n * size + p] = child.item;
  for (std::size_t f = 0; f < floors; ++f)
    next_.have.push_back(now_.have[child.parent * floors + f] + Counts(f, p, child.item));
  next_.broken.push_back(child.broken);
  next_.loss.push_back(child.loss);
  next_.set.push_back(child.set);
  next_.last.push_back(child.item);
}

bool SlateBeam::Counts(std::size_t floor, std::size_t p, std::uint32_t item) const {
  return p < problem_.floors[floor].first && problem_.floors[floor].counts[item] != 0;
}

void SlateBeam::FindFixedBehind(std::size_t p) {
  for (std::size_t c = 0; c < problem_.caps.size(); ++c) {
    fixed_behind_[c].clear();
    for (std::size_t q = p + 1; q < state_.size() && q - p < problem_.caps[c].window; ++q) {
      if (state_.IsFixed(q)) fixed_behind_[c].push_back(problem_.caps[c].group[problem_.fixed[q]]);
    }
  }
}

// Counts what beginning `n` has in each cap's window that ends at p, p itself not counted; or takes it back.
void SlateBeam::CountWindows(std::size_t n, std::size_t p, bool add) {
  const std::uint32_t by = add ? 1 : UINT32_MAX;  // Unsigned: minus one.
  const std::span<const std::uint32_t> path = Path(n, p);
  for (std::size_t c = 0; c < problem_.caps.size(); ++c) {
    const SlateCap& cap = problem_.caps[c];
    const std::size_t above = cap.window - 1;
    for (std::size_t q = p - std::min(p, above); q < p; ++q) in_window_[c][cap.group[path[q]]] += by;
    if (p >= above) continue;
    const std::size_t reach =
        cap.window == SlateCap::kWhole ? cap.before.size() : std::min(above - p, cap.before.size());
    for (std::size_t k = cap.before.size() - reach; k < cap.before.size(); ++k) in_window_[c][cap.before[k]] += by;
  }
}

Broken SlateBeam::BrokenBy(std::size_t n, std::size_t p, std::uint32_t item) const {
  Broken broken;
  for (std::size_t c = 0; c < problem_.caps.size(); ++c) {
    const std::uint32_t group = problem_.caps[c].group[item];
    if (group == 0) continue;
    for (const std::uint32_t fixed : fixed_behind_[c]) {
      if (fixed == group) return state_.BrokenBy(Path(n, p), p, item);
    }
    if (in_window_[c][group] >= problem_.caps[c].at_most) broken += Broken::Of(problem_.caps[c].level, 1);
  }
  return broken;
}

void SlateBeam::Expand(std::size_t n, std::size_t p, std::size_t t, std::size_t branch, double most) {
  const std::size_t floors = problem_.floors.size(), begin = children_.size();
  ++turn_;
  for (const std::uint32_t i : Path(n, p)) stamp_[i] = turn_;
  CountWindows(n, p, true);
  const std::span<const std::uint32_t> have(now_.have.data() + n * floors, floors);
  std::uint32_t wanted = 0;  // Floors that want one here, by bit; those above 32 are searched by the prices alone.
  for (std::size_t f = 0; f < std::min<std::size_t>(floors, 32); ++f) {
    if (have[f] < problem_.floors[f].at_least && p < problem_.floors[f].first) wanted |= 1u << f;
  }
  // With an item that is of no kind.
  Broken base = now_.broken[n];
  if (floors > 0) {
    base -= state_.ShortOfFloors(have, p);
    base += state_.ShortOfFloors(have, p + 1);
  }
  std::size_t tried = 0;
  Child least{Broken::Most(), 0, static_cast<std::uint32_t>(n), PlacementProblem::kFree, 0};
  for (const SlateChoices::Choice& choice : choices_.At(t)) {
    const std::uint32_t i = choice.item;
    if (now_.loss[n] + choice.loss > most) break;
    if (stamp_[i] == turn_) continue;
    std::uint32_t kinds = 0;
    for (std::size_t f = 0; f < std::min<std::size_t>(floors, 32); ++f)
      kinds |= (problem_.floors[f].counts[i] != 0 ? 1u : 0u) << f;
    if (tried >= branch && (kinds & wanted) == 0) {
      saw_all_ = false;
      if (wanted == 0) break;
      continue;
    }
    Broken broken = base;
    if (floors > 32 || kinds != 0) {
      have_.assign(have.begin(), have.end());
      for (std::size_t f = 0; f < floors; ++f) have_[f] += Counts(f, p, i);
      broken = now_.broken[n];
      broken -= state_.ShortOfFloors(have, p);
      broken += state_.ShortOfFloors(have_, p + 1);
    }
    broken += BrokenBy(n, p, i);
    const Child child{broken, now_.loss[n] + choice.loss, static_cast<std::uint32_t>(n), i, now_.set[n] + Mixed(i)};
    if (broken > now_.broken[n]) {
      if (child < least) least = child;
      continue;
    }
    children_.push_back(child);
    ++tried;
    wanted &= ~kinds;
  }
  if (children_.size() - begin < branch && least.item != PlacementProblem::kFree) children_.push_back(least);
  CountWindows(n, p, false);
}

}  // namespace gfr
