#include "rank/whole_catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time.h"
#include "event/slate_sources.h"
#include "rank/ranker.h"
#include "retrieve/catalogue.h"
#include "retrieve/list_maker.h"

namespace gfr {
namespace {

constexpr std::int64_t kWholeNow = 28'000'000 * kMinuteMs;

// 300 items, item k at the price k + 1, and a model of 0.5 for each: the value is half the price.
class WholeCatalogueTest : public testing::Test {
 protected:
  WholeCatalogueTest() {
    auto config =
        Config::Parse("[[feature]]\nname = \"price\"\ntype = \"property\"\nproperty = \"price\"\n", "gfr.toml");
    store = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    feed.objectives = {"pctr"};
    feed.value = ValueFormula::Parse("pctr * price",
                                     {.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick}},
                                      .properties = {"price"}})
                     .value();
    feed.size = 5;
    feed.channels = {{"recent", 20}, {"exploit", 8, "catalogue", 1000}};
    std::uint64_t offset = 0;
    for (int k = 0; k < 300; ++k)
      store->Fold({offset++,
                   kWholeNow,
                   {.type = EventType::kItemUpdate,
                    .time_ms = kWholeNow,
                    .items = {{.item_id = "i" + std::to_string(k), .price = k + 1.0}}}});
    store->Fold(
        {offset++, kWholeNow, {.type = EventType::kItemDelete, .time_ms = kWholeNow, .items = {{.item_id = "i298"}}}});
    store->Share();
    store->AdvanceTo(kWholeNow + 2 * kMinuteMs);
    store->Publish();
    reader = std::make_unique<StoreReader>(*store);
    Model made;
    made.name = "feed";
    made.version = "1";
    made.feature_fingerprint = store->features().fingerprint;
    made.columns = {"price"};
    made.categorical = {0};
    made.categories.resize(1);
    made.objectives.push_back({.name = "pctr"});
    made.objectives[0].forest = {
        .objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = 1, .base_margin = {0}};
    model = BoundModel::Make(std::move(made), store->features()).value();
  }
  Feed Ask(const std::vector<std::string>& exclude = {}) {
    ListMaker maker(store->shared(), store->features().schema, {feed.channels});
    maker.SetFirstStage(stage);
    maker.Update();
    FeedRequest request{.request_id = "r", .user_id = "ann", .now_ms = kWholeNow + 6 * kMinuteMs};
    request.exclude = exclude;
    return Rank(*store, reader->features(), model.get(), feed, request, maker.lists().get());
  }
  static std::vector<std::string> Ids(const Feed& answer) {
    std::vector<std::string> ids;
    for (const FeedItem& item : answer.items) ids.push_back(item.item_id);
    return ids;
  }

  std::unique_ptr<OnlineStore> store;
  std::unique_ptr<StoreReader> reader;
  std::shared_ptr<const BoundModel> model;
  FeedConfig feed;
  std::shared_ptr<const FirstStage> stage;
};

// A catalogue that is not listed for the ranker: too many other items, all at the price 0.
class FirstStageTest : public WholeCatalogueTest {
 protected:
  FirstStageTest() {
    std::uint64_t offset = 1000;
    for (std::size_t k = 0; k < CatalogueSource::kMost; ++k)
      store->Fold({offset++,
                   kWholeNow + 3 * kMinuteMs,
                   {.type = EventType::kItemUpdate,
                    .time_ms = kWholeNow + 3 * kMinuteMs,
                    .items = {{.item_id = "cheap" + std::to_string(k), .price = 0}}}});
    store->AdvanceTo(kWholeNow + 5 * kMinuteMs);
    store->Publish();
  }
  // Reads items 200 to 299, of which it takes the cheaper ones for the better: the ranker has the last word.
  void MakeStage(const std::string& of_model) {
    std::vector<std::pair<Key, float>> worth;
    for (int k = 200; k < 300; ++k) worth.emplace_back(KeyOf("i" + std::to_string(k)), 400.0f - static_cast<float>(k));
    std::ranges::sort(worth);
    EmbeddingIndex::Parts parts{.items = {}, .dimensions = 2, .vectors = {}};
    for (const auto& [key, value] : worth) {
      parts.items.push_back(key);
      parts.vectors.insert(parts.vectors.end(), {value, 0});
    }
    stage = FirstStage::Make({.model = of_model,
                              .feed = "home",
                              .anchors = {{.item_id = "i5"}},
                              .means = {3},
                              .items = EmbeddingIndex::Make(std::move(parts)).value()})
                .value();
  }
};

TEST_F(FirstStageTest, WhatItBringsIsValuedByTheRanker) {
  EXPECT_EQ(Ask().items[0].source, "recent") << "there is none yet";
  MakeStage("feed/1");
  const Feed answer = Ask({"i297"});
  EXPECT_THAT(Ids(answer), testing::ElementsAre("i299", "i296", "i295", "i294", "i293")) << "i298 is not on sale";
  EXPECT_EQ(answer.items[0].source, "catalogue");
}

TEST_F(FirstStageTest, OneOfAnotherModelOrFeedIsNotUsed) {
  MakeStage("feed/2");
  for (const FeedItem& item : Ask().items) EXPECT_EQ(item.source, "recent");
  MakeStage("feed/1");
  feed.name = "search";
  for (const FeedItem& item : Ask().items) EXPECT_EQ(item.source, "recent");
}

TEST_F(FirstStageTest, OnlyAsManyItemsAreValuedAsTheBudgetHas) {
  MakeStage("feed/1");
  EXPECT_EQ(FirstStageRows(*model, 0, *stage), 0u);
  EXPECT_GT(FirstStageRows(*model, 20, *stage), 100u);
  EXPECT_LE(FirstStageRows(*model, 20, *stage), model->RowsWithin(20));
  feed.channels[1].budget_ms = 0;
  for (const FeedItem& item : Ask().items) EXPECT_EQ(item.source, "recent");
}

TEST_F(WholeCatalogueTest, TheSlateIsTheModelsOwnBestOfAllItemsOnSale) {
  const Feed answer = Ask({"i297"});
  EXPECT_THAT(Ids(answer), testing::ElementsAre("i299", "i296", "i295", "i294", "i293"));
  EXPECT_EQ(answer.items[0].channel, "exploit");
  EXPECT_EQ(answer.items[0].source, "catalogue");
  const std::vector<std::string> sources = SourcesOf(answer.event.served, answer.event.items.size());
  EXPECT_EQ(std::ranges::count(sources, "catalogue"), 8);
  EXPECT_EQ(std::ranges::count(sources, "recent"), 20);
  for (const EventItem& item : answer.event.items) EXPECT_EQ(item.channel.find('/'), std::string::npos);
}

TEST_F(WholeCatalogueTest, ABudgetThatTheCatalogueDoesNotFitInLeavesItToTheOtherSources) {
  feed.channels[1].budget_ms = 0;
  for (const FeedItem& item : Ask().items) EXPECT_EQ(item.source, "recent");
}

TEST_F(WholeCatalogueTest, ABudgetIsANumberOfItemsThatStaysAndGrowsWithIt) {
  const std::size_t rows = model->RowsWithin(2);
  EXPECT_GT(rows, 100u);
  EXPECT_EQ(model->RowsWithin(2), rows);
  EXPECT_GE(model->RowsWithin(20), 5 * rows);
  EXPECT_EQ(model->RowsWithin(0), 0u);
  std::size_t digits = rows;
  while (digits % 10 == 0) digits /= 10;
  EXPECT_LT(digits, 10u) << rows;
}

}  // namespace
}  // namespace gfr
