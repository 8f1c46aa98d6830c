#include "rank/ranker.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gfr {
namespace {

constexpr std::size_t kExploreEvery = 6;

struct Draft {
  std::vector<EventItem> items;
  std::vector<float> features, pctr, pcvr, value, propensity;
};

// Best value first; equal and NaN values keep their order, NaN last.
std::vector<std::size_t> Order(const std::vector<float>& value) {
  std::vector<std::size_t> order(value.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    if (std::isnan(value[a]) || std::isnan(value[b])) return !std::isnan(value[a]) && std::isnan(value[b]);
    return value[a] > value[b];
  });
  return order;
}

// Puts one drawn explore candidate in every sixth place; its propensity is one over the pool it was drawn from.
std::vector<std::size_t> Explore(const Draft& draft, std::vector<std::size_t> order, std::size_t size, Rng& rng,
                                 std::vector<float>& propensity) {
  std::vector<std::size_t> slate, pool;
  for (const std::size_t i : order) {
    if (draft.items[i].channel == "explore") pool.push_back(i);
  }
  std::vector<bool> used(order.size(), false);
  std::size_t next = 0;
  while (slate.size() < std::min(size, order.size())) {
    std::erase_if(pool, [&](std::size_t i) { return used[i]; });
    std::size_t pick = order.size();
    if (slate.size() % kExploreEvery == kExploreEvery - 1 && !pool.empty()) {
      pick = pool[rng.Below(pool.size())];
      propensity[pick] = 1.0f / static_cast<float>(pool.size());
    } else {
      while (used[order[next]]) ++next;
      pick = order[next];
    }
    used[pick] = true;
    slate.push_back(pick);
  }
  return slate;
}

// Puts pairs of neighbours in order by a coin; gives their upper places.
std::vector<std::int32_t> Swap(std::vector<std::size_t>& slate, Rng& rng, std::vector<float>& propensity) {
  std::vector<std::int32_t> swaps;
  for (std::size_t p = rng.Below(2); p + 1 < slate.size(); p += 2) {
    if (rng.Chance(0.5)) std::swap(slate[p], slate[p + 1]);
    propensity[slate[p]] = 0.5f;  // The lower one, given the upper, is sure.
    swaps.push_back(static_cast<std::int32_t>(p));
  }
  return swaps;
}

// Of the items of `slate`, probabilities where they are shown.
void PredictShown(const BoundModel& model, const Draft& draft, const std::vector<std::size_t>& slate,
                  std::vector<float>& pctr, std::vector<float>& pcvr) {
  const std::size_t columns = model.model().columns.size(), n = slate.size();
  std::vector<float> rows, clicked(n, kMissing), bought(n, kMissing);
  for (std::size_t p = 0; p < n; ++p) {
    const float* values = draft.features.data() + slate[p] * columns;
    rows.insert(rows.end(), values, values + columns);
    rows[p * columns + static_cast<std::size_t>(model.model().position_column)] = static_cast<float>(p);
  }
  model.Predict({{"pctr", &clicked}, {"pcvr", &bought}}, rows.data(), n, n);
  pctr.assign(draft.items.size(), kMissing);
  pcvr.assign(draft.items.size(), kMissing);
  for (std::size_t p = 0; p < n; ++p) {
    pctr[slate[p]] = clicked[p];
    pcvr[slate[p]] = bought[p];
  }
}

}  // namespace

Feed Rank(const OnlineStore& store, const FeatureReader& reader, const BoundModel* model, const FeedConfig& config,
          const FeedRequest& request) {
  Feed feed;
  const Key user = KeyOf(request.user_id), session = KeyOf(request.session_id);
  ReadLease lease;
  reader.FindUser(user, session, &lease);
  Rng rng(KeyOf(request.request_id));
  std::unordered_set<Key> exclude;
  for (const std::string& id : request.exclude) exclude.insert(KeyOf(id));

  Draft draft;
  if (request.has_candidates) {
    for (const EventItem& item : request.candidates) {
      if (!exclude.contains(KeyOf(item.item_id))) draft.items.push_back(item);
    }
    for (EventItem& item : draft.items) item.channel = "supplied";
  } else {
    const Pin pin = store.shared().timeline().Hold();
    std::span<const Key> recent;
    if (lease.user_row) recent = RowLayout::User(lease.user_row).recent;
    for (const Candidate& c : Retrieve(store, pin, config.channels, recent, exclude, rng))
      draft.items.push_back({.item_id = std::string(store.shared().ItemId(c.item)), .channel = c.channel});
  }
  const auto size = static_cast<std::size_t>(request.size > 0 ? request.size : config.size);
  const std::size_t n = draft.items.size(), columns = store.features().columns();
  draft.features.resize(n * columns);
  reader.Read({.now_ms = request.now_ms,
               .user = user,
               .session = session,
               .surface = KeyOf(request.surface),
               .context = request.context,
               .items = draft.items,
               .supplied = request.has_candidates},
              &lease, draft.features.data());
  if (lease.degraded()) feed.degraded.push_back("store");
  draft.pctr.assign(n, kMissing);
  draft.pcvr.assign(n, kMissing);
  draft.value.assign(n, kMissing);
  draft.propensity.assign(n, 1.0f);
  if (model) {
    model->Predict({{"pctr", &draft.pctr}, {"pcvr", &draft.pcvr}}, draft.features.data(), n, size);
    feed.model_name = model->model().name;
    feed.model_version = model->model().version;
  } else {
    feed.degraded.push_back("model");
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* item = lease.items[i];
    const double price = !std::isnan(draft.items[i].price) ? draft.items[i].price
                         : item                            ? store.shared().Properties(item)[0].number
                                                           : kMissing;
    draft.value[i] = model  ? RowValue(config.value.Evaluate(draft.pctr[i], draft.pcvr[i], price))
                     : item ? RowValue(SharedState::Summary(item).popularity)
                            : 0.0f;
  }

  std::vector<std::size_t> slate = Order(draft.value);
  const bool swapped = config.swap_share > 0 && rng.Chance(config.swap_share);
  if (request.has_candidates || swapped)
    slate.resize(std::min(size, slate.size()));
  else
    slate = Explore(draft, std::move(slate), size, rng, draft.propensity);
  std::vector<std::int32_t> swaps;
  if (swapped) swaps = Swap(slate, rng, draft.propensity);
  std::vector<float> pctr_shown, pcvr_shown;
  if (model && model->model().position_column >= 0 && !slate.empty())
    PredictShown(*model, draft, slate, pctr_shown, pcvr_shown);

  // The event keeps every candidate in the order they were read (a slate feature sees them all); `index` is the place
  // shown, -1 not shown.
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
  for (std::size_t p = 0; p < slate.size(); ++p) {
    const std::size_t i = slate[p];
    event.items[i].index = static_cast<std::int32_t>(p);
    feed.items.push_back({draft.items[i].item_id, draft.items[i].channel, draft.pctr[i], draft.pcvr[i], draft.value[i],
                          draft.propensity[i], pctr_shown.empty() ? kMissing : pctr_shown[i],
                          pcvr_shown.empty() ? kMissing : pcvr_shown[i], i});
  }
  event.served = {.as_of = lease.as_of(),
                  .now_ms = request.now_ms,
                  .epoch_end_ms = lease.epoch_end_ms(),
                  .model = model ? feed.model_name + "/" + feed.model_version : "",
                  .feature_fingerprint = store.features().fingerprint,
                  .columns = static_cast<std::uint32_t>(columns),
                  .features = std::move(draft.features),
                  .pctr = std::move(draft.pctr),
                  .pcvr = std::move(draft.pcvr),
                  .value = std::move(draft.value),
                  .propensity = std::move(draft.propensity),
                  .pctr_shown = std::move(pctr_shown),
                  .pcvr_shown = std::move(pcvr_shown),
                  .swaps = std::move(swaps)};
  return feed;
}

}  // namespace gfr
