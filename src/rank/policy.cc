#include "rank/policy.h"

#include <algorithm>
#include <utility>

#include "rank/solve_policy.h"
#include "rank/values.h"

namespace gfr {
namespace {

// Puts one drawn explore candidate in every sixth place; its propensity is one over the pool it was drawn from.
void Explore(const std::vector<std::size_t>& order, const RankInput& in, Draft* draft) {
  const std::size_t begin = PageBegin(in.request);
  std::vector<std::size_t> pool;
  for (const std::size_t i : order) {
    if (draft->items[i].channel == "explore") pool.push_back(i);
  }
  std::vector<bool> used(draft->items.size(), false);
  std::size_t next = 0;
  while (draft->slate.size() < std::min(in.size, order.size())) {
    std::erase_if(pool, [&](std::size_t i) { return used[i]; });
    std::size_t pick = 0;
    if (const std::size_t position = begin + draft->slate.size(); IsExplored(position) && !pool.empty()) {
      pick = pool[draft->rng.Below(pool.size())];
      draft->propensity[pick] = 1.0f / static_cast<float>(pool.size());
      ServedDraw draw{.position = static_cast<std::int32_t>(position), .pool = {}, .probability = {}};
      for (const std::size_t i : pool) draw.pool.push_back(static_cast<std::uint32_t>(i));
      std::ranges::sort(draw.pool);
      draft->draws.push_back(std::move(draw));
    } else {
      while (used[order[next]]) ++next;
      pick = order[next];
    }
    used[pick] = true;
    draft->slate.push_back(pick);
  }
}

// Puts pairs of neighbours in order by a coin; none where the other order would break what the policy keeps.
void Swap(const RankInput& in, Draft* draft) {
  std::vector<std::size_t>& slate = draft->slate;
  const auto begin = static_cast<std::int32_t>(PageBegin(in.request));
  for (std::size_t p = draft->rng.Below(2); p + 1 < slate.size(); p += 2) {
    const bool coin = draft->rng.Chance(0.5);
    if (draft->may_swap && !draft->may_swap(p)) continue;
    if (coin) std::swap(slate[p], slate[p + 1]);
    draft->propensity[slate[p]] = 0.5f;  // The lower one, given the upper, is sure.
    draft->swaps.push_back(begin + static_cast<std::int32_t>(p));
  }
}

}  // namespace

void ChooseSlate(const RankInput& in, Draft* draft) {
  draft->propensity.assign(draft->items.size(), 1.0f);
  draft->is_swapped = in.config.swap_share > 0 && draft->rng.Chance(in.config.swap_share);
  if (in.policy && in.policy->solves) {
    SolvePolicy(in, draft);
  } else if (!in.request.has_candidates && !draft->is_swapped) {
    Explore(OrderByValue(draft->value, draft->ineligible, SIZE_MAX), in, draft);
  } else {
    draft->slate = OrderByValue(draft->value, draft->ineligible, in.size);
  }
  if (draft->is_swapped) Swap(in, draft);
}

}  // namespace gfr
