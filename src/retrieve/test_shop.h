// Shop: a catalogue that changes by the epoch, its lists, and what a scan of it finds. For tests.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "retrieve/list_maker.h"
#include "retrieve/test_exhaustive.h"
#include "state/online_store.h"

namespace gfr {

inline const std::string kFeature = "[[feature]]\nname = \"price\"\ntype = \"property\"\nproperty = \"price\"\n";
inline const std::string kCatalogue = R"(
[item]
category = "category"
brand = "category"
released = "number"
)";

// A catalogue that changes by the epoch, its lists, and what a scan of it finds.
class Shop {
 public:
  explicit Shop(const std::string& config = kCatalogue, std::vector<ChannelConfig> used = {{"exploit", 20},
                                                                                           {"popularity", 20},
                                                                                           {"explore", 20},
                                                                                           {"recent", 20}})
      : channels(std::move(used)) {
    auto parsed = Config::Parse(config + kFeature, "gfr.toml");
    store = std::make_unique<OnlineStore>(FeatureSet::Make(parsed.value()).value());
    store->Share();
  }
  void Put(const std::string& item, std::vector<Property> properties, double price = 10) {
    Fold({.type = EventType::kItemUpdate,
          .items = {{.item_id = item, .price = static_cast<float>(price), .properties = std::move(properties)}}});
  }
  void Note(EventType type, const std::string& item, int times = 1) {
    for (int n = 0; n < times; ++n) Fold({.type = type, .user_id = "u", .items = {{.item_id = item}}});
  }
  void Fold(Event e) {
    e.time_ms = now;
    store->Fold({next++, now, e});
  }
  // Ends the epoch, and makes its lists.
  void Seal(std::int64_t later_ms = kMinuteMs) {
    if (!maker)
      maker = std::make_unique<ListMaker>(shared(), schema(), std::vector<std::vector<ChannelConfig>>{channels});
    now += later_ms;
    store->AdvanceTo(now / kEpochMs * kEpochMs);
    store->Publish();
    maker->Update();
  }
  const SharedState& shared() const { return store->shared(); }
  const PropertySchema& schema() const { return store->features().schema; }
  std::string Id(Key key) const { return std::string(shared().ItemId(key)); }

  template <typename FindIn>
  std::vector<std::string> Ask(FindIn&& find, const std::vector<Key>& recent, std::uint64_t seed) {
    Rng rng(seed);
    const Pin pin = shared().timeline().Hold();
    std::vector<std::string> found;
    for (const Candidate& c : find(SourceQuery{.shared = shared(),
                              .schema = schema(),
                              .items = TableItemRows(shared(), pin),
                              .epoch_end_ms = pin.bound(),
                              .recent = recent,
                              .rng = rng}))
      found.push_back(c.channel + " " + Id(c.item));
    return found;
  }
  std::vector<std::string> Find(const std::vector<ChannelConfig>& of, const std::vector<Key>& recent = {},
                                std::uint64_t seed = 1, const std::unordered_set<Key>& excluded = {}) {
    return Ask([&](const SourceQuery& q) { return maker->lists()->Find(q, of, excluded); }, recent, seed);
  }
  std::vector<std::string> Scan(const std::vector<ChannelConfig>& of, const std::vector<Key>& recent = {},
                                std::uint64_t seed = 1, const std::unordered_set<Key>& excluded = {}) {
    return Ask([&](const SourceQuery& q) { return exhaustive::Find(q, of, excluded); }, recent, seed);
  }

  std::unique_ptr<OnlineStore> store;
  std::vector<ChannelConfig> channels;
  std::unique_ptr<ListMaker> maker;
  std::uint64_t next = 0;
  std::int64_t now = 28'000'000 * kMinuteMs;
};

inline std::string Item(std::uint64_t n) { return "i" + std::to_string(n); }

// Random changes of an epoch: new items, items that move to other categories, prices and releases, that are taken off
// sale and brought back, and traffic.
inline void Change(Shop& shop, Rng& rng, std::uint64_t items, std::uint64_t categories, int changes) {
  for (int n = 0; n < changes; ++n) {
    const std::string item = Item(rng.Below(items));
    if (rng.Chance(0.1)) {
      shop.Note(EventType::kItemDelete, item);
    } else if (rng.Chance(0.5)) {
      std::vector<Property> said;
      if (rng.Chance(0.8)) said.push_back({.name = "category", .text = "c" + std::to_string(rng.Below(categories))});
      if (rng.Chance(0.5)) said.push_back({.name = "brand", .text = "b" + std::to_string(rng.Below(categories))});
      if (rng.Chance(0.5)) said.push_back({.name = "released", .number = 1e9 + static_cast<double>(rng.Below(100))});
      shop.Put(item, said, 1 + 50 * rng.Uniform());
    } else {
      shop.Note(rng.Chance(0.5) ? EventType::kFeedClick : EventType::kFeedImpression, item,
                static_cast<int>(1 + rng.Below(5)));
    }
  }
}

}  // namespace gfr
