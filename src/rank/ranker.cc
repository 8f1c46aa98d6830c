#include "rank/ranker.h"

#include <utility>

#include "rank/candidates.h"
#include "rank/draft.h"
#include "rank/features.h"
#include "rank/policy.h"
#include "rank/record.h"
#include "rank/scores.h"
#include "rank/values.h"

namespace gfr {

Feed Rank(const OnlineStore& store, const FeatureReader& reader, const BoundModel* model, const FeedConfig& config,
          const FeedRequest& request, const CandidateLists* lists) {
  const RankInput in{.store = store,
                     .reader = reader,
                     .model = model,
                     .lists = lists,
                     .config = config,
                     .request = request,
                     .user = KeyOf(request.user_id),
                     .session = KeyOf(request.session_id),
                     .size = static_cast<std::size_t>(request.size > 0 ? request.size : config.size)};
  Draft draft(request);
  reader.FindUser(in.user, in.session, &draft.lease);  // At the instant of all later reads.
  draft.unit = UnitOf(in.user, draft.lease.user, in.session);
  FindCandidates(in, &draft);
  ReadFeatures(in, &draft);
  PredictScores(in, &draft);
  ComputeValues(in, &draft);
  ChooseSlate(in, &draft);
  PredictShown(in, &draft);
  return MakeFeed(in, std::move(draft));
}

}  // namespace gfr
