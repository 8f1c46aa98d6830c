#include "rank/whole_catalogue.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "rank/scores.h"
#include "rank/values.h"

namespace gfr {
namespace {

// The value of each of these items for the request's user, as of now.
std::vector<float> ValuesOf(const RankInput& in, std::span<const EventItem> items) {
  ReadLease lease;
  in.reader.FindUser(in.user, in.session, &lease);
  const ReadRequest request{.now_ms = in.request.now_ms,
                            .user = in.user,
                            .session = in.session,
                            .surface = KeyOf(in.request.surface),
                            .context = in.request.context,
                            .items = items,
                            .supplied = false};
  std::vector<float> rows(items.size() * in.store.features().columns());
  in.reader.Read(request, &lease, rows.data());
  const auto scores = ScoresOf(in.model, in.config.objectives, rows.data(), items.size(), in.size);
  return ModelValues(in.model->model(), in.config, scores, FormulaProperties(in, items, lease.items), items.size());
}

void Add(const RankInput& in, const ChannelConfig& channel, std::unordered_set<Key>* taken, Draft* draft) {
  const std::span<const EventItem> items = in.lists->Whole(channel);
  if (items.empty() || items.size() > in.model->RowsWithin(channel.budget_ms)) return;
  const std::vector<float> values = ValuesOf(in, items);
  std::size_t added = 0;
  for (const std::size_t i : OrderByValue(values)) {
    if (added == static_cast<std::size_t>(channel.quota) || std::isnan(values[i])) break;
    if (!taken->insert(KeyOf(items[i].item_id)).second) continue;
    draft->items.push_back({.item_id = items[i].item_id, .channel = channel.name + '/' + channel.source});
    ++added;
  }
}

}  // namespace

void AddBestOfCatalogue(const RankInput& in, const std::unordered_set<Key>& excluded, Draft* draft) {
  if (in.model == nullptr) return;
  const auto is_catalogue = [](const ChannelConfig& channel) { return channel.source == "catalogue"; };
  if (std::ranges::none_of(in.config.channels, is_catalogue)) return;
  std::unordered_set<Key> taken = excluded;
  for (const EventItem& item : draft->items) taken.insert(KeyOf(item.item_id));
  for (const ChannelConfig& channel : in.config.channels) {
    if (is_catalogue(channel)) Add(in, channel, &taken, draft);
  }
}

}  // namespace gfr
