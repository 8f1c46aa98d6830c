#include "rank/record.h"

#include <string>
#include <utility>

namespace gfr {

Feed MakeFeed(const RankInput& in, Draft draft) {
  Feed feed;
  const FeedRequest& request = in.request;
  if (draft.lease.degraded()) feed.degraded.push_back("store");
  if (!request.has_candidates && in.lists == nullptr) feed.degraded.push_back("channels");
  if (in.model) {
    feed.model_name = in.model->model().name;
    feed.model_version = in.model->model().version;
  } else {
    feed.degraded.push_back("model");
  }
  Event& event = feed.event;
  event = {.id = request.request_id,
           .source = "gfr",
           .type = EventType::kFeedRequest,
           .time_ms = request.now_ms,
           .user_id = request.user_id,
           .session_id = request.session_id,
           .request_id = request.request_id,
           .surface = request.surface,
           .items = draft.items,
           .context = request.context};
  for (EventItem& item : event.items) item.index = -1;
  const bool shown = !draft.pctr_shown.empty();
  for (std::size_t p = 0; p < draft.slate.size(); ++p) {
    const std::size_t i = draft.slate[p];
    event.items[i].index = static_cast<std::int32_t>(p);
    feed.items.push_back({draft.items[i].item_id, draft.items[i].channel, draft.pctr[i], draft.pcvr[i], draft.value[i],
                          draft.propensity[i], shown ? draft.pctr_shown[i] : kMissing,
                          shown ? draft.pcvr_shown[i] : kMissing, i});
  }
  event.served = {.as_of = draft.lease.as_of(),
                  .now_ms = request.now_ms,
                  .epoch_end_ms = draft.lease.epoch_end_ms(),
                  .model = in.model ? feed.model_name + "/" + feed.model_version : "",
                  .feature_fingerprint = in.store.features().fingerprint,
                  .columns = static_cast<std::uint32_t>(in.store.features().columns()),
                  .features = std::move(draft.features),
                  .pctr = std::move(draft.pctr),
                  .pcvr = std::move(draft.pcvr),
                  .value = std::move(draft.value),
                  .propensity = std::move(draft.propensity),
                  .pctr_shown = std::move(draft.pctr_shown),
                  .pcvr_shown = std::move(draft.pcvr_shown),
                  .swaps = std::move(draft.swaps)};
  return feed;
}

}  // namespace gfr
