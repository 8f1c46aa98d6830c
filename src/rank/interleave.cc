#include "rank/interleave.h"

#include <algorithm>
#include <utility>

#include "experiment/interleaving.h"
#include "rank/eligibility.h"
#include "rank/policy.h"
#include "rank/scores.h"
#include "rank/solve_policy.h"
#include "rank/values.h"

namespace gfr {
namespace {

// The ranking's candidates that may be shown, best first. `bit`: of Draft::rankings. `most`: so many of them are looked
// at.
std::vector<std::uint32_t> RankingOf(const std::vector<float>& value, const Draft& draft, std::uint8_t bit,
                                     std::size_t most) {
  std::vector<std::uint32_t> ranking;
  for (const std::size_t i : OrderByValue(value, draft.ineligible, draft.rankings.empty() ? most : SIZE_MAX)) {
    if (draft.rankings.empty() || (draft.rankings[i] & bit)) ranking.push_back(static_cast<std::uint32_t>(i));
  }
  return ranking;
}

// By position what is explored there, drawn before anything else is placed.
std::vector<std::uint32_t> DrawExplored(const RankInput& in, std::size_t size, Draft* draft) {
  std::vector<std::uint32_t> fixed(size, Interleaving::kFree), pool;
  if (in.request.has_candidates) return fixed;
  for (std::size_t i = 0; i < draft->items.size(); ++i) {
    if (draft->items[i].channel == "explore" && IsEligible(*draft, i)) pool.push_back(static_cast<std::uint32_t>(i));
  }
  for (std::size_t p = 0; p < size && !pool.empty(); ++p) {
    if (!IsExplored(PageBegin(in.request) + p)) continue;
    const std::size_t pick = draft->rng.Below(pool.size());
    fixed[p] = pool[pick];
    draft->propensity[pool[pick]] = 1.0f / static_cast<float>(pool.size());
    draft->draws.push_back(
        {.position = static_cast<std::int32_t>(PageBegin(in.request) + p), .pool = pool, .probability = {}});
    pool.erase(pool.begin() + static_cast<std::ptrdiff_t>(pick));
  }
  return fixed;
}

}  // namespace

RankInput SecondOf(const RankInput& in) {
  const RankPair& pair = *in.settings.pair;
  return {.store = in.store,
          .reader = in.reader,
          .model = pair.model,
          .lists = in.lists,
          .config = pair.feed,
          .request = in.request,
          .user = in.user,
          .session = in.session,
          .size = in.size,
          .policy = in.policy,
          .settings = in.settings};
}

void RankSecond(const RankInput& in, Draft* draft) {
  const RankInput second = SecondOf(in);
  const std::size_t n = draft->items.size();
  if (second.model == nullptr) {
    draft->second_value = draft->value;  // Both by popularity.
    return;
  }
  draft->second_scores = second.model == in.model
                             ? draft->scores
                             : ScoresOf(second.model, second.config.objectives, draft->features.data(), n, second.size);
  draft->second_value =
      ModelValues(second.model->model(), second.config, draft->second_scores, FormulaProperties(second, *draft), n);
}

namespace {

// So many merged slates are looked at, at most: a request's time.
constexpr double kMostSlates = 512;

void RecordCoin(const RankInput& in, std::size_t position, std::uint32_t shown, std::uint32_t other, double probability,
                Draft* draft) {
  ServedDraw draw{.position = static_cast<std::int32_t>(PageBegin(in.request) + position),
                  .pool = {shown, other},
                  .probability = {static_cast<float>(probability), static_cast<float>(1 - probability)}};
  draft->propensity[shown] = draw.probability[0];
  if (other < shown) {
    std::swap(draw.pool[0], draw.pool[1]);
    std::swap(draw.probability[0], draw.probability[1]);
  }
  draft->draws.push_back(std::move(draw));
}

void TakeMerged(const RankInput& in, const Interleaving& merged, Draft* draft) {
  const InterleavedSlate slate = merged.Draw(draft->rng);
  draft->slate.assign(slate.items.begin(), slate.items.end());
  draft->credit.assign(slate.credit.begin(), slate.credit.end());
  for (const InterleavingChoice& c : slate.choices) RecordCoin(in, c.position, c.shown, c.other, c.probability, draft);
}

// Merges two slates that each keep the policy. Where some merged slate would not, the pair gets no credit: a fair coin
// shows one of the two as it is, which is a draw at the first position where they differ.
void InterleaveSolved(const RankInput& in, Draft* draft) {
  const PolicyPair pair = SolvePair(in, draft);
  const std::size_t size = std::min(in.size, EligibleCount(*draft));
  const Interleaving merged(pair.first, pair.second, size, pair.fixed, {in.settings.pair->examination});
  const auto keep = [&](const InterleavedSlate& slate) { return pair.keeps(slate.items); };
  if (!pair.keeps || (merged.Slates() <= kMostSlates && std::ranges::all_of(merged.All(), keep))) {
    TakeMerged(in, merged, draft);
    return;
  }
  const bool takes_first = draft->rng.Chance(0.5);
  const std::vector<std::uint32_t>&shown = takes_first ? pair.first : pair.second,
        &other = takes_first ? pair.second : pair.first;
  draft->slate.assign(shown.begin(), shown.end());
  draft->credit.assign(shown.size(), 0);
  for (std::size_t p = 0; p < std::min(shown.size(), other.size()); ++p) {
    if (shown[p] == other[p]) continue;
    RecordCoin(in, p, shown[p], other[p], 0.5, draft);
    break;
  }
}

}  // namespace

void InterleaveSlate(const RankInput& in, Draft* draft) {
  if (in.policy && in.policy->solves) {
    InterleaveSolved(in, draft);
    return;
  }
  draft->propensity.assign(draft->items.size(), 1.0f);
  const std::size_t size = std::min(in.size, EligibleCount(*draft));
  const std::vector<std::uint32_t> fixed = DrawExplored(in, size, draft);
  // What is fixed stands in neither ranking, and may be among the best of both.
  const std::size_t most = size + static_cast<std::size_t>(std::ranges::count_if(
                                      fixed, [](std::uint32_t item) { return item != Interleaving::kFree; }));
  const std::vector<std::uint32_t> first = RankingOf(draft->value, *draft, 1, most);
  // Two rankings by one order are sorted once.
  const bool equal = draft->rankings.empty() && draft->second_value == draft->value;
  const std::vector<std::uint32_t> second = equal ? first : RankingOf(draft->second_value, *draft, 2, most);
  TakeMerged(in, Interleaving(first, second, size, fixed, {in.settings.pair->examination}), draft);
}

}  // namespace gfr
