#include "rank/solve_policy.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "feed/contract_prices.h"
#include "rank/conditions.h"
#include "rank/diversity.h"
#include "rank/eligibility.h"
#include "rank/slate_solver.h"
#include "rank/slate_state.h"

namespace gfr {
namespace {

// A group of the solver for a category: two of 2^32 may fall together, which makes a cap the stricter.
std::uint32_t GroupOf(Key category) {
  const auto folded = static_cast<std::uint32_t>(category ^ (category >> 32));
  return category == 0 ? 0 : std::max(folded, 1u);
}

class PolicySolver {
 public:
  // `values`: of the draft, by candidate. `ranking`: the candidates of this one of a pair's alone (Draft::rankings),
  // and what it has fixed; 0: all.
  PolicySolver(const RankInput& in, Draft* draft, std::vector<float>* values, std::uint8_t ranking = 0)
      : in_(in),
        policy_(*in.policy),
        draft_(*draft),
        values_(*values),
        ranking_(ranking),
        columns_(in, *draft, draft->items, draft->lease.items) {}

  void Run() {
    Pose();
    if (!in_.request.has_candidates && !draft_.is_swapped && explore_rate_ > 0) Draw();
    Take(SolveSlate(problem_));
    if (draft_.is_swapped) AllowSwaps();
  }

  // The first of a pair: what is pinned and drawn is so for both.
  std::vector<std::uint32_t> RunFirst() {
    Pose();
    if (!in_.request.has_candidates && explore_rate_ >= 1) Draw();
    return Candidates(SolveSlate(problem_).items);
  }
  // The second, with the candidates that the first fixed; says nothing in the outcome that the first has said.
  std::vector<std::uint32_t> RunSecond(const std::vector<std::uint32_t>& fixed) {
    is_second_ = true;
    Boost();
    Prepare(fixed);
    PriceContracts();
    Diversify();
    return Candidates(SolveSlate(problem_).items);
  }
  // The problem's constraints alone, of all candidates.
  PlacementProblem Constraints() {
    is_second_ = true;
    Prepare({});
    return std::move(problem_);
  }
  // By position of the problem the candidate that is fixed, or kFree.
  std::vector<std::uint32_t> Fixed() const { return Candidates(problem_.fixed); }
  const std::vector<std::uint32_t>& items() const { return items_; }

 private:
  // The problem of a slate with nothing fixed but its pins.
  void Pose() {
    draft_.propensity.assign(draft_.items.size(), 1.0f);
    Boost();
    Prepare({});
    Pin();
    PriceContracts();
    Diversify();
  }

  void Prepare(const std::vector<std::uint32_t>& fixed) {
    for (std::uint32_t i = 0; i < draft_.items.size(); ++i) {
      if (!IsEligible(draft_, i)) continue;
      const bool is_own = ranking_ == 0 || draft_.rankings.empty() || (draft_.rankings[i] & ranking_) != 0;
      if (is_own || std::ranges::find(fixed, i) != fixed.end()) items_.push_back(i);
    }
    FillValues();
    FillCaps();
    for (const FeedFloor& floor : policy_.floors) {
      SlateFloor& made = problem_.floors.emplace_back();
      made.at_least = floor.at_least;
      made.first = floor.first;
      made.level = policy_.floor_level;
      const std::span<const double> holds = columns_.Evaluate(floor.where);
      for (const std::uint32_t i : items_) made.counts.push_back(holds[i] != 0);
    }
    problem_.fixed.assign(problem_.examination.size(), PlacementProblem::kFree);
    for (std::size_t p = 0; p < std::min(fixed.size(), problem_.fixed.size()); ++p) {
      const auto at = std::ranges::lower_bound(items_, fixed[p]);
      if (fixed[p] != PlacementProblem::kFree) problem_.fixed[p] = static_cast<std::uint32_t>(at - items_.begin());
    }
  }

  std::vector<std::uint32_t> Candidates(const std::vector<std::uint32_t>& slate) const {
    std::vector<std::uint32_t> candidates;
    for (const std::uint32_t k : slate) candidates.push_back(k == PlacementProblem::kFree ? k : items_[k]);
    return candidates;
  }

  void Boost() {
    for (const FeedBoost& boost : policy_.boosts) {
      const std::span<const double> holds = columns_.Evaluate(boost.where);
      PolicyPart part{.name = "boost " + boost.name, .items = {}, .times = boost.times, .plus = boost.plus};
      for (std::uint32_t i = 0; i < draft_.items.size(); ++i) {
        if (holds[i] == 0) continue;
        values_[i] = static_cast<float>(values_[i] * boost.times + boost.plus);
        part.items.push_back(i);
      }
      if (!part.items.empty() && !is_second_) draft_.outcome.parts.push_back(std::move(part));
    }
  }

  // An item without a value ranks last.
  void FillValues() {
    const std::size_t size = std::min(in_.size, items_.size()), begin = PageBegin(in_.request);
    for (std::size_t p = 0; p < size; ++p)
      problem_.examination.push_back(std::pow(1.0 + static_cast<double>(begin + p), -policy_.examination));
    double least = 0;
    for (const std::uint32_t i : items_) {
      if (std::isfinite(values_[i])) least = std::min(least, static_cast<double>(values_[i]));
    }
    for (const std::uint32_t i : items_)
      problem_.value.push_back(std::isfinite(values_[i]) ? static_cast<double>(values_[i]) : least);
  }

  void FillCaps() {
    std::vector<const std::byte*> shown;
    if (in_.request.page && (!policy_.caps.empty() || Parent() >= 0)) {
      shown.resize(in_.request.page->shown.size());
      in_.reader.FindItemRows(in_.request.page->shown, /*more=*/true, &draft_.lease, shown);
    }
    const auto add = [&](std::uint32_t property, std::uint32_t at_most, std::size_t window, std::uint32_t level) {
      SlateCap& cap = problem_.caps.emplace_back();
      cap.at_most = at_most;
      cap.window = window;
      cap.level = level;
      const std::span<const Key> categories = columns_.CategoriesOf(property);
      for (const std::uint32_t i : items_) cap.group.push_back(GroupOf(categories[i]));
      for (const std::byte* row : shown)
        cap.before.push_back(row ? GroupOf(in_.store.shared().Properties(row)[property].category) : 0);
      return &cap;
    };
    for (const FeedCap& cap : policy_.caps)
      add(cap.property, cap.at_most, cap.window,
          cap.window == SlateCap::kWhole ? policy_.cap_level : policy_.window_level);
    if (Parent() < 0) return;
    // What is a parent itself is of its own group.
    SlateCap* const one = add(static_cast<std::uint32_t>(Parent()), 1, SlateCap::kWhole, kSlateLevels - 1);
    for (std::size_t k = 0; k < items_.size(); ++k) {
      if (one->group[k] == 0) one->group[k] = GroupOf(KeyOf(draft_.items[items_[k]].item_id));
    }
    for (std::size_t k = 0; k < one->before.size(); ++k) {
      if (one->before[k] == 0) one->before[k] = GroupOf(in_.request.page->shown[k]);
    }
  }
  int Parent() const { return in_.store.features().schema.parent_property; }

  void Pin() {
    if (in_.request.page) return;
    for (const FeedPin& pin : policy_.pins) {
      if (pin.position >= problem_.fixed.size()) continue;
      const std::span<const double> holds = columns_.Evaluate(pin.where);
      std::uint32_t best = PlacementProblem::kFree;
      for (std::uint32_t k = 0; k < items_.size(); ++k) {
        if (pin.item.empty() ? holds[items_[k]] == 0 : draft_.items[items_[k]].item_id != pin.item) continue;
        if (std::ranges::find(problem_.fixed, k) != problem_.fixed.end()) continue;
        if (best == PlacementProblem::kFree || problem_.value[k] > problem_.value[best]) best = k;
      }
      if (best == PlacementProblem::kFree) continue;
      problem_.fixed[pin.position] = best;
      draft_.outcome.parts.push_back({.name = "pin " + pin.name, .items = {items_[best]}});
    }
  }

  // A price of a view is one of the value: a position's views and its value are both examined as often. The holdout
  // ranks by popularity, in another unit, and pays none.
  void PriceContracts() {
    const std::string arm = ArmOf(in_.settings.experiments);
    for (const FeedContract& contract : policy_.contracts) {
      const ContractPrices::Of* const of = in_.settings.contracts == nullptr || in_.settings.popular
                                               ? nullptr
                                               : in_.settings.contracts->Find(in_.config.name, contract.name, arm);
      const double price = of == nullptr ? 0 : of->price;
      if (contract.kind == FeedContract::Kind::kExplored) {
        explore_rate_ *= 1 - std::clamp(price, 0.0, 1.0);
        if (price > 0 && !is_second_) draft_.duals.push_back({contract.name, price});
        continue;
      }
      const bool owes = contract.kind == FeedContract::Kind::kEachItem;
      const std::span<const double> holds = columns_.Evaluate(contract.where);
      PolicyPart part{
          .name = ContractPart(contract.name), .items = {}, .times = 1, .plus = owes || price == 0 ? 0 : -price};
      for (std::uint32_t k = 0; k < items_.size(); ++k) {
        if (holds[items_[k]] == 0) continue;
        part.items.push_back(items_[k]);
        problem_.value[k] += owes ? PriceOf(of, draft_.items[items_[k]]) : -price;
      }
      if (part.items.empty() || is_second_) continue;
      if (!owes && price > 0) draft_.duals.push_back({contract.name, price});
      if (owes) owed_.push_back({&contract, of, part.items});
      draft_.outcome.parts.push_back(std::move(part));
    }
  }
  static double PriceOf(const ContractPrices::Of* of, const EventItem& item) {
    if (of == nullptr) return 0;
    const auto at = of->by_item.find(KeyOf(item.item_id));
    return at == of->by_item.end() ? of->price : at->second;
  }
  // Of what is shown, what each contract pays for each item.
  void NotePaid() {
    for (const Owed& owed : owed_) {
      for (const std::size_t i : draft_.slate) {
        if (!std::ranges::binary_search(owed.items, static_cast<std::uint32_t>(i))) continue;
        const double price = PriceOf(owed.of, draft_.items[i]);
        if (!(price > 0)) continue;
        draft_.duals.push_back({owed.contract->name + "/" + draft_.items[i].item_id, price});
      }
    }
  }

  // Beside what is pinned; what the pages before showed is not in it, which windows reach back over.
  void Diversify() {
    if (policy_.diversity == 0) return;
    std::vector<std::vector<Key>> categories;
    for (const std::uint32_t property : policy_.diversity_of) {
      const std::span<const Key> of = columns_.CategoriesOf(property);
      std::vector<Key>& own = categories.emplace_back();
      for (const std::uint32_t i : items_) own.push_back(of[i]);
    }
    std::vector<std::uint32_t> pinned;
    for (const std::uint32_t k : problem_.fixed) {
      if (k != PlacementProblem::kFree) pinned.push_back(k);
    }
    problem_.value = MarginalValues(problem_.value, {categories.begin(), categories.end()}, policy_.diversity,
                                    problem_.examination.size(), pinned);
  }

  void Draw() {
    const std::size_t begin = PageBegin(in_.request);
    for (std::size_t p = 0; p < problem_.fixed.size(); ++p) {
      if ((begin + p) % policy_.explore_every != policy_.explore_every - 1 ||
          problem_.fixed[p] != PlacementProblem::kFree)
        continue;
      const SlateSolution now = SolveSlate(problem_);
      std::vector<std::uint32_t> pool;
      for (std::uint32_t k = 0; k < items_.size(); ++k) {
        if (draft_.items[items_[k]].channel == "explore" &&
            std::ranges::find(problem_.fixed, k) == problem_.fixed.end())
          pool.push_back(k);
      }
      pool = WhoCanStand(problem_, now, p, std::move(pool));
      if (!pool.empty()) DrawFrom(p, now.items[p], std::move(pool));
    }
  }

  // `pool`: rising; `otherwise`: what would stand there.
  void DrawFrom(std::size_t p, std::uint32_t otherwise, std::vector<std::uint32_t> pool) {
    ServedDraw draw{.position = static_cast<std::int32_t>(PageBegin(in_.request) + p), .pool = {}, .probability = {}};
    const double each = explore_rate_ / static_cast<double>(pool.size());
    std::uint32_t pick = PlacementProblem::kFree;
    double probability = each;
    if (explore_rate_ < 1) {
      const bool explores = draft_.rng.Chance(explore_rate_);
      pick = explores ? pool[draft_.rng.Below(pool.size())] : otherwise;
      const auto at = std::ranges::lower_bound(pool, otherwise);
      const bool is_in = at != pool.end() && *at == otherwise;
      const auto index = at - pool.begin();
      draw.probability.assign(pool.size(), static_cast<float>(each));
      if (!is_in) {
        pool.insert(at, otherwise);
        draw.probability.insert(draw.probability.begin() + index, 0.0f);
      }
      const double kept = 1 - explore_rate_ + (is_in ? each : 0);
      draw.probability[static_cast<std::size_t>(index)] = static_cast<float>(kept);
      if (pick == otherwise) probability = kept;
    } else {
      pick = pool[draft_.rng.Below(pool.size())];
    }
    problem_.fixed[p] = pick;
    draft_.propensity[items_[pick]] = static_cast<float>(probability);
    for (const std::uint32_t k : pool) draw.pool.push_back(items_[k]);
    draft_.draws.push_back(std::move(draw));
  }

  void Take(const SlateSolution& solution) {
    SlateOutcome& outcome = draft_.outcome;
    for (const std::uint32_t k : solution.items) draft_.slate.push_back(items_[k]);
    NotePaid();
    outcome.value = solution.value;
    outcome.bound = solution.bound;
    for (std::size_t c = 0; c < solution.cap_excess.size(); ++c) {
      const std::string name = c < policy_.caps.size() ? "cap " + policy_.caps[c].name : "parent";
      if (solution.cap_excess[c] > 0) outcome.relaxed.push_back({name, static_cast<double>(solution.cap_excess[c])});
    }
    for (std::size_t f = 0; f < solution.floor_missing.size(); ++f) {
      if (solution.floor_missing[f] > 0)
        outcome.relaxed.push_back({"floor " + policy_.floors[f].name, static_cast<double>(solution.floor_missing[f])});
    }
  }

  // Of a slate in which the pair's items stand the other way round: whether it keeps as much.
  void AllowSwaps() {
    const auto problem = std::make_shared<const PlacementProblem>(std::move(problem_));
    std::vector<std::uint32_t> index(draft_.items.size());
    for (std::uint32_t k = 0; k < items_.size(); ++k) index[items_[k]] = k;
    draft_.may_swap = [problem, index = std::move(index), slate = &draft_.slate](std::size_t p) {
      if (problem->fixed[p] != PlacementProblem::kFree || problem->fixed[p + 1] != PlacementProblem::kFree)
        return false;
      std::vector<std::uint32_t> items;
      for (const std::size_t i : *slate) items.push_back(index[i]);
      const SlateState state(*problem);
      const auto now = state.BrokenOf(items);
      std::swap(items[p], items[p + 1]);
      return state.BrokenOf(items) <= now;
    };
  }

  // What a contract owes to items of this slate's candidates.
  struct Owed {
    const FeedContract* contract;
    const ContractPrices::Of* of;      // Null: there is no price.
    std::vector<std::uint32_t> items;  // Rising.
  };

  const RankInput& in_;
  const FeedPolicy& policy_;
  Draft& draft_;
  std::vector<float>& values_;
  const std::uint8_t ranking_;
  bool is_second_ = false;
  double explore_rate_ = policy_.explore_rate;  // After what contracts leave of it.
  std::vector<Owed> owed_;
  ConditionColumns columns_;
  std::vector<std::uint32_t> items_;  // Of the problem's items, which candidates they are: rising.
  PlacementProblem problem_;
};

}  // namespace

void SolvePolicy(const RankInput& in, Draft* draft) { PolicySolver(in, draft, &draft->value).Run(); }

PolicyPair SolvePair(const RankInput& in, Draft* draft) {
  PolicyPair pair;
  PolicySolver first(in, draft, &draft->value, 1), second(in, draft, &draft->second_value, 2);
  pair.first = first.RunFirst();
  pair.fixed = first.Fixed();
  pair.second = second.RunSecond(pair.fixed);
  PolicySolver all(in, draft, &draft->value);
  const auto problem = std::make_shared<const PlacementProblem>(all.Constraints());
  if (problem->caps.empty() && problem->floors.empty()) return pair;
  std::vector<std::uint32_t> index(draft->items.size());
  for (std::uint32_t k = 0; k < all.items().size(); ++k) index[all.items()[k]] = k;
  const auto broken = [problem, index = std::move(index)](const std::vector<std::uint32_t>& slate) {
    std::vector<std::uint32_t> items;
    for (const std::uint32_t i : slate) items.push_back(index[i]);
    return SlateState(*problem).BrokenOf(items);
  };
  const Broken most = std::max(broken(pair.first), broken(pair.second));
  pair.keeps = [broken, most](const std::vector<std::uint32_t>& slate) { return broken(slate) <= most; };
  return pair;
}

}  // namespace gfr
