#include "rank/shadow.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "rank/scores.h"
#include "rank/values.h"

namespace gfr {
namespace {

// The request's, without what it was served with.
Event RecordFor(const std::string& name, const Event& request) {
  Event shadow{.id = request.request_id + "/shadow/" + name,
               .source = request.source,
               .type = EventType::kFeedShadow,
               .time_ms = request.time_ms,
               .user_id = request.user_id,
               .session_id = request.session_id,
               .request_id = request.request_id,
               .surface = request.surface};
  shadow.served.positions = request.served.positions;
  shadow.served.now_ms = request.served.now_ms;
  shadow.served.epoch_end_ms = request.served.epoch_end_ms;
  shadow.served.configuration = request.served.configuration;
  shadow.served.feed = request.served.feed;
  shadow.served.unit = request.served.unit;
  shadow.served.unit_kind = request.served.unit_kind;
  return shadow;
}

// Keeps of the candidates what was shown and the first of `order`.
void KeepItems(const Event& request, const std::vector<std::size_t>& order,
               const std::vector<std::vector<float>>& scores, const std::vector<std::string>& objectives,
               const std::vector<float>& value, Event* shadow) {
  std::vector<std::int32_t> place(request.items.size(), -1);
  for (std::size_t p = 0; p < std::min(order.size(), kShadowItems); ++p) place[order[p]] = static_cast<std::int32_t>(p);
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < request.items.size(); ++i) {
    if (place[i] < 0 && request.items[i].index < 0) continue;
    kept.push_back(i);
    shadow->items.push_back({.item_id = request.items[i].item_id, .index = place[i]});
  }
  ServedSlate& slate = shadow->served;
  slate.scored = AllItems(kept.size());
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    slate.scores.push_back({0, objectives[o], {}, {}});
    for (const std::size_t i : kept) slate.scores.back().values.push_back(scores[o][i]);
  }
  for (const std::size_t i : kept) slate.value.push_back(value[i]);
}

}  // namespace

Event ScoreShadow(const std::string& name, const BoundModel& model, const FeedConfig& feed, const Event& request,
                  const ShadowInput& input) {
  const std::size_t n = request.items.size();
  const auto shown = static_cast<std::size_t>(
      std::ranges::count_if(request.items, [](const EventItem& item) { return item.index >= 0; }));
  const auto scores = ScoresOf(&model, feed.objectives, input.features.data(), n, shown);
  const std::vector<float> value = ModelValues(model.model(), feed, scores, input.properties, n);
  Event shadow = RecordFor(name, request);
  shadow.served.models = {{.name = model.model().name + "/" + model.model().version, .role = ModelRole::kShadow}};
  KeepItems(request, OrderByValue(value, input.ineligible, SIZE_MAX), scores, feed.objectives, value, &shadow);
  return shadow;
}

Event ShadowOf(const std::string& name, const Event& request, Feed feed) {
  Event shadow = RecordFor(name, request);
  ServedSlate& own = feed.event.served;
  shadow.served.positions = own.positions;
  shadow.served.models = own.models;
  for (ServedModel& model : shadow.served.models) model.role = ModelRole::kShadow;
  std::vector<std::uint32_t> kept;
  for (const FeedItem& item : feed.items) {
    if (kept.size() == kShadowItems) break;
    shadow.items.push_back({.item_id = item.item_id, .index = static_cast<std::int32_t>(kept.size())});
    kept.push_back(item.item);
  }
  shadow.served.scored = AllItems(kept.size());
  for (const ServedScores& s : own.scores) {
    shadow.served.scores.push_back({s.model, s.objective, {}, {}});
    for (const std::uint32_t i : kept) shadow.served.scores.back().values.push_back(s.values[i]);
  }
  for (const std::uint32_t i : kept) shadow.served.value.push_back(own.value[i]);
  return shadow;
}

double ShadowOverlap(const Event& request, const Event& shadow) {
  std::set<std::string> shown;
  for (const EventItem& item : request.items) {
    if (item.index >= 0) shown.insert(item.item_id);
  }
  const std::size_t most = std::min(shown.size(), kShadowItems);
  if (most == 0) return std::numeric_limits<double>::quiet_NaN();
  const auto both = std::ranges::count_if(shadow.items, [&](const EventItem& item) {
    return item.index >= 0 && static_cast<std::size_t>(item.index) < most && shown.contains(item.item_id);
  });
  return static_cast<double>(both) / static_cast<double>(most);
}

}  // namespace gfr
