#include "rank/values.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gfr {

void ComputeValues(const RankInput& in, Draft* draft) {
  const SharedState& shared = in.store.shared();
  draft->value.assign(draft->items.size(), kMissing);
  for (std::size_t i = 0; i < draft->items.size(); ++i) {
    const std::byte* item = draft->lease.items[i];
    const double price = !std::isnan(draft->items[i].price) ? draft->items[i].price
                         : item                             ? shared.Properties(item)[0].number
                                                            : kMissing;
    draft->value[i] = in.model ? RowValue(in.config.value.Evaluate(draft->pctr[i], draft->pcvr[i], price))
                      : item   ? RowValue(SharedState::Summary(item).popularity)
                               : 0.0f;
  }
}

std::vector<std::size_t> OrderByValue(const std::vector<float>& value) {
  std::vector<std::size_t> order(value.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    if (std::isnan(value[a]) || std::isnan(value[b])) return !std::isnan(value[a]) && std::isnan(value[b]);
    return value[a] > value[b];
  });
  return order;
}

}  // namespace gfr
