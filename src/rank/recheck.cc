#include "rank/recheck.h"

#include <utility>

#include "rank/candidates.h"
#include "rank/eligibility.h"
#include "rank/features.h"

namespace gfr {

std::vector<std::string> StillEligible(const OnlineStore& store, const FeatureReader& reader, const FeedConfig& feed,
                                       const FeedRequest& request, Requester who,
                                       const std::vector<std::string>& items) {
  FeedRequest again = request;
  again.has_candidates = true;  // These and no others: nothing is filled up.
  again.candidates.clear();
  for (const std::string& id : items) again.candidates.push_back({.item_id = id});
  const RankSettings settings{.feed = feed};
  const RankInput in{.store = store,
                     .reader = reader,
                     .model = nullptr,
                     .lists = nullptr,
                     .config = feed,
                     .request = again,
                     .user = KeyOf(request.user_id),
                     .session = KeyOf(request.session_id),
                     .size = items.size(),
                     .policy = feed.policy.get(),
                     .settings = settings};
  Draft draft(again, std::move(who));
  FindCandidates(in, &draft);
  ReadFeatures(in, &draft);
  std::vector<std::string> eligible;
  for (std::size_t i = 0; i < draft.items.size(); ++i) {
    if (IsEligible(draft, i)) eligible.push_back(std::move(draft.items[i].item_id));
  }
  return eligible;
}

}  // namespace gfr
