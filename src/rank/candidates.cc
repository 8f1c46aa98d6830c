#include "rank/candidates.h"

#include <algorithm>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "rank/eligibility.h"
#include "rank/whole_catalogue.h"
#include "retrieve/list_maker.h"
#include "retrieve/sources.h"
#include "state/state_rows.h"

namespace gfr {

namespace {

constexpr std::size_t kMostOfOne = 1'000'000;  // Items that a channel is asked for, however much is left out.

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

// The same channels with so many times the quota.
std::vector<ChannelConfig> Times(std::size_t times, std::vector<ChannelConfig> channels) {
  for (ChannelConfig& channel : channels)
    channel.quota =
        static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(channel.quota) * times, kMostOfOne));
  return channels;
}

void AskChannels(const RankInput& in, const ItemRows& items, std::int64_t epoch_end_ms, std::size_t times,
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
    for (const Candidate& c : in.lists->Find(query, Times(times, in.config.channels), excluded)) add(c);
    if (listed == nullptr) AddBestOfCatalogue(in, excluded, draft);
    return;
  }
  // Two mixes of sources: all candidates together are read and scored, and each ranking has its own of them.
  std::unordered_map<Key, std::size_t> found;
  for (const std::uint8_t ranking : {1, 2}) {
    const std::vector<ChannelConfig>& channels = ranking == 1 ? in.config.channels : other->channels;
    for (const Candidate& c : in.lists->Find(query, Times(times, channels), excluded)) {
      const auto [at, is_new] = found.emplace(c.item, draft->items.size());
      if (is_new) {
        add(c);
        draft->rankings.push_back(0);
      }
      draft->rankings[at->second] |= ranking;
    }
  }
}

void AskChannels(const RankInput& in, std::size_t times, const std::unordered_set<Key>& excluded, Draft* draft) {
  if (const ListedItems* listed = in.lists->items()) {
    // The instant of the rows that the sources read; the features are read at the newest one then.
    in.reader.FindItemRows({}, /*more=*/false, &draft->lease, {});
    AskChannels(in, PublishedItemRows(in.reader, *listed, &draft->lease), draft->lease.shared.bound(), times, excluded,
                draft);
    return;
  }
  const Pin pin = in.store.shared().timeline().Hold();
  AskChannels(in, TableItemRows(in.store.shared(), pin), pin.bound(), times, excluded, draft);
}

// What the request excludes, what the pages before it showed, and what the user hid.
std::unordered_set<Key> ExcludedOf(const RankInput& in, const Draft& draft) {
  std::unordered_set<Key> excluded;
  for (const std::string& id : in.request.exclude) excluded.insert(KeyOf(id));
  for (const Key item : draft.lease.hidden_items(in.request.now_ms)) {
    if (item != 0) excluded.insert(item);
  }
  if (in.request.page) excluded.insert(in.request.page->shown.begin(), in.request.page->shown.end());
  return excluded;
}

// What the policy pins to the first page by its id, where no channel found it.
void AddPinned(const RankInput& in, const std::unordered_set<Key>& excluded, Draft* draft) {
  if (in.policy == nullptr || in.request.page) return;
  for (const FeedPin& pin : in.policy->pins) {
    if (pin.item.empty() || excluded.contains(KeyOf(pin.item)) ||
        std::ranges::find(draft->items, pin.item, &EventItem::item_id) != draft->items.end())
      continue;
    draft->items.push_back({.item_id = pin.item, .channel = kPinChannel});
    if (!draft->rankings.empty()) draft->rankings.push_back(3);
  }
}

}  // namespace

void FindMoreCandidates(const RankInput& in, std::size_t times, const std::unordered_set<Key>& known, Draft* draft) {
  if (in.lists == nullptr) return;
  std::unordered_set<Key> excluded = ExcludedOf(in, *draft);
  excluded.insert(known.begin(), known.end());
  AskChannels(in, times, excluded, draft);
}

void FindCandidates(const RankInput& in, Draft* draft) {
  std::unordered_set<Key> excluded = ExcludedOf(in, *draft);
  if (in.request.has_candidates) {
    draft->items.reserve(in.request.candidates.size());
    for (const EventItem& item : in.request.candidates) {
      if (excluded.empty() || !excluded.contains(KeyOf(item.item_id))) {
        draft->items.push_back(item);
        continue;
      }
      const bool hidden = std::ranges::find(draft->lease.hidden_items(in.request.now_ms), KeyOf(item.item_id)) !=
                          draft->lease.hidden_items(in.request.now_ms).end();
      CountDropped(hidden ? kHiddenRule : kExcludedRule, item, draft);
    }
    for (EventItem& item : draft->items) item.channel = "supplied";
    return;
  }
  if (in.lists != nullptr) AskChannels(in, 1, excluded, draft);
  AddPinned(in, excluded, draft);
}

}  // namespace gfr
