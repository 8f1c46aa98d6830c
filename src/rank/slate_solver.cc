#include "rank/slate_solver.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "rank/slate_prices.h"
#include "rank/slate_state.h"

namespace gfr {
namespace {

constexpr std::size_t kStates = 240, kWideStates = 960;  // Width x positions: long slates are searched more narrowly.
constexpr std::size_t kWidest = 24, kWideWidest = 64;
constexpr std::size_t kBranch = 6, kWideBranch = 12;  // Items tried at a position of one state.
constexpr std::size_t kMostExchanges = 64;
constexpr int kMostJudged = 240;
constexpr int kPriceSteps = 14;
constexpr double kGoodGap = 0.003;  // Above it the prices are moved on, and the search is repeated.

// A slate of the first positions.
struct Node {
  std::vector<std::uint32_t> path;
  Broken broken;
  double loss = 0;                  // By the prices, or of value (BeamSearch).
  std::uint64_t set = 0;            // Of its items, whatever their order.
  std::vector<std::uint32_t> have;  // By floor.
};

struct Child {
  Broken broken;
  double loss;
  std::uint32_t parent, item;
  std::uint64_t set;
  bool operator<(const Child& b) const {
    if (broken != b.broken) return broken < b.broken;
    if (loss != b.loss) return loss < b.loss;
    return parent != b.parent ? parent < b.parent : item < b.item;
  }
};

std::uint64_t Mixed(std::uint64_t x) {
  x = (x + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
  return (x ^ (x >> 29)) * 0x94d049bb133111ebu;
}

// What it costs to put an item at a position, and in which order items are tried there.
struct Choices {
  std::vector<std::vector<std::uint32_t>> order;  // By free position, or one for all.
  std::vector<std::vector<double>> loss;          // Likewise, by item of the problem; empty: none.
  const std::vector<std::uint32_t>& At(std::size_t t) const { return order[order.size() == 1 ? 0 : t]; }
  double Loss(std::size_t t, std::uint32_t item) const { return loss.empty() ? 0 : loss[t][item]; }
};

// By value alone.
Choices ChoicesByValue(const std::vector<std::uint32_t>& order) { return {.order = {order}, .loss = {}}; }

// By what the prices say is lost.
Choices ChoicesByPrices(const SlateState& state, const SlatePrices& prices) {
  const std::vector<std::uint32_t>& items = prices.items();
  Choices choices;
  const std::size_t most = std::min(items.size(), state.size() + 16);
  std::vector<std::uint32_t> columns(items.size());
  for (std::size_t t = 0; t < state.FreePositions().size(); ++t) {
    const std::span<const double> losses = prices.Losses(t);
    for (std::uint32_t j = 0; j < items.size(); ++j) columns[j] = j;
    const auto less = [&](std::uint32_t a, std::uint32_t b) {
      return losses[a] != losses[b] ? losses[a] < losses[b] : a < b;
    };
    const auto end = columns.begin() + static_cast<std::ptrdiff_t>(most);
    std::ranges::nth_element(columns, most < columns.size() ? end : columns.end(), less);
    std::sort(columns.begin(), end, less);
    std::vector<std::uint32_t>& order = choices.order.emplace_back();
    for (const std::uint32_t j : columns) order.push_back(items[j]);
    std::vector<double>& loss = choices.loss.emplace_back(state.problem().value.size());
    for (std::size_t j = 0; j < items.size(); ++j) loss[items[j]] = losses[j];
  }
  return choices;
}

// Searches over positions for the slate that breaks and loses least.
class BeamSearch {
 public:
  BeamSearch(const SlateState& state, const Choices& choices, std::size_t width, std::size_t branch)
      : state_(state),
        problem_(state.problem()),
        choices_(choices),
        width_(width),
        branch_(branch),
        stamp_(problem_.value.size(), 0) {}

  std::vector<std::uint32_t> Run() {
    std::vector<Node> beam{Node{.path = {}, .broken = state_.BrokenByFixed(), .have = state_.FixedOfFloors()}}, next;
    for (std::size_t p = 0, t = 0; p < state_.size(); ++p) {
      if (state_.IsFixed(p)) {
        for (Node& node : beam) node.path.push_back(problem_.fixed[p]);
        continue;
      }
      children_.clear();
      for (std::uint32_t n = 0; n < beam.size(); ++n) Expand(beam[n], n, p, t);
      std::sort(children_.begin(), children_.end());
      next.clear();
      for (const Child& child : children_) {
        if (next.size() == width_) break;
        const auto same = [&](const Node& n) { return n.set == child.set && n.path.back() == child.item; };
        if (std::ranges::none_of(next, same)) next.push_back(Grown(beam[child.parent], child, p));
      }
      std::swap(beam, next);
      ++t;
    }
    return beam.front().path;
  }

 private:
  Node Grown(const Node& parent, const Child& child, std::size_t p) const {
    Node node{.path = parent.path, .broken = child.broken, .loss = child.loss, .set = child.set, .have = parent.have};
    node.path.push_back(child.item);
    for (std::size_t f = 0; f < node.have.size(); ++f) node.have[f] += Counts(f, p, child.item);
    return node;
  }
  bool Counts(std::size_t floor, std::size_t p, std::uint32_t item) const {
    return p < problem_.floors[floor].first && problem_.floors[floor].counts[item] != 0;
  }

  void Expand(const Node& node, std::uint32_t parent, std::size_t p, std::size_t t) {
    ++now_;
    for (const std::uint32_t i : node.path) stamp_[i] = now_;
    const std::size_t begin = children_.size();
    std::vector<std::size_t> wanted;  // Floors that want one here.
    for (std::size_t f = 0; f < node.have.size(); ++f) {
      if (node.have[f] < problem_.floors[f].at_least && p < problem_.floors[f].first) wanted.push_back(f);
    }
    std::size_t tried = 0;
    Child least{Broken::Most(), 0, parent, PlacementProblem::kFree, 0};
    for (const std::uint32_t i : choices_.At(t)) {
      if (stamp_[i] == now_ || state_.IsFixedItem(i)) continue;
      const auto is_wanted = [&](std::size_t f) { return problem_.floors[f].counts[i] != 0; };
      const bool of_floor = !wanted.empty() && std::ranges::any_of(wanted, is_wanted);
      if (tried >= branch_ && !of_floor) {
        if (wanted.empty()) break;
        continue;
      }
      const Child child = ChildOf(node, parent, p, t, i);
      if (child.broken > node.broken) {
        if (child < least) least = child;
        continue;
      }
      children_.push_back(child);
      ++tried;
      if (of_floor) std::erase_if(wanted, is_wanted);
    }
    if (children_.size() - begin < branch_ && least.item != PlacementProblem::kFree) children_.push_back(least);
  }

  Child ChildOf(const Node& node, std::uint32_t parent, std::size_t p, std::size_t t, std::uint32_t item) {
    Broken broken = node.broken;
    broken += state_.BrokenBy(node.path, p, item);
    if (!node.have.empty()) {
      have_ = node.have;
      for (std::size_t f = 0; f < have_.size(); ++f) have_[f] += Counts(f, p, item);
      broken -= state_.ShortOfFloors(node.have, p);
      broken += state_.ShortOfFloors(have_, p + 1);
    }
    // Without prices the first of the order is best, and what comes behind it loses by its value.
    const double loss = choices_.loss.empty() ? node.loss - problem_.examination[p] * problem_.value[item]
                                              : node.loss + choices_.Loss(t, item);
    return {broken, loss, parent, item, node.set + Mixed(item)};
  }

  const SlateState& state_;
  const PlacementProblem& problem_;
  const Choices& choices_;
  const std::size_t width_, branch_;
  std::vector<std::uint32_t> stamp_;
  std::uint32_t now_ = 0;
  std::vector<Child> children_;
  std::vector<std::uint32_t> have_;
};

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

// The better of the slate that is known and the one that the search finds, after exchanges.
void Search(const SlateState& state, const std::vector<std::uint32_t>& order, const Choices& choices, bool wide,
            SlateSolution* best) {
  const std::size_t states = wide ? kWideStates : kStates, widest = wide ? kWideWidest : kWidest;
  const std::size_t width = std::clamp<std::size_t>(states / state.size(), 1, widest);
  std::vector<std::uint32_t> items = BeamSearch(state, choices, width, wide ? kWideBranch : kBranch).Run();
  Exchanges(state, order, &items).Run();
  SlateSolution found = state.Judge(std::move(items));
  const Broken broken = state.BrokenOf(found.items), known = state.BrokenOf(best->items);
  if (broken < known || (broken == known && found.value > best->value)) *best = std::move(found);
}

// The problem of these items alone, by their index in `order`; and what the best of the others is worth.
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
  for (const SlateCap& cap : whole.caps) {
    SlateCap& made = problem.caps.emplace_back(SlateCap{{}, cap.at_most, cap.window, cap.before, cap.level});
    for (const std::uint32_t i : order) made.group.push_back(cap.group[i]);
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
  best = state.Judge(BeamSearch(state, ChoicesByValue(order), 1, 1).Run());
  SlatePrices prices(state, best, /*keeps_all=*/true, part.rest);
  prices.Run(kPriceSteps, best.value);
  Search(state, order, ChoicesByPrices(state, prices), /*wide=*/false, &best);
  if (prices.bound() - best.value > kGoodGap * std::fabs(best.value)) {
    prices.Run(2 * kPriceSteps, best.value);  // Steps are better sized by a better slate.
    Search(state, order, ChoicesByPrices(state, prices), /*wide=*/false, &best);
  }
  best.bound = std::max(best.value, prices.bound());
  if (state.BrokenOf(best.items) <= least || !all) return best;
  // Something cannot be kept, or is found by a wider look alone.
  Search(state, order, ChoicesByValue(order), /*wide=*/true, &best);
  SlatePrices relaxed(state, best, /*keeps_all=*/false, part.rest);
  relaxed.Run(kPriceSteps, best.value);
  Search(state, order, ChoicesByPrices(state, relaxed), /*wide=*/true, &best);
  SlatePrices last(state, best, /*keeps_all=*/false, part.rest);
  last.Run(kPriceSteps, best.value);
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
