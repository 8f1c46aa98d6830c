#include "rank/ranker.h"

#include <utility>

#include "base/clock.h"
#include "rank/candidates.h"
#include "rank/draft.h"
#include "rank/features.h"
#include "rank/policy.h"
#include "rank/record.h"
#include "rank/scores.h"
#include "rank/values.h"

namespace gfr {

Feed Rank(const OnlineStore& store, const FeatureReader& reader, const BoundModel* model, const FeedConfig& config,
          const FeedRequest& request, const CandidateLists* lists, const StageObserver& observe) {
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
  double begin_s = observe ? MonotonicSeconds() : 0;
  const auto ended = [&](const char* stage) {
    if (!observe) return;
    const double now_s = MonotonicSeconds();
    observe(stage, now_s - std::exchange(begin_s, now_s));
  };
  reader.FindUser(in.user, in.session, &draft.lease);  // At the instant of all later reads.
  draft.unit = UnitOf(in.user, draft.lease.user, in.session);
  FindCandidates(in, &draft);
  ended("candidates");
  ReadFeatures(in, &draft);
  ended("features");
  PredictScores(in, &draft);
  ended("scores");
  ComputeValues(in, &draft);
  ended("values");
  ChooseSlate(in, &draft);
  ended("policy");
  PredictShown(in, &draft);
  Feed feed = MakeFeed(in, std::move(draft));
  ended("record");
  return feed;
}

}  // namespace gfr
