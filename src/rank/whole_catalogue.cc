#include "rank/whole_catalogue.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "rank/scores.h"
#include "rank/values.h"

namespace gfr {
namespace {

// What the first stage puts first of the catalogue, for the ranker to value; empty: there is none for the model and
// feed.
std::vector<EventItem> FirstStageItems(const RankInput& in, double budget_ms) {
  std::vector<EventItem> items;
  const FirstStage* stage = in.lists->first_stage();
  const Model& model = in.model->model();
  if (stage == nullptr || !stage->IsFor(model.name + "/" + model.version, in.config.name)) return items;
  const std::size_t most = FirstStageRows(*in.model, budget_ms, *stage);
  if (most == 0) return items;
  const std::vector<float> values = CatalogueValues(in, stage->anchors());
  const SharedState& shared = in.store.shared();
  const Pin pin = shared.timeline().Hold();
  items.reserve(most);
  for (const EmbeddingIndex::Found& found : stage->Search(values, most)) {
    const std::byte* row = shared.FindItem(found.item, pin);
    if (row != nullptr && shared.IsOnSale(row)) items.push_back({.item_id = std::string(shared.ItemId(found.item))});
  }
  return items;
}

// Items of one channel's source by their values, for all rounds of a request.
const CatalogueOrder& OrderOfCatalogue(const RankInput& in, const ChannelConfig& channel, Draft* draft) {
  for (const CatalogueOrder& order : draft->catalogue) {
    if (order.budget_ms == channel.budget_ms) return order;
  }
  CatalogueOrder& order = draft->catalogue.emplace_back();
  order.budget_ms = channel.budget_ms;
  const std::span<const EventItem> whole = in.lists->Whole(channel);
  const bool fits = !whole.empty() && whole.size() <= in.model->RowsWithin(channel.budget_ms);
  const std::vector<EventItem> chosen = fits ? std::vector<EventItem>() : FirstStageItems(in, channel.budget_ms);
  const std::span<const EventItem> items = fits ? whole : std::span<const EventItem>(chosen);
  if (items.empty()) return order;
  const std::vector<float> values = CatalogueValues(in, items);
  for (const std::size_t i : OrderByValue(values)) {
    if (std::isnan(values[i])) break;
    order.items.push_back(items[i].item_id);
  }
  return order;
}

void Add(const RankInput& in, const ChannelConfig& channel, std::unordered_set<Key>* taken, Draft* draft) {
  std::size_t added = 0;
  for (const std::string& item : OrderOfCatalogue(in, channel, draft).items) {
    if (added == static_cast<std::size_t>(channel.quota)) break;
    if (!taken->insert(KeyOf(item)).second) continue;
    draft->items.push_back({.item_id = item, .channel = channel.name + '/' + channel.source});
    ++added;
  }
}

}  // namespace

std::vector<float> CatalogueValues(const RankInput& in, std::span<const EventItem> items) {
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

std::size_t FirstStageRows(const BoundModel& model, double budget_ms, const FirstStage& stage) {
  const std::size_t rows = model.RowsWithin(0.75 * budget_ms);
  return rows > stage.anchors().size() ? rows - stage.anchors().size() : 0;
}

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
