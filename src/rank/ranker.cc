#include "rank/ranker.h"

#include <utility>

#include "base/clock.h"
#include "rank/candidates.h"
#include "rank/draft.h"
#include "rank/features.h"
#include "rank/interleave.h"
#include "rank/policy.h"
#include "rank/record.h"
#include "rank/scores.h"
#include "rank/shadow.h"
#include "rank/values.h"

namespace gfr {

Requester FindRequester(const FeatureReader& reader, const FeedRequest& request) {
  Requester who;
  reader.FindUser(KeyOf(request.user_id), KeyOf(request.session_id), &who.lease);
  who.unit = UnitOf(request.user_id, request.session_id, who.lease.user, who.lease.login);
  return who;
}

Feed Rank(const OnlineStore& store, const FeatureReader& reader, const BoundModel* model, const FeedConfig& config,
          const FeedRequest& request, const CandidateLists* lists, const StageObserver& observe) {
  return Rank(store, reader, {.feed = config, .model = model}, request, FindRequester(reader, request), lists, observe);
}

Feed Rank(const OnlineStore& store, const FeatureReader& reader, const RankSettings& settings,
          const FeedRequest& request, Requester who, const CandidateLists* lists, const StageObserver& observe) {
  const RankInput in{.store = store,
                     .reader = reader,
                     .model = settings.model,
                     .lists = lists,
                     .config = settings.feed,
                     .request = request,
                     .user = KeyOf(request.user_id),
                     .session = KeyOf(request.session_id),
                     .size = static_cast<std::size_t>(request.size > 0 ? request.size : settings.feed.size),
                     .policy = settings.feed.policy.get(),
                     .settings = settings};
  Draft draft(request, std::move(who));
  double begin_s = observe ? MonotonicSeconds() : 0;
  const auto ended = [&](const char* stage) {
    if (!observe) return;
    const double now_s = MonotonicSeconds();
    observe(stage, now_s - std::exchange(begin_s, now_s));
  };
  FindCandidates(in, &draft);
  ended("candidates");
  ReadFeatures(in, &draft);
  ended("features");
  PredictScores(in, &draft);
  ended("scores");
  ComputeValues(in, &draft);
  if (settings.pair) RankSecond(in, &draft);
  ended("values");
  if (settings.pair)
    InterleaveSlate(in, &draft);
  else
    ChooseSlate(in, &draft);
  ended("policy");
  PredictShown(in, &draft);
  if (settings.keep)
    *settings.keep = {
        .features = draft.features, .properties = FormulaProperties(in, draft), .ineligible = draft.ineligible};
  Feed feed = MakeFeed(in, std::move(draft));
  ended("record");
  return feed;
}

}  // namespace gfr
