#include "rank/candidates.h"

#include <span>
#include <string>
#include <unordered_set>

#include "retrieve/channels.h"
#include "state/state_rows.h"

namespace gfr {

void FindCandidates(const RankInput& in, Draft* draft) {
  in.reader.FindUser(in.user, in.session, &draft->lease);
  std::unordered_set<Key> exclude;
  for (const std::string& id : in.request.exclude) exclude.insert(KeyOf(id));
  if (in.request.has_candidates) {
    for (const EventItem& item : in.request.candidates) {
      if (!exclude.contains(KeyOf(item.item_id))) draft->items.push_back(item);
    }
    for (EventItem& item : draft->items) item.channel = "supplied";
    return;
  }
  const SharedState& shared = in.store.shared();
  const Pin pin = shared.timeline().Hold();
  std::span<const Key> recent;
  if (draft->lease.user_row) recent = RowLayout::User(draft->lease.user_row).recent;
  for (const Candidate& c : Retrieve(in.store, pin, in.config.channels, recent, exclude, draft->rng))
    draft->items.push_back({.item_id = std::string(shared.ItemId(c.item)), .channel = c.channel});
}

}  // namespace gfr
