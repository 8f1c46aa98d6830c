#include "index/distill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/rng.h"
#include "base/time.h"
#include "log/memory_log.h"

namespace gfr {
namespace {

constexpr std::int64_t kDistillNow = 28'000'000 * kMinuteMs;
constexpr std::size_t kDistillItems = 1500, kDistillUsers = 120;

// A forest of stumps: each adds `leaf` where its column is at least the threshold (or, of the last argument, missing).
void AddStump(Forest* forest, int column, double threshold, double leaf) {
  const auto at = static_cast<std::int32_t>(forest->feature.size());
  forest->root.push_back(at);
  forest->tree_class.push_back(0);
  forest->feature.insert(forest->feature.end(), {column, -1, -1});
  forest->left.insert(forest->left.end(), {at + 1, -1, -1});
  forest->right.insert(forest->right.end(), {at + 2, -1, -1});
  forest->value.insert(forest->value.end(), {threshold, 0.0, leaf});
  forest->default_left.insert(forest->default_left.end(), {1, 0, 0});
  forest->missing.insert(forest->missing.end(), 3, Forest::Missing::kNan);
  forest->category_set.insert(forest->category_set.end(), 3, -1);
}

// Items of ten categories; each user views items of two of them. The model likes a user's own categories, and prices.
class DistillTest : public testing::Test {
 protected:
  DistillTest() {
    auto config = Config::Parse(R"(
[item]
category = "category"
[[feature]]
name = "affinity"
type = "affinity"
scope = "user"
property = "category"
events = ["item.view"]
half_life = "60d"
capacity = 12
[[feature]]
name = "price"
type = "property"
property = "price"
)",
                                "gfr.toml");
    store = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    Rng rng(4);
    std::uint64_t offset = 0;
    std::int64_t now_ms = kDistillNow;
    const auto fold = [&](Event e) {
      e.time_ms = now_ms;
      store->Fold({offset++, now_ms, std::move(e)});
    };
    for (std::size_t i = 0; i < kDistillItems; ++i)
      fold({.type = EventType::kItemUpdate,
            .items = {{.item_id = Name('i', i),
                       .price = 100 * rng.Uniform(),
                       .properties = {{.name = "category", .text = "c" + std::to_string(i % 10)}}}}});
    // The catalogue is known from the next epoch on.
    now_ms += 2 * kMinuteMs;
    store->AdvanceTo(now_ms);
    for (std::size_t u = 0; u < kDistillUsers; ++u) {
      for (int n = 0; n < 12; ++n) {
        const std::size_t category = n % 3 == 0 ? (u / 10 + 5) % 10 : u % 10;
        fold({.type = EventType::kItemView,
              .user_id = Name('u', u),
              .items = {{.item_id = Name('i', 10 * rng.Below(kDistillItems / 10) + category)}}});
      }
    }
    store->Share();
    store->AdvanceTo(kDistillNow + 4 * kMinuteMs);
    store->Publish();
    reader = std::make_unique<StoreReader>(*store);
    feed.objectives = {"pctr"};
    feed.value =
        ValueFormula::Parse(
            "pctr", {.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick}}, .properties = {}})
            .value();
    Model made;
    made.name = "feed";
    made.version = "7";
    made.feature_fingerprint = store->features().fingerprint;
    made.columns = {"affinity", "price"};
    made.categorical = {0, 0};
    made.categories.resize(2);
    made.objectives.push_back({.name = "pctr"});
    Forest& forest = made.objectives[0].forest;
    forest = {.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = 2, .base_margin = {-4}};
    for (int k = 1; k < 10; ++k) AddStump(&forest, 0, 0.08 * k, 0.5);
    for (int k = 1; k < 40; ++k) AddStump(&forest, 1, 2.5 * k, 0.06);
    model = BoundModel::Make(std::move(made), store->features()).value();
    for (std::size_t u = 0; u < kDistillUsers; ++u)
      requests.push_back(
          {.request_id = "r", .user_id = Name('u', u * 7 % kDistillUsers), .now_ms = kDistillNow + 4 * kMinuteMs});
  }
  static std::string Name(char kind, std::size_t n) { return kind + std::to_string(n); }
  Result<Distilled> Distil(const DistillOptions& options = {}) const {
    return DistillFirstStage(*store, reader->features(), *model, feed, requests, 1000, options);
  }
  // The model's value of each item for the user, by the columns as the store reads them and the stumps.
  std::vector<std::pair<double, std::string>> Values(const std::string& user) const {
    std::vector<EventItem> items;
    for (std::size_t i = 0; i < kDistillItems; ++i) items.push_back({.item_id = Name('i', i)});
    ReadLease lease;
    reader->features().FindUser(KeyOf(user), 0, &lease);
    std::vector<float> rows(items.size() * 2), scores;
    reader->features().Read(
        {.now_ms = kDistillNow + 4 * kMinuteMs, .user = KeyOf(user), .items = items, .supplied = false}, &lease,
        rows.data());
    model->Predict({{"pctr", &scores}}, rows.data(), items.size(), 20);
    std::vector<std::pair<double, std::string>> values;
    for (std::size_t i = 0; i < items.size(); ++i) values.emplace_back(scores[i], items[i].item_id);
    std::ranges::sort(values, std::greater());
    return values;
  }

  std::unique_ptr<OnlineStore> store;
  std::unique_ptr<StoreReader> reader;
  std::shared_ptr<const BoundModel> model;
  FeedConfig feed;
  std::vector<FeedRequest> requests;
};

TEST_F(DistillTest, TheFirstStageBringsTheModelsOwnBestOfUsersThatItWasNotMadeFrom) {
  const auto distilled = Distil({.anchors = 24, .items = kDistillItems});
  ASSERT_TRUE(distilled.ok()) << distilled.error().ToString();
  const FirstStage& stage = *distilled.value().stage;
  EXPECT_TRUE(stage.IsFor("feed/7", "home"));
  EXPECT_FALSE(stage.IsFor("feed/8", "home"));
  EXPECT_EQ(distilled.value().on_sale, kDistillItems);
  EXPECT_EQ(distilled.value().held_out, kDistillUsers / 5);
  std::size_t reached = 0, by_mean = 0;
  for (std::size_t r = distilled.value().requests; r < requests.size(); ++r) {
    const std::string& user = requests[r].user_id;
    std::map<std::string, float> of_item;
    const auto values = Values(user);
    for (const auto& [value, item] : values) of_item[item] = static_cast<float>(value);
    std::vector<float> of_anchors;
    for (const EventItem& anchor : stage.anchors()) of_anchors.push_back(of_item[anchor.item_id]);
    std::vector<float> means(of_anchors.size());
    const auto keys = [&](const std::vector<float>& of) {
      std::set<Key> found;
      for (const auto& one : stage.Search(of, 60)) found.insert(one.item);
      return found;
    };
    const auto found = keys(of_anchors);
    // A user of whom nothing is known: anchors without a value, so the mean of all.
    const auto popular = keys(std::vector<float>(of_anchors.size(), std::numeric_limits<float>::infinity()));
    for (std::size_t k = 0; k < 20; ++k) {
      reached += found.contains(KeyOf(values[k].second));
      by_mean += popular.contains(KeyOf(values[k].second));
    }
  }
  const std::size_t all = 20 * distilled.value().held_out;
  EXPECT_GE(reached, all * 95 / 100) << "of " << all;
  EXPECT_LT(by_mean, all * 60 / 100) << "the same items for all are not enough";
}

TEST_F(DistillTest, OnlyTheItemsThatComeHighForSomebodyAreRead) {
  const auto distilled = Distil({.anchors = 16, .items = 300});
  ASSERT_TRUE(distilled.ok());
  EXPECT_EQ(distilled.value().stage->items(), 300u);
  EXPECT_GE(distilled.value().recall, 0.95) << "of the best twenty of the whole catalogue";
}

TEST_F(DistillTest, EqualStatesGiveEqualBytesWhichComeBackAndNoDamagedOnesAreTaken) {
  const DistillOptions options{.anchors = 8, .items = 50};
  const std::string bytes = Distil(options).value().stage->Encode();
  EXPECT_EQ(Distil(options).value().stage->Encode(), bytes);
  EXPECT_EQ(FirstStage::Decode(bytes).value()->Encode(), bytes);
  for (std::size_t at = 0; at < bytes.size(); at += 11) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 8);
    EXPECT_EQ(FirstStage::Decode(flipped).error().code, ErrorCode::kCorrupt) << at;
    EXPECT_EQ(FirstStage::Decode(std::string_view(bytes).substr(0, at)).error().code, ErrorCode::kCorrupt) << at;
  }
}

TEST_F(DistillTest, WhereAllRequestsAreValuedAlikeTheMeansAreTheOrder) {
  for (FeedRequest& request : requests) request.user_id = "nobody";
  const auto distilled = Distil({.anchors = 8, .items = 200});
  ASSERT_TRUE(distilled.ok()) << distilled.error().ToString();
  EXPECT_EQ(distilled.value().recall, 1);
}

TEST_F(DistillTest, TooFewRequestsAreRefusedInWords) {
  requests.resize(3);
  EXPECT_THAT(Distil().error().message, testing::HasSubstr("the log has 3 requests of feed 'home'"));
}

TEST(SampleRequests, TakesRequestsOfTheFeedAloneEachAsLikely) {
  FixedClock clock(kDistillNow);
  MemoryLog log(clock);
  for (int n = 0; n < 400; ++n) {
    Event e{.id = "r" + std::to_string(n),
            .source = "gfr",
            .type = EventType::kFeedRequest,
            .time_ms = kDistillNow,
            .user_id = "u" + std::to_string(n),
            .request_id = "r" + std::to_string(n)};
    e.served.positions = {{.partition = 0, .offset = 0}};
    e.served.feed = n % 2 == 0 ? "home" : "search";
    ASSERT_TRUE(log.Append({e}).ok());
  }
  const auto some = SampleRequests(log, "home", 50, 1);
  ASSERT_TRUE(some.ok());
  ASSERT_EQ(some.value().size(), 50u);
  double sum = 0;
  for (const FeedRequest& request : some.value()) {
    const int n = std::stoi(request.user_id.substr(1));
    EXPECT_EQ(n % 2, 0);
    sum += n;
  }
  EXPECT_NEAR(sum / 50, 200, 60) << "from the whole log";
  EXPECT_EQ(SampleRequests(log, "home", 1000, 1).value().size(), 200u);
}

}  // namespace
}  // namespace gfr
