#include "rank/features.h"

#include <vector>

namespace gfr {

namespace {

void ReadOnce(const RankInput& in, Draft* draft) {
  draft->features.resize(draft->items.size() * in.store.features().columns());
  in.reader.Read({.now_ms = in.request.now_ms,
                  .user = in.user,
                  .session = in.session,
                  .surface = KeyOf(in.request.surface),
                  .context = in.request.context,
                  .items = draft->items,
                  .supplied = in.request.has_candidates},
                 &draft->lease, draft->features.data());
}

// Leaves out the items whose rows say that they are off sale; whether there were any.
bool DropOffSale(const RankInput& in, Draft* draft) {
  const std::vector<const std::byte*>& rows = draft->lease.items;
  const auto is_on_sale = [&](std::size_t i) { return rows[i] == nullptr || in.store.shared().IsOnSale(rows[i]); };
  std::size_t kept = 0;
  for (std::size_t i = 0; i < draft->items.size(); ++i) {
    if (!is_on_sale(i)) continue;
    if (kept != i) draft->items[kept] = std::move(draft->items[i]);
    ++kept;
  }
  const bool any = kept < draft->items.size();
  draft->items.resize(kept);
  return any;
}

}  // namespace

void ReadFeatures(const RankInput& in, Draft* draft) {
  do {
    ReadOnce(in, draft);
  } while (DropOffSale(in, draft));
}

}  // namespace gfr
