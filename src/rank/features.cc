#include "rank/features.h"

#include <unordered_set>

#include "rank/candidates.h"
#include "rank/eligibility.h"

namespace gfr {
namespace {

// Each time the channels are asked for so many times as much as before: a rule that leaves out nearly everything costs
// a few rounds, and none but the last reads features.
constexpr std::size_t kGrowth = 4;

// Asks the channels for candidates beyond those there are; false: there are no others, or enough.
bool BackFill(const RankInput& in, std::size_t* times, Draft* draft) {
  if (in.policy == nullptr || in.request.has_candidates || EligibleCount(*draft) >= in.size) return false;
  std::unordered_set<Key> known = draft->dropped;
  for (const EventItem& item : draft->items) known.insert(KeyOf(item.item_id));
  const std::size_t before = draft->items.size();
  *times *= kGrowth;
  FindMoreCandidates(in, *times, known, draft);
  return draft->items.size() > before;
}

}  // namespace

void ReadFeatures(const RankInput& in, Draft* draft) {
  ReadRequest request{.now_ms = in.request.now_ms,
                      .user = in.user,
                      .session = in.session,
                      .surface = KeyOf(in.request.surface),
                      .context = in.request.context,
                      .items = {},
                      .supplied = in.request.has_candidates};
  std::size_t times = 1;
  do {
    do {
      draft->ineligible.clear();
      request.items = draft->items;
      in.reader.FindItems(request, &draft->lease);
      DropIneligible(in, draft);
    } while (BackFill(in, &times, draft));
    request.items = draft->items;
    draft->features.resize(draft->items.size() * in.store.features().columns());
    in.reader.ReadFound(request, &draft->lease, draft->features.data());
    MarkIneligible(in, draft);
  } while (BackFill(in, &times, draft));
}

}  // namespace gfr
