// A shop on the simulated market after its history, and how good what a channel finds is by the market's oracle. For
// tests and benches.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "retrieve/cooccurrence.h"
#include "retrieve/list_maker.h"
#include "retrieve/trends.h"
#include "simulate/market.h"
#include "state/online_store.h"

namespace gfr {

// The shop template's user tastes.
inline std::string TasteFeatures() {
  std::string toml =
      "[item]\ncategory = \"category\"\nbrand = \"category\"\nrating = \"number\"\ndiscount = \"number\"\n"
      "released = \"number\"\n[user]\ngeography = \"category\"\nacquisition_channel = \"category\"\n";
  for (const auto& [property, rest] :
       std::map<std::string, std::string>{{"category", "capacity = 12\n"},
                                          {"brand", "capacity = 24\n"},
                                          {"price", "bands = [10, 20, 40, 80, 160]\ncapacity = 6\n"},
                                          {"discount", "bands = [0.01, 0.2, 0.4]\ncapacity = 4\n"}})
    toml += "[[feature]]\nname = \"" + property + "_taste\"\ntype = \"taste\"\nscope = \"user\"\nproperty = \"" +
            property +
            "\"\nevents = [\"feed.click\"]\ndenominator = [\"feed.impression\"]\nhalf_life = \"60d\"\n"
            "prior_weight = 20\n" +
            rest;
  return toml;
}

class MarketShop {
 public:
  MarketShop(const MarketConfig& config, const std::vector<ChannelConfig>& channels,
             const std::string& features = TasteFeatures())
      : market_(config), config_(config) {
    auto parsed = Config::Parse(features, "gfr.toml");
    store_ = std::make_unique<OnlineStore>(FeatureSet::Make(parsed.value()).value());
    std::vector<Event> events;
    const Status ran = market_.Run([&](Event&& e) -> Status {
      events.push_back(std::move(e));
      return {};
    });
    (void)ran;
    std::ranges::stable_sort(events, {}, &Event::time_ms);
    trends_ = std::make_unique<TrendCounts>(store_->features().schema);
    std::uint64_t offset = 0;
    for (const Event& e : events) {
      const LogRecord record{offset++, e.time_ms, e};
      store_->Fold(record);
      counts_.Fold(record);
      trends_->Fold(record);
      if (e.type == EventType::kFeedClick) ++clicks_[e.user_id];
    }
    now_ms_ = events.back().time_ms + kHourMs;
    store_->Share();
    store_->AdvanceTo(now_ms_ / kEpochMs * kEpochMs);
    store_->Publish();
    reader_ = std::make_unique<StoreReader>(*store_);
    maker_ = std::make_unique<ListMaker>(store_->shared(), store_->features().schema,
                                         std::vector<std::vector<ChannelConfig>>{channels});
    maker_->SetLogLists({.cooccurrence = counts_.MakeLists(), .trends = trends_->MakeLists()});
    maker_->Update();
  }

  // Users of the market with so many clicks, at most `most`.
  std::vector<int> UsersWith(int least, int greatest, std::size_t most) const {
    std::vector<int> users;
    for (int user = 0; user < config_.users && users.size() < most; ++user) {
      const auto clicks = clicks_.find(IdOf('u', user));
      const int count = clicks == clicks_.end() ? 0 : clicks->second;
      if (count >= least && count <= greatest) users.push_back(user);
    }
    return users;
  }

  // What the channel's best `quota` items for the user are.
  std::vector<std::string> Find(int user, const std::vector<ChannelConfig>& channels, std::uint64_t seed = 1) const {
    Rng rng(seed);
    ReadLease lease;
    reader_->features().FindUser(KeyOf(IdOf('u', user)), 0, &lease);
    const Pin pin = store_->shared().timeline().Hold();
    std::span<const Key> recent;
    if (lease.user_row) recent = RowLayout::User(lease.user_row).recent;
    std::vector<PropertyValue> properties(store_->features().schema.user_names.size());
    if (lease.user_row)
      std::ranges::copy(RowLayout(store_->features()).UserProperties(lease.user_row), properties.begin());
    const TableItemRows items(store_->shared(), pin);
    const SourceQuery query{.shared = store_->shared(),
                            .schema = store_->features().schema,
                            .items = items,
                            .epoch_end_ms = pin.bound(),
                            .recent = recent,
                            .rng = rng,
                            .features = &store_->features(),
                            .user_row = lease.user_row,
                            .now_ms = now_ms_,
                            .user_properties = properties};
    std::vector<std::string> found;
    for (const Candidate& c : maker_->lists()->Find(query, channels, {}))
      found.emplace_back(store_->shared().ItemId(c.item));
    return found;
  }

  // The mean share of the catalogue that the user likes less than these items, by the oracle.
  double MeanPercentile(int user, const std::vector<std::string>& items) const {
    std::vector<double> all;
    for (int i = 0; i < config_.items; ++i) {
      if (const std::string id = IdOf('i', i); IsThere(id)) all.push_back(Liking(user, id));
    }
    std::ranges::sort(all);
    double sum = 0;
    for (const std::string& item : items)
      sum += static_cast<double>(std::ranges::lower_bound(all, Liking(user, item)) - all.begin()) /
             static_cast<double>(all.size());
    return items.empty() ? 0 : sum / static_cast<double>(items.size());
  }
  double Liking(int user, const std::string& item) const {
    return market_.TrueClickProbability(user, item, 0, now_ms_);
  }

  const ListMaker& maker() const { return *maker_; }
  const OnlineStore& store() const { return *store_; }

 private:
  static std::string IdOf(char kind, int number) { return kind + std::to_string(100'000 + number); }
  bool IsThere(const std::string& item) const { return store_->shared().FindItem(KeyOf(item)) != nullptr; }

  Market market_;
  const MarketConfig config_;
  std::unique_ptr<OnlineStore> store_;
  std::unique_ptr<StoreReader> reader_;
  std::unique_ptr<ListMaker> maker_;
  CooccurrenceCounts counts_;
  std::unique_ptr<TrendCounts> trends_;
  std::unordered_map<std::string, int> clicks_;
  std::int64_t now_ms_ = 0;
};

}  // namespace gfr
