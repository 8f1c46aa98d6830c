#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "base/hash.h"
#include "base/rng.h"
#include "base/time.h"
#include "rank/ranker.h"
#include "rank/values.h"
#include "retrieve/list_maker.h"
#include "retrieve/sources.h"

namespace gfr {
namespace {

constexpr const char* kConfig = R"(
[item]
category = "category"
released = "number"
[[feature]]
name = "price"
type = "property"
property = "price"
)";

const ValueNames kNames{.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick},
                                       {"pcvr", EventType::kFeedClick, EventType::kPurchase}},
                        .properties = {"price", "", "released"}};

class RankTest : public testing::Test {
 protected:
  RankTest() {
    auto config = Config::Parse(kConfig, "gfr.toml");
    store = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    feed.objectives = {"pctr", "pcvr"};
    feed.value = ValueFormula::Parse("pctr", kNames).value();
    feed.channels = ReadChannels(config.value()).value();
    // Item k: category k / 20, price 10; the older the number the earlier released; items 0 to 9 clicked most.
    for (int k = 0; k < 100; ++k) {
      Event e{
          .type = EventType::kItemUpdate, .time_ms = now, .items = {{.item_id = "i" + std::to_string(k), .price = 10}}};
      e.items[0].properties = {{.name = "category", .text = "c" + std::to_string(k / 20)},
                               {.name = "released", .number = static_cast<double>(k)}};
      Fold(e);
    }
    for (int k = 0; k < 10; ++k) {
      for (int n = 0; n < 20 - k; ++n) Touch("someone", k);
    }
    for (int n = 0; n < 3; ++n) Touch("ann", 45);
    now += 2 * kMinuteMs;
  }
  void Fold(const Event& e) { store->Fold({next++, now, e}); }
  void Touch(const std::string& user, int item) {
    Fold({.type = EventType::kFeedClick,
          .time_ms = now,
          .user_id = user,
          .items = {{.item_id = "i" + std::to_string(item)}}});
  }
  Feed Ask(FeedRequest request) {
    request.now_ms = now;
    Share();
    return Rank(*store, reader->features(), nullptr, feed, request, lists->lists().get());
  }
  // From here on as a server does: what is folded is published, and the epoch is that of now.
  void Share() {
    if (!reader) store->Share();
    if (!reader) reader = std::make_unique<StoreReader>(*store);
    if (!lists)
      lists = std::make_unique<ListMaker>(store->shared(), store->features().schema,
                                          std::vector<std::vector<ChannelConfig>>{feed.channels});
    store->AdvanceTo(EpochEndAt(now));
    store->Publish();
    lists->Update();
  }
  std::unique_ptr<OnlineStore> store;
  std::unique_ptr<StoreReader> reader;
  std::unique_ptr<ListMaker> lists;
  FeedConfig feed;
  std::uint64_t next = 0;
  std::int64_t now = 28'000'000 * kMinuteMs;
};

TEST_F(RankTest, TheRecordSaysForWhomTheRequestWasAnsweredAfterAnAlias) {
  const Feed before = Ask({.request_id = "r", .user_id = "anonymous", .session_id = "s"});
  EXPECT_EQ(before.event.served.unit_kind, UnitKind::kUser);
  EXPECT_EQ(before.event.served.unit, "anonymous");
  Fold({.type = EventType::kUserAlias, .time_ms = now, .user_id = "ann", .kind = "anonymous"});
  const Feed after = Ask({.request_id = "r", .user_id = "anonymous", .session_id = "s"});
  EXPECT_EQ(after.event.served.unit_kind, UnitKind::kLogin);
  EXPECT_EQ(after.event.served.unit, "ann") << "as a client that knows the login names it";
  EXPECT_EQ(Ask({.request_id = "r", .user_id = "ann"}).event.served.unit, "ann");
  const Feed nobody = Ask({.request_id = "r", .session_id = "s"});
  EXPECT_EQ(nobody.event.served.unit_kind, UnitKind::kSession);
  EXPECT_EQ(nobody.event.served.unit, "s");
}

TEST_F(RankTest, AnswersWithoutAModelAndSaysSo) {
  const Feed answer = Ask({.request_id = "r", .user_id = "ann"});
  EXPECT_THAT(answer.degraded, testing::ElementsAre("model"));
  EXPECT_EQ(answer.items.size(), 20u);
  EXPECT_EQ(answer.event.type, EventType::kFeedRequest);
  EXPECT_EQ(answer.event.served.as_of(), static_cast<std::int64_t>(next) - 1);
}

TEST_F(RankTest, WithoutListsAFeedOfChannelsIsEmptyAndSaysSo) {
  Share();
  const FeedRequest request{.request_id = "r", .user_id = "ann", .now_ms = now};
  const Feed answer = Rank(*store, reader->features(), nullptr, feed, request, nullptr);
  EXPECT_TRUE(answer.items.empty());
  EXPECT_THAT(answer.degraded, testing::ElementsAre("channels", "model"));
}

TEST_F(RankTest, EqualRequestsGetEqualFeedsAndOthersExploreOtherwise) {
  const auto ids = [](const Feed& f) {
    std::vector<std::string> list;
    for (const FeedItem& i : f.items) list.push_back(i.item_id + i.channel);
    return list;
  };
  EXPECT_EQ(ids(Ask({.request_id = "r", .user_id = "ann"})), ids(Ask({.request_id = "r", .user_id = "ann"})));
  EXPECT_NE(ids(Ask({.request_id = "r", .user_id = "ann"})), ids(Ask({.request_id = "s", .user_id = "ann"})));
}

TEST_F(RankTest, KeepsTheCallersOrderOfEqualsAndLeavesOutWhatIsExcluded) {
  const Feed answer = Ask({.request_id = "r",
                           .user_id = "x",
                           .candidates = {{.item_id = "new3"}, {.item_id = "new1"}, {.item_id = "new2"}},
                           .has_candidates = true,
                           .exclude = {"new1"}});
  ASSERT_EQ(answer.items.size(), 2u);
  EXPECT_EQ(answer.items[0].item_id, "new3");
  EXPECT_EQ(answer.items[1].item_id, "new2");
  EXPECT_EQ(answer.items[0].channel, "supplied");
  EXPECT_TRUE(Ask({.request_id = "r", .user_id = "x", .has_candidates = true}).items.empty());
}

TEST_F(RankTest, WhatIsOffSaleOrHiddenByTheUserIsInNoFeedNotEvenNamed) {
  const auto ids = [&](FeedRequest request) {
    std::set<std::string> set;
    for (const FeedItem& item : Ask(std::move(request)).items) set.insert(item.item_id);
    return set;
  };
  const std::vector<EventItem> named{{.item_id = "i1"}, {.item_id = "i2"}, {.item_id = "i3"}, {.item_id = "new"}};
  Fold({.type = EventType::kItemDelete, .time_ms = now, .items = {{.item_id = "i1"}}});
  Fold({.type = EventType::kItemHide, .time_ms = now, .user_id = "ann", .items = {{.item_id = "i2"}}});
  Fold({.type = EventType::kItemHide, .time_ms = now, .session_id = "s", .items = {{.item_id = "i3"}}});
  EXPECT_EQ(ids({.request_id = "r", .user_id = "ann", .candidates = named, .has_candidates = true}),
            (std::set<std::string>{"i1", "i3", "new"}))
      << "hidden at once; on sale to the end of the epoch";
  now += 2 * kMinuteMs;
  EXPECT_EQ(ids({.request_id = "r", .user_id = "ann", .candidates = named, .has_candidates = true}),
            (std::set<std::string>{"i3", "new"}));
  EXPECT_EQ(ids({.request_id = "r", .user_id = "bob", .candidates = named, .has_candidates = true}),
            (std::set<std::string>{"i2", "i3", "new"}));
  EXPECT_EQ(ids({.request_id = "r", .session_id = "s", .candidates = named, .has_candidates = true}),
            (std::set<std::string>{"i2", "new"}));
  feed.size = 100;
  for (auto& channel : feed.channels) channel.quota = 100;
  const auto all = ids({.request_id = "r", .user_id = "ann"});
  EXPECT_EQ(all.size(), 98u);
  EXPECT_FALSE(all.contains("i1") || all.contains("i2"));
  const Feed answer = Ask({.request_id = "r", .user_id = "bob", .candidates = named, .has_candidates = true});
  EXPECT_EQ(answer.event.items.size(), 3u) << "the record has what was ranked, so that a replay reads the same";
}

// Counts the requests' first reads, each of which finds the rows of all items.
class CountedRows final : public RowReader {
 public:
  explicit CountedRows(SharedState& shared) : of_(shared.timeline(), shared.tables()) {}
  void Fetch(std::span<const RowQuery> queries, RowLease* lease) override {
    ++fetches;
    of_.Fetch(queries, lease);
  }
  void FetchMore(std::span<const RowQuery> queries, RowLease* lease) override { of_.FetchMore(queries, lease); }
  int fetches = 0;

 private:
  EmbeddedRowReader of_;
};

TEST_F(RankTest, AnItemOffSaleCostsNoSecondRead) {
  Fold({.type = EventType::kItemDelete, .time_ms = now, .items = {{.item_id = "i1"}}});
  now += 2 * kMinuteMs;
  Share();
  CountedRows rows(store->shared());
  EmbeddedRowReader users(store->users(), store->user_tables());
  const FeatureReader counted(store->shared_features(), users, rows, store->shared());
  const FeedRequest request{.request_id = "r",
                            .user_id = "ann",
                            .candidates = {{.item_id = "i0"}, {.item_id = "i1"}, {.item_id = "i2", .price = 7}},
                            .has_candidates = true,
                            .now_ms = now};
  const Feed answer = Rank(*store, counted, nullptr, feed, request, lists->lists().get());
  ASSERT_EQ(answer.event.items.size(), 2u);
  EXPECT_EQ(answer.event.items[1].item_id, "i2");
  EXPECT_EQ(rows.fetches, 1);
  const Feed without = Rank(*store, counted, nullptr, feed,
                            {.request_id = "r",
                             .user_id = "ann",
                             .candidates = {{.item_id = "i0"}, {.item_id = "i2", .price = 7}},
                             .has_candidates = true,
                             .now_ms = now},
                            lists->lists().get());
  EXPECT_EQ(answer.event.served.columns[0].crc, without.event.served.columns[0].crc)
      << "the values are the others' own";
}

TEST(OrderByValue, PutsTheBestFirstEqualOnesInTheirOrderAndMissingOnesLast) {
  const float none = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> value{1, none, 0.0f, -0.0f, -5, 1, 1e30f, -none, 0.0f};
  EXPECT_EQ(OrderByValue(value), (std::vector<std::size_t>{6, 0, 5, 2, 3, 8, 4, 1, 7}));
  EXPECT_EQ(OrderByValue(value, 4), (std::vector<std::size_t>{6, 0, 5, 2}));
  EXPECT_TRUE(OrderByValue(value, 0).empty());
  Rng rng(4);
  std::vector<float> many(1000);
  for (float& v : many) v = static_cast<float>(rng.Below(50)) - 25;
  std::vector<std::size_t> expected(many.size());
  std::iota(expected.begin(), expected.end(), std::size_t{0});
  std::ranges::stable_sort(expected, [&](std::size_t a, std::size_t b) { return many[a] > many[b]; });
  EXPECT_EQ(OrderByValue(many), expected);
  expected.resize(20);
  EXPECT_EQ(OrderByValue(many, 20), expected);
}

TEST_F(RankTest, BySoftmaxTheItemsShownShareOneClickAndAnItemAloneHasIt) {
  ObjectiveModel pctr{.name = "pctr", .softmax = true};
  pctr.forest = {.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = 1, .base_margin = {-1}};
  const auto n = Forest::Missing::kNan;
  ASSERT_TRUE(AddTree({.feature = {0, 0, 0},
                       .left = {1, -1, -1},
                       .right = {2, -1, -1},
                       .value = {20, 2, 0.5},
                       .default_left = {0, 0, 0},
                       .missing = {n, n, n},
                       .category_set = {-1, -1, -1}},
                      0, "", pctr.forest)
                  .ok());
  Model made;
  made.feature_fingerprint = store->features().fingerprint;
  made.columns = {"price"};
  made.categorical = {0};
  made.categories.resize(1);
  made.objectives.push_back(std::move(pctr));
  const auto model = BoundModel::Make(std::move(made), store->features()).value();
  FeedRequest request{.request_id = "r", .user_id = "x", .has_candidates = true, .now_ms = now};
  const auto sum = [&](int items, int size) {
    request.candidates.clear();
    request.size = size;
    for (int i = 0; i < items; ++i)
      request.candidates.push_back({.item_id = "c" + std::to_string(i), .price = i % 3 ? 30.0f : 10.0f});
    Share();
    double shares = 0;
    const Feed answer = Rank(*store, reader->features(), model.get(), feed, request, nullptr);
    for (const FeedItem& item : answer.items) shares += answer.event.served.Find("pctr")->values[item.item];
    return shares;
  };
  EXPECT_NEAR(sum(7, 20), 1, 1e-5);
  EXPECT_NEAR(sum(200, 20), 1, 1e-5) << "of 200 candidates the 20 shown share it";
  EXPECT_NEAR(sum(1, 20), 1, 1e-5);
  EXPECT_EQ(sum(0, 20), 0);
}

// A forest of one column, split at 0.5: `left` below, `right` above.
Forest Step(double left, double right) {
  Forest forest{.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = 1, .base_margin = {0}};
  const auto n = Forest::Missing::kNan;
  EXPECT_TRUE(AddTree({.feature = {0, 0, 0},
                       .left = {1, -1, -1},
                       .right = {2, -1, -1},
                       .value = {0.5, left, right},
                       .default_left = {0, 0, 0},
                       .missing = {n, n, n},
                       .category_set = {-1, -1, -1}},
                      0, "", forest)
                  .ok());
  return forest;
}

TEST_F(RankTest, AModelThatLacksAnObjectiveOfTheFormulaRanksByTheFirstThatItHasAndSaysSo) {
  ObjectiveModel pcvr{.name = "pcvr"};
  pcvr.forest = {.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = 1, .base_margin = {0}};
  const auto n = Forest::Missing::kNan;
  ASSERT_TRUE(AddTree({.feature = {0, 0, 0},
                       .left = {1, -1, -1},
                       .right = {2, -1, -1},
                       .value = {20, 2, 0.5},
                       .default_left = {0, 0, 0},
                       .missing = {n, n, n},
                       .category_set = {-1, -1, -1}},
                      0, "", pcvr.forest)
                  .ok());
  Model made;
  made.feature_fingerprint = store->features().fingerprint;
  made.columns = {"price"};
  made.categorical = {0};
  made.categories.resize(1);
  made.objectives.push_back(std::move(pcvr));
  const auto model = BoundModel::Make(std::move(made), store->features()).value();
  feed.value = ValueFormula::Parse("pctr * (1 + 5 * pcvr)", kNames).value();
  Share();
  const FeedRequest request{.request_id = "r",
                            .user_id = "x",
                            .candidates = {{.item_id = "dear", .price = 30}, {.item_id = "cheap", .price = 10}},
                            .has_candidates = true,
                            .now_ms = now};
  const Feed answer = Rank(*store, reader->features(), model.get(), feed, request, nullptr);
  ASSERT_EQ(answer.items.size(), 2u);
  EXPECT_EQ(answer.items[0].item_id, "cheap");
  EXPECT_GT(answer.items[0].value, answer.items[1].value);
  EXPECT_THAT(answer.degraded, testing::ElementsAre("objective"));
}

TEST_F(RankTest, AModelThatReadsThePlaceRanksAtItsReferenceAndSaysItsProbabilitiesAtThePlaceToo) {
  auto config = Config::Parse("[[feature]]\nname = \"place\"\ntype = \"position\"\n", "gfr.toml");
  store = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
  Model made;
  made.feature_fingerprint = store->features().fingerprint;
  made.columns = {"place"};
  made.categorical = {0};
  made.categories.resize(1);
  made.position_column = 0;
  made.objectives.push_back({.name = "pctr", .forest = Step(0, -1)});
  const auto model = BoundModel::Make(std::move(made), store->features()).value();
  Share();
  const Feed answer = Rank(*store, reader->features(), model.get(), feed,
                           {.request_id = "r",
                            .user_id = "x",
                            .candidates = {{.item_id = "a"}, {.item_id = "b"}, {.item_id = "c"}},
                            .has_candidates = true,
                            .size = 2,
                            .now_ms = now},
                           nullptr);
  ASSERT_EQ(answer.items.size(), 2u);
  const ServedSlate& served = answer.event.served;
  const ServedScores& pctr = *served.Find("pctr");
  EXPECT_EQ(pctr.values[0], 0.5f);
  EXPECT_EQ(pctr.values[1], 0.5f) << "at the reference, as if it came first";
  EXPECT_EQ(pctr.at_shown[0], 0.5f);
  EXPECT_NEAR(pctr.at_shown[1], 1 / (1 + std::exp(1.0)), 1e-6);
  EXPECT_TRUE(std::isnan(pctr.at_shown[2])) << "not shown";
  EXPECT_EQ(served.columns[0].values, (std::vector<float>{0, 0})) << "what a replay reads, of what was shown";
  const std::vector<float> all{0, 0, 0};
  EXPECT_EQ(served.columns[0].crc, Crc32c(all.data(), sizeof(float) * all.size()));
}

TEST_F(RankTest, AValueFormulaReadsPropertiesAsTheCallerAndTheCatalogueSayThem) {
  Model made;
  made.feature_fingerprint = store->features().fingerprint;
  made.columns = {"price"};
  made.categorical = {0};
  made.categories.resize(1);
  made.objectives.push_back({.name = "pctr", .forest = Step(0, 0)});
  const auto model = BoundModel::Make(std::move(made), store->features()).value();
  ASSERT_EQ(store->features().schema.item_names, (std::vector<std::string>{"price", "category", "released"}));
  feed.value = ValueFormula::Parse("pctr * price + released", kNames).value();
  Share();
  const Feed answer = Rank(*store, reader->features(), model.get(), feed,
                           {.request_id = "r",
                            .user_id = "x",
                            .candidates = {{.item_id = "i7"},
                                           {.item_id = "i8", .price = 100},
                                           {.item_id = "i9", .properties = {{.name = "released", .number = 500}}},
                                           {.item_id = "unknown", .price = 3}},
                            .has_candidates = true,
                            .now_ms = now},
                           nullptr);
  ASSERT_EQ(answer.items.size(), 4u);
  EXPECT_EQ(answer.items[0].item_id, "i9");
  EXPECT_EQ(answer.items[0].value, 505);
  EXPECT_EQ(answer.items[1].item_id, "i8");
  EXPECT_EQ(answer.items[1].value, 58);
  EXPECT_EQ(answer.items[2].value, 12) << "as the catalogue says";
  EXPECT_TRUE(std::isnan(answer.items[3].value)) << "it was released never, and ranks last";
  EXPECT_EQ(answer.event.served.scores.size(), 2u) << "each objective of the configuration";
  EXPECT_EQ(answer.event.served.feed, "home");
}

TEST_F(RankTest, OnTheShareOfRequestsACoinPutsPairsInOrderAndNothingIsDrawn) {
  FeedRequest supplied{.user_id = "x", .has_candidates = true};
  for (int i = 0; i < 9; ++i) supplied.candidates.push_back({.item_id = "c" + std::to_string(i)});
  feed.swap_share = 0.5;
  int requests = 0, pairs = 0, swapped = 0, first_pairs = 0;
  for (int n = 0; n < 600; ++n) {
    supplied.request_id = "r" + std::to_string(n);
    const Feed answer = Ask(supplied);
    const std::vector<std::int32_t>& swaps = answer.event.served.swaps;
    requests += !swaps.empty();
    std::vector<std::string> order;
    for (const FeedItem& item : answer.items) order.push_back(item.item_id);
    std::vector<float> propensity(9, 1.0f);
    for (const std::int32_t upper : swaps) {
      const auto k = static_cast<std::size_t>(upper);
      ASSERT_LT(k + 1, order.size());
      propensity[k] = 0.5f;
      ++pairs;
      first_pairs += k == 0;
      if (order[k] == "c" + std::to_string(k)) continue;
      std::swap(order[k], order[k + 1]);
      ++swapped;
    }
    for (std::size_t k = 0; k < order.size(); ++k) {
      EXPECT_EQ(order[k], "c" + std::to_string(k)) << "but for the pairs, by value";
      EXPECT_EQ(answer.items[k].propensity, propensity[k]);
    }
    EXPECT_TRUE(swaps.empty() || swaps.size() == 4u) << "of nine";
  }
  EXPECT_NEAR(requests, 300, 40);
  EXPECT_NEAR(first_pairs, requests / 2, 30) << "0 and 1 as often as 1 and 2";
  EXPECT_NEAR(swapped, pairs / 2, 3 * std::sqrt(pairs) / 2);
  feed.swap_share = 1;
  for (const FeedItem& item : Ask({.request_id = "r", .user_id = "ann"}).items)
    EXPECT_TRUE(item.propensity == 1 || item.propensity == 0.5f) << "one of a pool was drawn";
}

TEST_F(RankTest, ThePropensityOfADrawnItemIsOneOverItsPool) {
  const Feed answer = Ask({.request_id = "r", .user_id = "ann"});
  std::size_t drawn = 0;
  const std::vector<ServedDraw>& draws = answer.event.served.draws;
  for (std::size_t p = 0; p < answer.items.size(); ++p) {
    const FeedItem& i = answer.items[p];
    if (i.propensity == 1.0f) continue;
    EXPECT_EQ(i.channel, "explore");
    ASSERT_LT(drawn, draws.size());
    const ServedDraw& draw = draws[drawn++];
    EXPECT_EQ(draw.position, static_cast<std::int32_t>(p));
    EXPECT_EQ(i.propensity, 1.0f / static_cast<float>(draw.pool.size()));
    EXPECT_TRUE(std::ranges::binary_search(draw.pool, i.item));
    for (const std::uint32_t k : draw.pool) {
      const EventItem& could = answer.event.items[k];
      EXPECT_TRUE(could.channel == "explore" && (could.index < 0 || could.index >= draw.position));
      EXPECT_TRUE(answer.event.served.IsScored(k));
    }
  }
  EXPECT_EQ(drawn, 3u) << "every sixth of 20 places";
  EXPECT_EQ(draws.size(), 3u);
}

}  // namespace
}  // namespace gfr
