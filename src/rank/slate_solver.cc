#include "rank/slate_solver.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "rank/slate_beam.h"
#include "rank/slate_prices.h"
#include "rank/slate_reassign.h"
#include "rank/slate_state.h"

namespace gfr {
namespace {

constexpr std::size_t kStates = 240, kWideStates = 960;  // Width x positions: long slates are searched more narrowly.
constexpr std::size_t kWidest = 24, kWideWidest = 64;
constexpr std::size_t kBranch = 6, kWideBranch = 12;  // Items tried behind a beginning.
constexpr std::size_t kMostExchanges = 64;
constexpr int kMostJudged = 240;
constexpr int kMostTried = 4000, kMoreTried = 20000;  // Items at positions, where the gap is above kGoodGap, kWideGap.
constexpr int kPriceSteps = 14;
constexpr double kGoodGap = 0.003;  // Above it the prices are moved on, and the search is repeated.
constexpr double kWideGap = 0.008;  // Above it, after that, the search is a wide one.

// Exchanges of two positions, and of a position with an item that is not shown, each of which breaks less or is worth
// more, until none does.
class Exchanges {
 public:
  Exchanges(const SlateState& state, const std::vector<std::uint32_t>& order, std::vector<std::uint32_t>* items)
      : state_(state), problem_(state.problem()), order_(order), items_(*items), broken_(state.BrokenOf(items_)) {}

  void Run() {
    for (std::size_t round = 0; round < kMostExchanges && left_ > 0; ++round) {
      if (!Swap() && !Replace() && !Insert()) return;
    }
  }

 private:
  double ValueAt(std::size_t p) const { return problem_.value[items_[p]]; }
  double Weight(std::size_t p) const { return problem_.examination[p]; }
  // Whether what stands in items_ now, worth `more` than before, is better than what stood there.
  bool Keeps(double more) {
    --left_;
    const Broken broken = state_.BrokenOf(items_, broken_);
    if (broken > broken_ || (broken == broken_ && !(more > kLeast))) return false;
    broken_ = broken;
    return true;
  }
  bool Swap() {
    for (const std::size_t p : state_.FreePositions()) {
      if (left_ <= 0) return false;
      for (const std::size_t q : state_.FreePositions()) {
        if (q <= p) continue;
        const double more = (Weight(p) - Weight(q)) * (ValueAt(q) - ValueAt(p));
        if (!(more > kLeast) && broken_.none()) continue;
        std::swap(items_[p], items_[q]);
        if (Keeps(more)) return true;
        std::swap(items_[p], items_[q]);
      }
    }
    return false;
  }
  // The best items that are not shown, as many as there are positions.
  std::vector<std::uint32_t> Others() const {
    std::vector<std::uint32_t> others;
    for (const std::uint32_t i : order_) {
      if (others.size() == items_.size()) break;
      if (std::ranges::find(items_, i) == items_.end()) others.push_back(i);
    }
    return others;
  }
  bool Replace() {
    const std::vector<std::uint32_t> others = Others();
    for (const std::size_t p : state_.FreePositions()) {
      if (left_ <= 0) return false;
      for (const std::uint32_t other : others) {
        const double more = Weight(p) * (problem_.value[other] - ValueAt(p));
        if (!(more > kLeast) && broken_.none()) break;
        const std::uint32_t before = std::exchange(items_[p], other);
        if (Keeps(more)) return true;
        items_[p] = before;
      }
    }
    return false;
  }
  // One that is not shown at p; what stood from there on moves down to the free position q, whose item leaves.
  bool Insert() {
    const std::span<const std::size_t> free = state_.FreePositions();
    const std::vector<std::uint32_t> others = Others(), before = items_;
    for (std::size_t b = free.size(); b-- > 0;) {
      for (std::size_t a = 0; a < b && left_ > 0; ++a) {
        for (const std::uint32_t other : others) {
          if (!(problem_.value[other] > problem_.value[before[free[b]]]) && broken_.none()) break;
          double more = 0;
          for (std::size_t k = b; k > a; --k) items_[free[k]] = before[free[k - 1]];
          items_[free[a]] = other;
          for (std::size_t k = a; k <= b; ++k)
            more += Weight(free[k]) * (ValueAt(free[k]) - problem_.value[before[free[k]]]);
          if ((more > kLeast || !broken_.none()) && Keeps(more)) return true;
          items_ = before;
        }
      }
    }
    return false;
  }

  static constexpr double kLeast = 1e-12;
  int left_ = kMostJudged;  // Exchanges that may still be judged.
  const SlateState& state_;
  const PlacementProblem& problem_;
  const std::vector<std::uint32_t>& order_;
  std::vector<std::uint32_t>& items_;
  Broken broken_;
};

// Where a cap in a window has few groups, a slate needs some of each: the best of the others, as many as may stand in
// it.
void KeepOfGroups(const PlacementProblem& problem, const SlateCap& cap, std::span<const std::uint32_t> others,
                  std::vector<std::uint32_t>* kept) {
  const std::size_t size = problem.examination.size();
  if (others.empty() || cap.window >= size) return;
  const std::size_t most = cap.at_most * ((size + cap.window - 1) / cap.window);
  const auto better = [&](std::uint32_t a, std::uint32_t b) {
    return problem.value[a] != problem.value[b] ? problem.value[a] > problem.value[b] : a < b;
  };
  std::vector<std::uint32_t> groups;
  std::vector<std::vector<std::uint32_t>> best;  // By groups, as many as may stand in the slate, best first.
  for (const std::uint32_t i : others) {
    const auto at = static_cast<std::size_t>(std::ranges::find(groups, cap.group[i]) - groups.begin());
    if (at == groups.size()) {
      if (at == size) return;  // Many groups: each has one among the best of all, or need not be shown.
      groups.push_back(cap.group[i]);
      best.emplace_back();
    }
    std::vector<std::uint32_t>& of = best[at];
    if (of.size() == most && !better(i, of.back())) continue;
    if (of.size() == most) of.pop_back();
    of.insert(std::ranges::upper_bound(of, i, better), i);
  }
  for (const std::vector<std::uint32_t>& of : best) kept->insert(kept->end(), of.begin(), of.end());
}

// The items worth a look, best first: the best by value, the best of each kind that a floor wants, and those that are
// fixed; all with `all`.
std::vector<std::uint32_t> Candidates(const PlacementProblem& problem, bool all) {
  const std::size_t n = problem.value.size(),
                    most = all ? n : std::min(n, std::max<std::size_t>(4 * problem.examination.size(), 64));
  const auto better = [&](std::uint32_t a, std::uint32_t b) {
    return problem.value[a] != problem.value[b] ? problem.value[a] > problem.value[b] : a < b;
  };
  std::vector<std::uint32_t> order(n);
  for (std::uint32_t i = 0; i < n; ++i) order[i] = i;
  if (most < n) std::ranges::nth_element(order, order.begin() + static_cast<std::ptrdiff_t>(most), better);
  std::vector<std::uint32_t> kept(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most));
  for (const SlateFloor& floor : problem.floors) {
    std::vector<std::uint32_t> kind;
    for (std::size_t k = most; k < n; ++k) {
      if (floor.counts[order[k]]) kind.push_back(order[k]);
    }
    const std::size_t some = std::min<std::size_t>(kind.size(), 2 * floor.at_least + 8);
    std::ranges::partial_sort(kind, kind.begin() + static_cast<std::ptrdiff_t>(some), better);
    kept.insert(kept.end(), kind.begin(), kind.begin() + static_cast<std::ptrdiff_t>(some));
  }
  for (const SlateCap& cap : problem.caps) KeepOfGroups(problem, cap, {order.data() + most, n - most}, &kept);
  for (const std::uint32_t i : problem.fixed) {
    if (i != PlacementProblem::kFree) kept.push_back(i);
  }
  std::ranges::sort(kept, better);
  kept.erase(std::ranges::unique(kept).begin(), kept.end());
  return kept;
}

// The best items in order of value at the free positions.
std::vector<std::uint32_t> ByValue(const SlateState& state, const std::vector<std::uint32_t>& order) {
  std::vector<std::uint32_t> items(state.size());
  std::size_t next = 0;
  for (std::size_t p = 0; p < state.size(); ++p) {
    if (state.IsFixed(p)) {
      items[p] = state.problem().fixed[p];
      continue;
    }
    while (state.IsFixedItem(order[next])) ++next;
    items[p] = order[next++];
  }
  return items;
}

// How wide a search looks.
struct Width {
  std::size_t states, widest, branch;
  std::size_t Of(const SlateState& state) const { return std::clamp<std::size_t>(states / state.size(), 1, widest); }
};
constexpr Width kNarrow{kStates, kWidest, kBranch}, kWide{kWideStates, kWideWidest, kWideBranch};

// The better of the slate that is known and the one that the search finds, after exchanges.
void Improve(const SlateState& state, const std::vector<std::uint32_t>& order, std::vector<std::uint32_t> items,
             SlateSolution* best) {
  Exchanges(state, order, &items).Run();
  SlateSolution found = state.Judge(std::move(items));
  const Broken broken = state.BrokenOf(found.items), known = state.BrokenOf(best->items);
  if (broken < known || (broken == known && found.value > best->value)) *best = std::move(found);
}

void SearchByValue(const SlateState& state, const std::vector<std::uint32_t>& order, const Width& width,
                   SlateSolution* best) {
  const SlateChoices choices = SlateChoices::ByValue(state, order);
  Improve(state, order, SlateBeam(state, choices).Run(width.Of(state), width.branch).items, best);
}

// Only for slates that are better than the known one, where that `is_kept`. Whether there is none.
bool SearchByPrices(const SlateState& state, const std::vector<std::uint32_t>& order, const SlatePrices& prices,
                    bool is_kept, const Width& width, SlateSolution* best) {
  const double most = is_kept ? prices.bound() - best->value : std::numeric_limits<double>::infinity();
  const SlateChoices choices = SlateChoices::ByPrices(state, prices, most);
  SlateBeam::Found found = SlateBeam(state, choices).Run(width.Of(state), width.branch, most);
  if (!found.items.empty()) Improve(state, order, std::move(found.items), best);
  return found.saw_all && is_kept && prices.RestLoss() > most;
}

void Reassign(const SlateState& state, const std::vector<std::uint32_t>& order, int most_tried, SlateSolution* best) {
  std::vector<std::uint32_t> items = best->items;
  const double bound = best->bound;
  if (ReassignPositions(state, order, most_tried, &items)) *best = state.Judge(std::move(items));
  best->bound = bound;
}

// The problem of these items alone, by their index in `order`, and with groups numbered from 1 on; and what the best of
// the others is worth.
struct Part {
  PlacementProblem problem;
  double rest = -std::numeric_limits<double>::infinity();
};

Part PartOf(const PlacementProblem& whole, const std::vector<std::uint32_t>& order) {
  Part part;
  PlacementProblem& problem = part.problem;
  problem.examination = whole.examination;
  std::vector<std::uint32_t> index(whole.value.size(), PlacementProblem::kFree);
  for (std::uint32_t k = 0; k < order.size(); ++k) {
    index[order[k]] = k;
    problem.value.push_back(whole.value[order[k]]);
  }
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (index[i] == PlacementProblem::kFree) part.rest = std::max(part.rest, whole.value[i]);
  }
  std::vector<std::uint32_t> groups;
  for (const SlateCap& cap : whole.caps) {
    SlateCap& made = problem.caps.emplace_back(SlateCap{{}, cap.at_most, cap.window, cap.before, cap.level});
    groups.assign(1, 0);
    for (const std::uint32_t i : order) groups.push_back(cap.group[i]);
    std::ranges::sort(groups);
    groups.erase(std::ranges::unique(groups).begin(), groups.end());
    const auto number = [&](std::uint32_t group) {
      const auto at = std::ranges::lower_bound(groups, group);
      return at == groups.end() || *at != group ? 0 : static_cast<std::uint32_t>(at - groups.begin());
    };
    for (const std::uint32_t i : order) made.group.push_back(number(cap.group[i]));
    for (std::uint32_t& group : made.before) group = number(group);
  }
  for (const SlateFloor& floor : whole.floors) {
    SlateFloor& made = problem.floors.emplace_back(SlateFloor{{}, floor.at_least, floor.first, floor.level});
    for (const std::uint32_t i : order) made.counts.push_back(floor.counts[i]);
  }
  for (const std::uint32_t i : whole.fixed) problem.fixed.push_back(i == PlacementProblem::kFree ? i : index[i]);
  return part;
}

SlateSolution SolvePart(const Part& part, bool all) {
  const PlacementProblem& problem = part.problem;
  const SlateState state(problem);
  if (state.size() == 0) return state.Judge({});
  std::vector<std::uint32_t> order(problem.value.size());
  for (std::uint32_t k = 0; k < order.size(); ++k) order[k] = k;
  SlateSolution best = state.Judge(ByValue(state, order));
  best.bound = best.value;
  const Broken least = state.BrokenByFixed();
  if (state.BrokenOf(best.items) <= least) return best;
  best = state.Judge(SlateBeam(state, SlateChoices::ByValue(state, order)).Run(1, 1).items);
  const auto is_kept = [&] { return state.BrokenOf(best.items) <= least; };
  SlatePrices prices(state, best, /*keeps_all=*/true, part.rest);
  bool is_best = false;
  for (const int steps : {kPriceSteps, 2 * kPriceSteps}) {  // Steps are better sized by a better slate.
    prices.Run(steps, best.value, is_kept());
    is_best = SearchByPrices(state, order, prices, is_kept(), kNarrow, &best);
    if (is_best || prices.bound() - best.value <= kGoodGap * std::fabs(best.value)) break;
  }
  const auto is_above = [&](double gap) {
    return !is_best && (!is_kept() || prices.bound() - best.value > gap * std::fabs(best.value));
  };
  if (is_above(kGoodGap)) {
    Reassign(state, order, kMostTried, &best);
    prices.Run(kPriceSteps, best.value, is_kept());
    const bool is_hard = is_above(kWideGap);
    is_best = SearchByPrices(state, order, prices, is_kept(), is_hard ? kWide : kNarrow, &best);
    if (is_hard) Reassign(state, order, kMoreTried, &best);
  }
  best.bound = is_best ? best.value : std::max(best.value, prices.bound());
  if (is_kept() || !all) return best;
  // Something cannot be kept, or is found by a wider look alone.
  SearchByValue(state, order, kWide, &best);
  SlatePrices relaxed(state, best, /*keeps_all=*/false, part.rest);
  relaxed.Run(kPriceSteps, best.value, false);
  SearchByPrices(state, order, relaxed, false, kWide, &best);
  SlatePrices last(state, best, /*keeps_all=*/false, part.rest);
  last.Run(kPriceSteps, best.value, false);
  best.bound = std::max(best.value, last.bound());
  return best;
}

}  // namespace

bool SlateSolution::relaxed() const {
  const auto some = [](std::uint32_t count) { return count > 0; };
  return std::ranges::any_of(cap_excess, some) || std::ranges::any_of(floor_missing, some);
}

double SlateSolution::gap() const {
  const double apart = std::max(0.0, bound - value);
  return apart == 0 ? 0 : apart / std::max(std::fabs(bound), 1e-300);
}

SlateSolution SolveSlate(const PlacementProblem& problem) {
  SlateSolution solution;
  for (const bool all : {false, true}) {
    const std::vector<std::uint32_t> order = Candidates(problem, all);
    const bool is_all = order.size() == problem.value.size();
    solution = SolvePart(PartOf(problem, order), is_all);
    for (std::uint32_t& item : solution.items) item = order[item];
    if (is_all || !solution.relaxed()) break;
  }
  return solution;
}

SlateSolution JudgeSlate(const PlacementProblem& problem, std::vector<std::uint32_t> items) {
  return SlateState(problem).Judge(std::move(items));
}

std::vector<std::uint32_t> WhoCanStand(const PlacementProblem& problem, const SlateSolution& now, std::size_t position,
                                       std::vector<std::uint32_t> items) {
  const SlateState state(problem);
  const Broken broken = state.BrokenOf(now.items);
  std::vector<std::uint32_t> exchanged = now.items;
  PlacementProblem with;  // With an item fixed there; made for the first that needs it.
  const auto can = [&](std::uint32_t item) {
    if (!state.Fits(position, item)) return false;
    const auto at = std::ranges::find(exchanged, item);
    const auto other = static_cast<std::size_t>(at - exchanged.begin());
    const std::uint32_t stood = std::exchange(exchanged[position], item);
    if (other < exchanged.size()) exchanged[other] = stood;
    const bool keeps = state.BrokenOf(exchanged, broken) <= broken;
    if (other < exchanged.size()) exchanged[other] = item;
    exchanged[position] = stood;
    if (keeps) return true;
    if (with.value.empty()) {
      with = problem;
      with.fixed.resize(now.items.size(), PlacementProblem::kFree);
    }
    with.fixed[position] = item;
    return state.BrokenOf(SolveSlate(with).items) <= broken;
  };
  std::erase_if(items, [&](std::uint32_t item) { return !can(item); });
  return items;
}

bool CanStand(const PlacementProblem& problem, const SlateSolution& now, std::size_t position, std::uint32_t item) {
  return !WhoCanStand(problem, now, position, {item}).empty();
}

}  // namespace gfr
