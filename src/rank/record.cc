#include "rank/record.h"

#include <string>
#include <utility>

#include "event/slate_sources.h"
#include "feature/served_columns.h"
#include "feed/slate_record.h"
#include "rank/interleave.h"
#include "rank/values.h"
#include "retrieve/sources.h"

namespace gfr {
namespace {

ServedSlate MakeSlate(const RankInput& in, const std::vector<EventItem>& items, bool full, Draft draft) {
  ServedSlate slate;
  const std::size_t n = items.size();
  slate.positions = {{.partition = 0, .offset = draft.lease.as_of()}};
  slate.now_ms = in.request.now_ms;
  slate.epoch_end_ms = draft.lease.epoch_end_ms();
  if (!in.request.has_candidates && in.lists) slate.lists_epoch_end_ms = in.lists->epoch_end_ms();
  if (!in.request.has_candidates && in.lists && !in.lists->embeddings_version().empty())
    slate.indexes = {{"embedding", in.lists->embeddings_version()}};
  slate.feed = in.config.name;
  slate.unit = std::move(draft.unit.id);
  slate.unit_kind = draft.unit.kind;
  slate.experiments = in.settings.experiments;
  slate.configuration = in.settings.configuration;
  slate.feature_fingerprint = in.store.features().fingerprint;
  SetColumns(ColumnFingerprints(in.store.features()), draft.features, n, full ? AllItems(n) : ShownItems(items),
             &slate);
  slate.scored = AllItems(n);
  if (in.model) {
    const Model& model = in.model->model();
    slate.models = {{.name = model.name + "/" + model.version, .role = in.settings.role}};
    for (std::size_t o = 0; o < draft.scores.size(); ++o) {
      slate.scores.push_back({0, in.config.objectives[o], std::move(draft.scores[o]), {}});
      if (!draft.scores_shown.empty()) slate.scores.back().at_shown = std::move(draft.scores_shown[o]);
    }
  }
  if (const RankPair* pair = in.settings.pair) {
    slate.interleaving = {.experiment = pair->experiment, .credit = std::move(draft.credit)};
    if (pair->model && pair->model != in.model) {
      const Model& second = pair->model->model();
      slate.models.push_back({.name = second.name + "/" + second.version, .role = pair->role});
      for (std::size_t o = 0; o < draft.second_scores.size(); ++o)
        slate.scores.push_back({1, pair->feed.objectives[o], std::move(draft.second_scores[o]), {}});
    }
  }
  slate.value = std::move(draft.value);
  slate.propensity = std::move(draft.propensity);
  slate.draws = std::move(draft.draws);
  slate.duals = std::move(draft.duals);
  slate.swaps = std::move(draft.swaps);
  if (in.request.page) {
    slate.cursor = std::to_string(PageBegin(in.request));
    slate.first_request = in.request.page->first_request;
  }
  WriteOutcome(draft.outcome, &slate);
  return slate;
}

// The source of each item; the channel stays in it.
std::vector<std::string> TakeSources(std::vector<EventItem>* items) {
  std::vector<std::string> sources;
  for (EventItem& item : *items) {
    const std::size_t slash = item.channel.find('/');
    if (slash == std::string::npos) {
      sources.push_back(FirstSourceOf(item.channel));
      continue;
    }
    sources.push_back(item.channel.substr(slash + 1));
    item.channel.resize(slash);
  }
  return sources;
}

// A channel of the feed gave no candidates, as it has no lists.
bool LacksLists(const RankInput& in) {
  if (in.request.has_candidates) return false;
  return in.lists == nullptr || !in.lists->HaveAll(in.config.channels) ||
         (in.settings.pair && !in.lists->HaveAll(in.settings.pair->feed.channels));
}

}  // namespace

Feed MakeFeed(const RankInput& in, Draft draft) {
  Feed feed;
  const FeedRequest& request = in.request;
  if (draft.lease.degraded()) feed.degraded.push_back("store");
  if (LacksLists(in)) feed.degraded.push_back("channels");
  if (in.model) {
    feed.model_name = in.model->model().name;
    feed.model_version = in.model->model().version;
    feed.sampled_slates = in.model->model().card.contains("slates");
  } else if (!in.settings.popular) {
    feed.degraded.push_back("model");
  }
  if (LacksObjective(in) || (in.settings.pair && LacksObjective(SecondOf(in)))) feed.degraded.push_back("objective");
  Event& event = feed.event;
  event = {.id = request.request_id,
           .source = "gfr",
           .type = EventType::kFeedRequest,
           .time_ms = request.now_ms,
           .user_id = request.user_id,
           .session_id = request.session_id,
           .request_id = request.request_id,
           .surface = request.surface,
           .items = std::move(draft.items),
           .context = request.context};
  for (EventItem& item : event.items) item.index = -1;
  const std::vector<std::string> sources = TakeSources(&event.items);
  for (std::size_t p = 0; p < draft.slate.size(); ++p) {
    const std::size_t i = draft.slate[p];
    event.items[i].index = static_cast<std::int32_t>(PageBegin(request) + p);
    feed.items.push_back({event.items[i].item_id, event.items[i].channel, draft.value[i], draft.propensity[i],
                          static_cast<std::uint32_t>(i), sources[i]});
  }
  feed.outcome = draft.outcome;
  const bool full = KeepsFullRecord(request.request_id, in.config.full_share);
  event.served = MakeSlate(in, event.items, full, std::move(draft));
  SetSources(sources, &event.served);
  if (!full) Prune(&event);
  return feed;
}

}  // namespace gfr
