#include "rank/candidates.h"

#include <algorithm>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "rank/whole_catalogue.h"
#include "retrieve/list_maker.h"
#include "retrieve/sources.h"
#include "state/state_rows.h"

namespace gfr {

namespace {

// Rows that another process published, of items that came with the lists.
class PublishedItemRows final : public ItemRows {
 public:
  PublishedItemRows(const FeatureReader& reader, const ListedItems& items, ReadLease* lease)
      : reader_(reader), items_(items), lease_(lease) {}
  void Get(std::span<const std::uint32_t> ids, std::span<const std::byte*> rows) const override {
    std::vector<Key> keys;
    for (const std::uint32_t id : ids) keys.push_back(items_.keys[id]);
    Find(keys, rows);
  }
  void Find(std::span<const Key> items, std::span<const std::byte*> rows) const override {
    reader_.FindItemRows(items, /*more=*/true, lease_, rows);
  }
  Key KeyAt(std::uint32_t id) const override { return items_.keys[id]; }

 private:
  const FeatureReader& reader_;
  const ListedItems& items_;
  ReadLease* const lease_;
};

void AskChannels(const RankInput& in, const ItemRows& items, std::int64_t epoch_end_ms,
                 const std::unordered_set<Key>& excluded, Draft* draft) {
  const SharedState& shared = in.store.shared();
  std::span<const Key> recent;
  if (draft->lease.user_row) recent = RowLayout::User(draft->lease.user_row).recent;
  const FeatureSet& features = in.store.features();
  std::vector<PropertyValue> user_properties(features.schema.user_names.size());
  if (draft->lease.user_row)
    std::ranges::copy(RowLayout(features).UserProperties(draft->lease.user_row), user_properties.begin());
  OverrideUser(in.request.context, features.schema, user_properties);
  const SourceQuery query{.shared = shared,
                          .schema = in.store.features().schema,
                          .items = items,
                          .epoch_end_ms = epoch_end_ms,
                          .recent = recent,
                          .rng = draft->rng,
                          .features = &features,
                          .user_row = draft->lease.user_row,
                          .now_ms = in.request.now_ms,
                          .user_properties = user_properties};
  const ListedItems* listed = in.lists->items();
  const auto add = [&](const Candidate& c) {
    draft->items.push_back(
        {.item_id = std::string(listed ? listed->Id(listed->PlaceOf(c.item)) : shared.ItemId(c.item)),
         .channel = c.source == FirstSourceOf(c.channel) ? c.channel : c.channel + '/' + c.source});
  };
  const FeedConfig* other = in.settings.pair ? &in.settings.pair->feed : nullptr;
  if (other == nullptr || other->channels == in.config.channels) {
    for (const Candidate& c : in.lists->Find(query, in.config.channels, excluded)) add(c);
    if (listed == nullptr) AddBestOfCatalogue(in, excluded, draft);
    return;
  }
  // Two mixes of sources: all candidates together are read and scored, and each ranking has its own of them.
  std::unordered_map<Key, std::size_t> found;
  for (const std::uint8_t ranking : {1, 2}) {
    for (const Candidate& c : in.lists->Find(query, ranking == 1 ? in.config.channels : other->channels, excluded)) {
      const auto [at, is_new] = found.emplace(c.item, draft->items.size());
      if (is_new) {
        add(c);
        draft->rankings.push_back(0);
      }
      draft->rankings[at->second] |= ranking;
    }
  }
}

}  // namespace

void FindCandidates(const RankInput& in, Draft* draft) {
  std::unordered_set<Key> excluded;
  for (const std::string& id : in.request.exclude) excluded.insert(KeyOf(id));
  for (const Key item : draft->lease.hidden_items(in.request.now_ms)) {
    if (item != 0) excluded.insert(item);
  }
  if (in.request.has_candidates) {
    draft->items.reserve(in.request.candidates.size());
    for (const EventItem& item : in.request.candidates) {
      if (excluded.empty() || !excluded.contains(KeyOf(item.item_id))) draft->items.push_back(item);
    }
    for (EventItem& item : draft->items) item.channel = "supplied";
    return;
  }
  if (in.lists == nullptr) return;
  if (const ListedItems* listed = in.lists->items()) {
    // The instant of the rows that the sources read; the features are read at the newest one then.
    in.reader.FindItemRows({}, /*more=*/false, &draft->lease, {});
    AskChannels(in, PublishedItemRows(in.reader, *listed, &draft->lease), draft->lease.shared.bound(), excluded, draft);
    return;
  }
  const Pin pin = in.store.shared().timeline().Hold();
  AskChannels(in, TableItemRows(in.store.shared(), pin), pin.bound(), excluded, draft);
}

}  // namespace gfr
