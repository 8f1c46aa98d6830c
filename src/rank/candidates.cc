#include "rank/candidates.h"

#include <span>
#include <string>
#include <unordered_set>
#include <utility>

#include "retrieve/list_maker.h"
#include "state/state_rows.h"

namespace gfr {

void FindCandidates(const RankInput& in, Draft* draft) {
  std::unordered_set<Key> excluded;
  for (const std::string& id : in.request.exclude) excluded.insert(KeyOf(id));
  for (const Key item : draft->lease.hidden_items(in.request.now_ms)) {
    if (item != 0) excluded.insert(item);
  }
  if (in.request.has_candidates) {
    draft->items.reserve(in.request.candidates.size());
    for (const EventItem& item : in.request.candidates) {
      if (excluded.empty() || !excluded.contains(KeyOf(item.item_id))) draft->items.push_back(item);
    }
    for (EventItem& item : draft->items) item.channel = "supplied";
    return;
  }
  if (in.lists == nullptr) return;
  const SharedState& shared = in.store.shared();
  const Pin pin = shared.timeline().Hold();
  std::span<const Key> recent;
  if (draft->lease.user_row) recent = RowLayout::User(draft->lease.user_row).recent;
  const SourceQuery query{
      .shared = shared, .schema = in.store.features().schema, .pin = pin, .recent = recent, .rng = draft->rng};
  for (const Candidate& c : in.lists->Find(query, in.config.channels, std::move(excluded)))
    draft->items.push_back({.item_id = std::string(shared.ItemId(c.item)), .channel = c.channel});
}

}  // namespace gfr
