#include "rank/policy.h"

#include <algorithm>
#include <utility>

#include "rank/values.h"

namespace gfr {
namespace {

// Puts one drawn explore candidate in every sixth place; its propensity is one over the pool it was drawn from.
void Explore(const std::vector<std::size_t>& order, std::size_t size, Draft* draft) {
  std::vector<std::size_t> pool;
  for (const std::size_t i : order) {
    if (draft->items[i].channel == "explore") pool.push_back(i);
  }
  std::vector<bool> used(order.size(), false);
  std::size_t next = 0;
  while (draft->slate.size() < std::min(size, order.size())) {
    std::erase_if(pool, [&](std::size_t i) { return used[i]; });
    std::size_t pick = order.size();
    if (IsExplored(draft->slate.size()) && !pool.empty()) {
      pick = pool[draft->rng.Below(pool.size())];
      draft->propensity[pick] = 1.0f / static_cast<float>(pool.size());
      ServedDraw draw{.position = static_cast<std::int32_t>(draft->slate.size()), .pool = {}, .probability = {}};
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

// Puts pairs of neighbours in order by a coin.
void Swap(Draft* draft) {
  std::vector<std::size_t>& slate = draft->slate;
  for (std::size_t p = draft->rng.Below(2); p + 1 < slate.size(); p += 2) {
    if (draft->rng.Chance(0.5)) std::swap(slate[p], slate[p + 1]);
    draft->propensity[slate[p]] = 0.5f;  // The lower one, given the upper, is sure.
    draft->swaps.push_back(static_cast<std::int32_t>(p));
  }
}

}  // namespace

void ChooseSlate(const RankInput& in, Draft* draft) {
  draft->propensity.assign(draft->items.size(), 1.0f);
  const bool swapped = in.config.swap_share > 0 && draft->rng.Chance(in.config.swap_share);
  if (!in.request.has_candidates && !swapped) return Explore(OrderByValue(draft->value), in.size, draft);
  draft->slate = OrderByValue(draft->value, in.size);
  if (swapped) Swap(draft);
}

}  // namespace gfr
