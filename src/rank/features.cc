#include "rank/features.h"

#include <algorithm>
#include <vector>

namespace gfr {
namespace {

// Leaves out the items whose rows say that they are off sale. Rows of a store that cannot be read say nothing.
void DropOffSale(const RankInput& in, Draft* draft) {
  const std::vector<const std::byte*>& rows = draft->lease.items;
  const auto is_off_sale = [&](const std::byte* row) { return row != nullptr && !in.store.shared().IsOnSale(row); };
  if (draft->lease.degraded() || std::ranges::none_of(rows, is_off_sale)) return;
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < draft->items.size(); ++i) {
    if (is_off_sale(rows[i])) continue;
    if (kept.size() != i) draft->items[kept.size()] = std::move(draft->items[i]);
    if (!draft->rankings.empty()) draft->rankings[kept.size()] = draft->rankings[i];
    kept.push_back(i);
  }
  draft->items.resize(kept.size());
  if (!draft->rankings.empty()) draft->rankings.resize(kept.size());
  draft->lease.KeepItems(kept);
}

}  // namespace

void ReadFeatures(const RankInput& in, Draft* draft) {
  ReadRequest request{.now_ms = in.request.now_ms,
                      .user = in.user,
                      .session = in.session,
                      .surface = KeyOf(in.request.surface),
                      .context = in.request.context,
                      .items = draft->items,
                      .supplied = in.request.has_candidates};
  in.reader.FindItems(request, &draft->lease);
  DropOffSale(in, draft);
  request.items = draft->items;
  draft->features.resize(draft->items.size() * in.store.features().columns());
  in.reader.ReadFound(request, &draft->lease, draft->features.data());
}

}  // namespace gfr
