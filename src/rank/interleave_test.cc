#include "rank/interleave.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "base/time.h"
#include "event/event_codec.h"
#include "rank/ranker.h"
#include "retrieve/list_maker.h"
#include "retrieve/sources.h"
#include "state/slate_check.h"

namespace gfr {
namespace {

constexpr std::int64_t kPairNow = 28'000'000 * kMinuteMs;

// A model whose only objective is 0.5 for every item, so that values are what the formula makes of properties.
std::shared_ptr<const BoundModel> EvenModel(const FeatureSet& features, const std::string& version) {
  ObjectiveModel pctr{.name = "pctr"};
  pctr.forest = {.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = 1, .base_margin = {0}};
  Model made;
  made.name = "feed";
  made.version = version;
  made.feature_fingerprint = features.fingerprint;
  made.columns = {"price"};
  made.categorical = {0};
  made.categories.resize(1);
  made.objectives.push_back(std::move(pctr));
  return BoundModel::Make(std::move(made), features).value();
}

class InterleaveTest : public testing::Test {
 protected:
  InterleaveTest() {
    auto config = Config::Parse(
        "[item]\nreleased = \"number\"\n[[feature]]\nname = \"price\"\ntype = \"property\"\nproperty = "
        "\"price\"\n",
        "gfr.toml");
    store = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    const ValueNames names{.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick}},
                           .properties = store->features().schema.item_names};
    first.objectives = {"pctr"};
    first.value = ValueFormula::Parse("pctr * price", names).value();
    first.size = 6;
    second = first;
    second.value = ValueFormula::Parse("pctr * released", names).value();
    for (int k = 0; k < 60; ++k) {
      Event e{.type = EventType::kItemUpdate,
              .time_ms = kPairNow - 2 * kMinuteMs,
              .items = {{.item_id = "i" + std::to_string(k), .price = 1.0 + k}}};
      e.items[0].properties = {{.name = "released", .number = static_cast<double>((k * 37) % 60 + 1)}};
      store->Fold({static_cast<std::uint64_t>(k), kPairNow - 2 * kMinuteMs, e});
    }
    for (int k = 0; k < 30; ++k) {
      store->Fold({static_cast<std::uint64_t>(60 + k), kPairNow - 2 * kMinuteMs,
                   Event{.type = EventType::kFeedClick,
                         .time_ms = kPairNow - 2 * kMinuteMs,
                         .user_id = "someone",
                         .items = {{.item_id = "i" + std::to_string(k)}}}});
    }
    store->Share();
    reader = std::make_unique<StoreReader>(*store);
    store->AdvanceTo(EpochEndAt(kPairNow));
    store->Publish();
    champion = EvenModel(store->features(), "1");
    other = EvenModel(store->features(), "2");
  }
  FeedRequest Supplied(int n) const {
    FeedRequest request{
        .request_id = "r" + std::to_string(n), .user_id = "ann", .has_candidates = true, .now_ms = kPairNow};
    for (int k = 0; k < 20; ++k) request.candidates.push_back({.item_id = "i" + std::to_string(k)});
    return request;
  }
  Feed Ask(const FeedRequest& request, const BoundModel* second_model, const CandidateLists* lists = nullptr) {
    const RankPair pair{.experiment = "pair", .feed = second, .model = second_model, .role = ModelRole::kVariant};
    const RankSettings settings{
        .feed = first, .model = champion.get(), .experiments = {{"pair", "interleaved", false}}, .pair = &pair};
    return Rank(*store, reader->features(), settings, request, FindRequester(reader->features(), request), lists);
  }
  static std::vector<std::string> Ids(const Feed& feed) {
    std::vector<std::string> ids;
    for (const FeedItem& item : feed.items) ids.push_back(item.item_id);
    return ids;
  }
  std::unique_ptr<OnlineStore> store;
  std::unique_ptr<StoreReader> reader;
  std::shared_ptr<const BoundModel> champion, other;
  FeedConfig first, second;
};

TEST_F(InterleaveTest, MergesTheRankingsOfTwoFormulasAndRecordsTheCredits) {
  std::map<std::size_t, double> sums;
  std::set<std::vector<std::string>> slates;
  constexpr int kRequests = 3000;
  double largest = 0;
  for (int n = 0; n < kRequests; ++n) {
    const Feed answer = Ask(Supplied(n), champion.get());
    ASSERT_EQ(answer.items.size(), 6u);
    const ServedSlate& served = answer.event.served;
    ASSERT_EQ(served.interleaving.experiment, "pair");
    ASSERT_EQ(served.interleaving.credit.size(), 6u);
    slates.insert(Ids(answer));
    // i19 is the dearest of the candidates, i8 the one released last.
    EXPECT_TRUE(answer.items[0].item_id == "i19" || answer.items[0].item_id == "i8");
    EXPECT_GT(served.interleaving.credit[0] * (answer.items[0].item_id == "i19" ? 1 : -1), 0);
    for (std::size_t p = 0; p < 6; ++p) {
      sums[p] += served.interleaving.credit[p];
      largest = std::max(largest, std::fabs(static_cast<double>(served.interleaving.credit[p])));
    }
  }
  EXPECT_GT(slates.size(), 10u);
  for (const auto& [position, sum] : sums)
    EXPECT_NEAR(sum / kRequests, 0, 4 * largest / std::sqrt(kRequests)) << "position " << position;
}

TEST_F(InterleaveTest, TheSlatesProbabilityIsTheProductOverItsDraws) {
  for (int n = 0; n < 200; ++n) {
    const Feed answer = Ask(Supplied(n), champion.get());
    const ServedSlate& served = answer.event.served;
    ASSERT_FALSE(served.draws.empty());
    for (const ServedDraw& draw : served.draws) {
      ASSERT_EQ(draw.pool.size(), 2u);
      EXPECT_FLOAT_EQ(draw.probability[0] + draw.probability[1], 1);
      const FeedItem& shown = answer.items[static_cast<std::size_t>(draw.position)];
      const std::size_t k = draw.pool[0] == shown.item ? 0 : 1;
      EXPECT_EQ(draw.pool[k], shown.item);
      EXPECT_EQ(draw.probability[k], shown.propensity);
      const std::int32_t place = answer.event.items[draw.pool[1 - k]].index;
      EXPECT_TRUE(place < 0 || place > draw.position) << "what could have stood there was not shown above";
    }
    for (std::size_t p = 0; p < answer.items.size(); ++p) {
      const bool drawn =
          std::ranges::find(served.draws, static_cast<std::int32_t>(p), &ServedDraw::position) != served.draws.end();
      EXPECT_TRUE(drawn || answer.items[p].propensity == 1);
    }
    EXPECT_EQ(SlateProblem(answer.event, 1'000'000, kPairNow), "");
  }
}

TEST_F(InterleaveTest, EqualRankingsAreShownAsTheyAreWithoutCredit) {
  second = first;
  const Feed answer = Ask(Supplied(1), other.get());
  EXPECT_THAT(Ids(answer), testing::ElementsAre("i19", "i18", "i17", "i16", "i15", "i14"));
  EXPECT_THAT(answer.event.served.interleaving.credit, testing::Each(0));
  EXPECT_TRUE(answer.event.served.draws.empty());
}

TEST_F(InterleaveTest, TheRecordNamesBothVersionsAndKeepsTheScoresOfBoth) {
  const Feed answer = Ask(Supplied(1), other.get());
  std::string bytes;
  EncodeEvent(answer.event, &bytes);
  const auto read = DecodeEvent(bytes);
  ASSERT_TRUE(read.ok());
  const ServedSlate& served = read.value().served;
  ASSERT_EQ(served.models.size(), 2u);
  EXPECT_EQ(served.models[0].name, "feed/1");
  EXPECT_EQ(served.models[1].name, "feed/2");
  ASSERT_NE(served.Find("pctr", 1), nullptr);
  EXPECT_EQ(served.Find("pctr", 1)->values[answer.items[0].item], 0.5f);
  EXPECT_EQ(served.interleaving, answer.event.served.interleaving);
  EXPECT_EQ(Ask(Supplied(1), champion.get()).event.served.models.size(), 1u) << "one version, two formulas";
}

TEST_F(InterleaveTest, EachMixOfSourcesRanksItsOwnCandidatesAndWhatIsExploredHasNoCredit) {
  first.size = second.size = 14;
  first.channels = {{"popularity", 20}, {"explore", 9}};
  second.channels = {{"explore", 30}};
  ListMaker lists(store->shared(), store->features().schema, {first.channels, second.channels});
  lists.Update();
  int credited = 0;
  for (int n = 0; n < 100; ++n) {
    const FeedRequest request{.request_id = "r" + std::to_string(n), .user_id = "ann", .now_ms = kPairNow};
    const Feed answer = Ask(request, champion.get(), lists.lists().get());
    ASSERT_EQ(answer.items.size(), 14u);
    const ServedSlate& served = answer.event.served;
    std::set<std::string> ids;
    for (std::size_t p = 0; p < answer.items.size(); ++p) {
      EXPECT_TRUE(ids.insert(answer.items[p].item_id).second);
      credited += served.interleaving.credit[p] != 0;
    }
    for (const std::size_t p : {5u, 11u}) {
      EXPECT_EQ(answer.items[p].channel, "explore");
      EXPECT_EQ(served.interleaving.credit[p], 0);
      EXPECT_LT(answer.items[p].propensity, 1);
    }
    EXPECT_EQ(SlateProblem(answer.event, 1'000'000, kPairNow), "");
  }
  EXPECT_GT(credited, 300);
}

// Of the pair's request: how many of the first six are of a brand, which three quarters of the items are.
TEST_F(InterleaveTest, BothRankingsKeepTheFeedsPolicyAndSoDoesTheMergedSlate) {
  auto config = Config::Parse(
      "[item]\nreleased = \"number\"\nbrand = \"category\"\n[[feature]]\nname = \"price\"\ntype = "
      "\"property\"\nproperty "
      "= \"price\"\n",
      "gfr.toml");
  OnlineStore branded(FeatureSet::Make(config.value()).value());
  const auto& schema = branded.features().schema;
  const auto property = [&](const char* name) {
    return static_cast<std::uint32_t>(std::ranges::find(schema.item_names, name) - schema.item_names.begin());
  };
  branded.Share();
  StoreReader rows(branded);
  const auto model = EvenModel(branded.features(), "1");
  const ValueNames names{.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick}},
                         .properties = schema.item_names};
  first.value = ValueFormula::Parse("pctr * price", names).value();
  second.value = ValueFormula::Parse("pctr * released", names).value();
  FeedPolicy policy;
  policy.solves = true;
  policy.caps.push_back({.name = "brand", .of = "brand", .property = property("brand"), .at_most = 1, .window = 3});
  policy.pins.push_back({.name = "first", .item = "i0", .where = {}, .position = 2});
  first.policy = second.policy = std::make_shared<FeedPolicy>(policy);
  std::map<std::string, std::string> brands;
  int credited = 0, plain = 0;
  std::set<std::vector<std::string>> slates;
  for (int n = 0; n < 600; ++n) {
    FeedRequest request{
        .request_id = "r" + std::to_string(n), .user_id = "ann", .has_candidates = true, .now_ms = kPairNow};
    // Every third request's rankings have brands of their own, which no merged slate can bring too near to another.
    const bool apart = n % 3 == 0;
    for (int k = 0; k < 20; ++k) {
      EventItem item{.item_id = "i" + std::to_string(k), .price = 1.0 + k};
      brands[item.item_id] = apart ? item.item_id : "b" + std::to_string(k % 4 == 3 ? k : k % 5);
      item.properties = {{.name = "released", .number = static_cast<double>((k * 37) % 60 + 1)},
                         {.name = "brand", .text = brands[item.item_id]}};
      request.candidates.push_back(item);
    }
    const RankPair pair{.experiment = "pair", .feed = second, .model = model.get(), .role = ModelRole::kVariant};
    const RankSettings settings{
        .feed = first, .model = model.get(), .experiments = {{"pair", "interleaved", false}}, .pair = &pair};
    const Feed answer = Rank(branded, rows.features(), settings, request, FindRequester(rows.features(), request), {});
    ASSERT_EQ(answer.items.size(), 6u);
    EXPECT_EQ(answer.items[2].item_id, "i0");
    const ServedSlate& served = answer.event.served;
    EXPECT_EQ(served.interleaving.credit[2], 0) << "what is pinned speaks for nobody";
    for (std::size_t p = 0; p < 6; ++p) {
      for (std::size_t q = p + 1; q < std::min<std::size_t>(6, p + 3); ++q)
        EXPECT_NE(brands[answer.items[p].item_id], brands[answer.items[q].item_id]) << n << " " << p << " " << q;
    }
    const bool has_credit = std::ranges::any_of(served.interleaving.credit, [](float c) { return c != 0; });
    credited += has_credit;
    if (apart) {
      EXPECT_TRUE(has_credit) << "every merged slate keeps the cap";
    } else if (!has_credit) {
      ++plain;
      slates.insert(Ids(answer));
      ASSERT_EQ(served.draws.size(), 1u) << "one coin chose between two slates";
      EXPECT_EQ(served.draws[0].probability, (std::vector<float>{0.5f, 0.5f}));
    }
    EXPECT_EQ(SlateProblem(answer.event, 1'000'000, kPairNow), "");
  }
  EXPECT_GE(credited, 200);
  EXPECT_GT(plain, 0);
  EXPECT_EQ(slates.size(), 2u) << "each arm's own";
}

}  // namespace
}  // namespace gfr
