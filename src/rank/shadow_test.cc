#include "rank/shadow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/hash.h"
#include "event/slate_codec.h"
#include "rank/ranker.h"

namespace gfr {
namespace {

const ValueNames kShadowNames{.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick}},
                              .properties = {"price"}};

class ShadowTest : public testing::Test {
 protected:
  ShadowTest() {
    auto config =
        Config::Parse("[[feature]]\nname = \"price\"\ntype = \"property\"\nproperty = \"price\"\n", "gfr.toml");
    store_ = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    store_->Share();
    reader_ = std::make_unique<StoreReader>(*store_);
    feed_.objectives = {"pctr"};
    feed_.size = 10;
    feed_.value = ValueFormula::Parse("pctr * price", kShadowNames).value();
    request_ = {.request_id = "r", .user_id = "ann", .surface = "home", .has_candidates = true, .now_ms = 1};
    for (int k = 0; k < 50; ++k)
      request_.candidates.push_back({.item_id = "i" + std::to_string(k), .price = static_cast<float>(k + 1)});
  }
  // Likes items below `price` with margin `below`, others with `above`.
  std::shared_ptr<const BoundModel> Model(const std::string& version, double price, double below, double above) const {
    ObjectiveModel pctr{.name = "pctr"};
    pctr.forest = {.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = 1, .base_margin = {0}};
    const auto n = Forest::Missing::kNan;
    EXPECT_TRUE(AddTree({.feature = {0, 0, 0},
                         .left = {1, -1, -1},
                         .right = {2, -1, -1},
                         .value = {price, below, above},
                         .default_left = {0, 0, 0},
                         .missing = {n, n, n},
                         .category_set = {-1, -1, -1}},
                        0, "", pctr.forest)
                    .ok());
    gfr::Model made{.name = "feed", .version = version};
    made.feature_fingerprint = store_->features().fingerprint;
    made.columns = {"price"};
    made.categorical = {0};
    made.categories.resize(1);
    made.objectives.push_back(std::move(pctr));
    return BoundModel::Make(std::move(made), store_->features()).value();
  }
  Feed Ask(const RankSettings& settings) {
    return Rank(*store_, reader_->features(), settings, request_, FindRequester(reader_->features(), request_),
                nullptr);
  }

  std::unique_ptr<OnlineStore> store_;
  std::unique_ptr<StoreReader> reader_;
  FeedConfig feed_;
  FeedRequest request_;
};

TEST_F(ShadowTest, KeepsTheScoresOfWhatWasShownAndOfItsOwnBest) {
  const auto champion = Model("1", 25.5, 2, -2), shadow = Model("2", 25.5, -2, 2);
  ShadowInput input;
  const Feed answer = Ask({.feed = feed_, .model = champion.get(), .configuration = 77, .keep = &input});
  const Event record = ScoreShadow("next", *shadow, feed_, answer.event, input);
  EXPECT_EQ(record.type, EventType::kFeedShadow);
  EXPECT_EQ(record.id, "r/shadow/next");
  EXPECT_EQ(record.request_id, "r");
  EXPECT_EQ(record.user_id, "ann");
  EXPECT_EQ(record.served.models, (std::vector<ServedModel>{{"feed/2", ModelRole::kShadow}}));
  EXPECT_EQ(record.served.configuration, 77u);
  EXPECT_EQ(record.served.unit, "ann");
  EXPECT_TRUE(record.served.columns.empty());

  const double low = 1 / (1 + std::exp(2.0)), high = 1 / (1 + std::exp(-2.0));
  int shown = 0, own = 0;
  const ServedScores& scores = *record.served.Find("pctr");
  ASSERT_EQ(scores.values.size(), record.items.size());
  for (std::size_t k = 0; k < record.items.size(); ++k) {
    const int item = std::stoi(record.items[k].item_id.substr(1));
    EXPECT_NEAR(scores.values[k], item < 25 ? low : high, 1e-6);
    EXPECT_NEAR(record.served.value[k], scores.values[k] * static_cast<float>(item + 1), 1e-4);
    if (record.items[k].index >= 0) {  // Its own order: dear items first.
      EXPECT_EQ(item, 49 - record.items[k].index);
      ++own;
    } else {
      EXPECT_LT(item, 25) << "shown by the champion";
      ++shown;
    }
  }
  EXPECT_EQ(own, 20);
  EXPECT_EQ(shown, 10);
  EXPECT_EQ(ShadowOverlap(answer.event, record), 0);

  std::string bytes;
  EncodeSlate(record.served, record.items, &bytes);
  const auto back = DecodeSlate(bytes, record.items);
  ASSERT_TRUE(back.ok()) << back.error().ToString();
  EXPECT_EQ(back.value().models, record.served.models);
  EXPECT_EQ(back.value().scores[0].values, scores.values);
}

TEST_F(ShadowTest, AModelThatIsItsOwnShadowAgrees) {
  const auto champion = Model("1", 25.5, 2, -2);
  ShadowInput input;
  const Feed answer = Ask({.feed = feed_, .model = champion.get(), .keep = &input});
  const Event record = ScoreShadow("same", *champion, feed_, answer.event, input);
  EXPECT_EQ(ShadowOverlap(answer.event, record), 1);
  for (std::size_t p = 0; p < answer.items.size(); ++p) {
    const auto at = std::ranges::find(record.items, answer.items[p].item_id, &EventItem::item_id);
    ASSERT_NE(at, record.items.end());
    EXPECT_EQ(at->index, static_cast<std::int32_t>(p));
    EXPECT_EQ(record.served.value[static_cast<std::size_t>(at - record.items.begin())], answer.items[p].value);
  }
  const Feed without = Ask({.feed = feed_, .model = champion.get()});
  for (std::size_t p = 0; p < answer.items.size(); ++p) EXPECT_EQ(without.items[p].item_id, answer.items[p].item_id);
}

TEST_F(ShadowTest, AModelWithoutAnObjectiveOfTheFormulaRanksByTheOneItHasAsAnAnswerDoes) {
  const ValueNames names{.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick},
                                        {"pcvr", EventType::kFeedClick, EventType::kPurchase}}};
  feed_.objectives = {"pctr", "pcvr"};
  feed_.value = ValueFormula::Parse("pctr * pcvr", names).value();
  const auto champion = Model("1", 25.5, 2, -2);
  ShadowInput input;
  const Feed answer = Ask({.feed = feed_, .model = champion.get(), .keep = &input});
  EXPECT_EQ(answer.degraded, (std::vector<std::string>{"objective"}));
  EXPECT_EQ(ShadowOverlap(answer.event, ScoreShadow("same", *champion, feed_, answer.event, input)), 1);
}

TEST_F(ShadowTest, OneOfSettingsRanksByAPipelineOfItsOwn) {
  const auto champion = Model("1", 25.5, 2, -2);
  const Feed answer = Ask({.feed = feed_, .model = champion.get()});
  FeedConfig other = feed_;
  other.size = 30;
  other.value = ValueFormula::Parse("pctr", kShadowNames).value();
  const Event record = ShadowOf("clicks", answer.event, Ask({.feed = other, .model = champion.get()}));
  ASSERT_EQ(record.items.size(), kShadowItems);
  EXPECT_EQ(record.items[3].item_id, "i3") << "equal values keep the caller's order";
  EXPECT_EQ(record.items[3].index, 3);
  EXPECT_EQ(record.served.scores[0].values.size(), kShadowItems);
  EXPECT_EQ(record.served.models[0].role, ModelRole::kShadow);
  EXPECT_EQ(record.request_id, "r");
}

TEST_F(ShadowTest, TheRecordOfAnAnswerSaysWhatWasAssigned) {
  const auto model = Model("7", 25.5, 2, -2);
  const Feed answer = Ask({.feed = feed_,
                           .model = model.get(),
                           .role = ModelRole::kVariant,
                           .experiments = {{"price", "high", false}},
                           .configuration = 5});
  EXPECT_EQ(answer.event.served.experiments, (std::vector<ServedExperiment>{{"price", "high", false}}));
  EXPECT_EQ(answer.event.served.models, (std::vector<ServedModel>{{"feed/7", ModelRole::kVariant}}));
  EXPECT_EQ(answer.event.served.configuration, 5u);
  const Feed popular = Ask({.feed = feed_, .popular = true});
  EXPECT_TRUE(popular.degraded.empty()) << "a holdout has no model by choice";
  EXPECT_THAT(Ask({.feed = feed_}).degraded, testing::ElementsAre("model"));
}

}  // namespace
}  // namespace gfr
