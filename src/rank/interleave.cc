#include "rank/interleave.h"

#include <algorithm>
#include <utility>

#include "experiment/interleaving.h"
#include "rank/eligibility.h"
#include "rank/policy.h"
#include "rank/scores.h"
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

void InterleaveSlate(const RankInput& in, Draft* draft) {
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
  const Interleaving merged(first, second, size, fixed, {in.settings.pair->examination});
  InterleavedSlate slate = merged.Draw(draft->rng);
  draft->slate.assign(slate.items.begin(), slate.items.end());
  draft->credit.assign(slate.credit.begin(), slate.credit.end());
  for (const InterleavingChoice& c : slate.choices) {
    const auto shown = static_cast<float>(c.probability), other = static_cast<float>(1 - c.probability);
    draft->propensity[c.shown] = shown;
    ServedDraw draw{.position = static_cast<std::int32_t>(PageBegin(in.request) + c.position),
                    .pool = {c.shown, c.other},
                    .probability = {}};
    draw.probability = {shown, other};
    if (c.other < c.shown) {
      std::swap(draw.pool[0], draw.pool[1]);
      std::swap(draw.probability[0], draw.probability[1]);
    }
    draft->draws.push_back(std::move(draw));
  }
}

}  // namespace gfr
