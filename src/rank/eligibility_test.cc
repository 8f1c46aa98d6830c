#include "rank/eligibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/time.h"
#include "rank/ranker.h"
#include "rank/recheck.h"
#include "retrieve/sources.h"

namespace gfr {
namespace {

constexpr const char* kShopOfRules = R"(
[item]
stock = "number"
city = "category"
[user]
blocked = "category"
[request]
geography = "category"
[[feature]]
name = "bought"
type = "interaction"
read = "count"
scope = "user"
events = ["purchase"]
capacity = 64
)";

// 400 items, i0 the most popular, in stock where the number is a multiple of 10, of the city c0 to c3.
class EligibilityTest : public testing::Test {
 protected:
  EligibilityTest() {
    auto config = Config::Parse(kShopOfRules, "gfr.toml");
    store = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    feed.size = 10;
    feed.channels = {{"popularity", 12}, {"explore", 4}};
    for (int k = 0; k < 400; ++k) {
      Event e{.type = EventType::kItemUpdate, .time_ms = now, .items = {{.item_id = "i" + std::to_string(k)}}};
      e.items[0].properties = {{.name = "stock", .number = k % 10 == 0 ? 5.0 : 0.0},
                               {.name = "city", .text = "c" + std::to_string(k / 10 % 4)}};
      Fold(e);
      for (int n = 0; n < (400 - k) / 20; ++n) Touch(EventType::kFeedClick, "someone", k);
    }
    now += 2 * kMinuteMs;
  }
  void Fold(const Event& e) { store->Fold({next++, now, e}); }
  void Touch(EventType type, const std::string& user, int item) {
    Fold({.type = type, .time_ms = now, .user_id = user, .items = {{.item_id = "i" + std::to_string(item)}}});
  }
  void Rule(const std::string& name, const std::string& leave_out) {
    using Source = ConditionName::Source;
    const std::vector<ConditionName> names{{"price", Expression::Type::kNumber, Source::kItem, 0},
                                           {"stock", Expression::Type::kNumber, Source::kItem, 1},
                                           {"city", Expression::Type::kCategory, Source::kItem, 2},
                                           {"blocked", Expression::Type::kCategory, Source::kUser, 0},
                                           {"geography", Expression::Type::kCategory, Source::kRequest, 0},
                                           {"age_days", Expression::Type::kNumber, Source::kAgeDays, 0},
                                           {"bought", Expression::Type::kNumber, Source::kFeature, 0}};
    policy.rules.push_back({name, ItemCondition::Parse(leave_out, names).value()});
    feed.policy = std::make_shared<FeedPolicy>(policy);
  }
  Feed Ask(FeedRequest request) {
    request.now_ms = now;
    if (!reader) store->Share();
    if (!reader) reader = std::make_unique<StoreReader>(*store);
    if (!lists)
      lists = std::make_unique<ListMaker>(store->shared(), store->features().schema,
                                          std::vector<std::vector<ChannelConfig>>{feed.channels});
    store->AdvanceTo(EpochEndAt(now));
    store->Publish();
    lists->Update();
    return Rank(*store, reader->features(), nullptr, feed, request, lists->lists().get());
  }
  static std::set<std::string> Ids(const Feed& feed) {
    std::set<std::string> ids;
    for (const FeedItem& item : feed.items) ids.insert(item.item_id);
    return ids;
  }
  static std::uint32_t LeftOut(const Feed& feed, const std::string& rule) {
    const auto& rules = feed.outcome.left_out;
    const auto at = std::ranges::find(rules, rule, &LeftOutByRule::rule);
    return at == rules.end() ? 0 : at->count;
  }
  std::unique_ptr<OnlineStore> store;
  std::unique_ptr<StoreReader> reader;
  std::unique_ptr<ListMaker> lists;
  FeedConfig feed;
  FeedPolicy policy;
  std::uint64_t next = 0;
  std::int64_t now = 28'000'000 * kMinuteMs;
};

TEST_F(EligibilityTest, CandidatesThatTheUserHidOrTheRequestExcludesAreCountedByRule) {
  Touch(EventType::kItemHide, "ann", 3);
  FeedRequest request{.request_id = "r", .user_id = "ann", .has_candidates = true, .exclude = {"i1", "i2", "i9"}};
  for (const char* id : {"i0", "i1", "i2", "i3", "i4"}) request.candidates.push_back({.item_id = id});
  const Feed asked = Ask(request);
  EXPECT_EQ(Ids(asked), (std::set<std::string>{"i0", "i4"}));
  EXPECT_EQ(LeftOut(asked, "hidden"), 1u);
  EXPECT_EQ(LeftOut(asked, "excluded"), 2u);
  EXPECT_EQ(asked.outcome.left_out[0].ids.size() + asked.outcome.left_out[1].ids.size(), 3u);
}

TEST_F(EligibilityTest, WhatMayStillBeShownOfASlateIsAskedAnew) {
  Rule("sold_out", "stock < 1");
  Rule("bought", "bought > 0");
  const std::vector<std::string> slate{"i0", "i10", "i20", "i30", "i5"};
  const auto still = [&] {
    Ask({.request_id = "other", .user_id = "bob"});  // Publishes what was folded.
    const FeedRequest request{.request_id = "r", .user_id = "ann", .now_ms = now};
    return StillEligible(*store, reader->features(), feed, request, FindRequester(reader->features(), request), slate);
  };
  EXPECT_EQ(still(), (std::vector<std::string>{"i0", "i10", "i20", "i30"})) << "i5 is out of stock";
  Touch(EventType::kItemHide, "ann", 10);
  Touch(EventType::kPurchase, "ann", 30);
  EXPECT_EQ(still(), (std::vector<std::string>{"i0", "i20"}));
}

TEST_F(EligibilityTest, ASlateIsFullWhileEligibleItemsExistHoweverFewTheyAre) {
  Rule("sold_out", "stock < 1");
  const Feed tenth = Ask({.request_id = "r", .user_id = "ann"});
  EXPECT_EQ(tenth.items.size(), 10u) << "of 16 candidates about two are in stock";
  for (const FeedItem& item : tenth.items) EXPECT_TRUE(item.item_id.ends_with("0")) << item.item_id;
  EXPECT_GT(LeftOut(tenth, "sold_out"), 50u);
  EXPECT_EQ(tenth.outcome.left_out[0].ids.size(), kLeftOutIds);
  feed.size = 60;
  EXPECT_EQ(Ask({.request_id = "r", .user_id = "ann"}).items.size(), 40u) << "all there are";
  policy.rules.clear();
  Rule("none", "stock < 100");
  EXPECT_TRUE(Ask({.request_id = "r", .user_id = "ann"}).items.empty());
}

TEST_F(EligibilityTest, RulesReadItemUserAndRequest) {
  Rule("elsewhere", "city != geography");
  Rule("blocked", "city == blocked");
  const Feed there = Ask({.request_id = "r", .user_id = "ann", .context = {{.name = "geography", .text = "c1"}}});
  EXPECT_EQ(there.items.size(), 10u);
  for (const FeedItem& item : there.items) EXPECT_EQ(std::stoi(item.item_id.substr(1)) / 10 % 4, 1) << item.item_id;
  Fold({.type = EventType::kUserUpdate,
        .time_ms = now,
        .user_id = "bob",
        .context = {{.name = "blocked", .text = "c0"}}});
  const Feed without = Ask({.request_id = "r", .user_id = "bob"});
  EXPECT_EQ(without.items.size(), 10u) << "nothing is known of where he is";
  for (const FeedItem& item : without.items) EXPECT_NE(std::stoi(item.item_id.substr(1)) / 10 % 4, 0) << item.item_id;
  EXPECT_EQ(LeftOut(without, "elsewhere"), 0u);
  EXPECT_GT(LeftOut(without, "blocked"), 0u);
}

TEST_F(EligibilityTest, WhatARuleOverFeaturesLeavesOutStaysACandidateThatIsNotShown) {
  Rule("bought", "bought >= 1");
  for (int k = 0; k < 14; ++k) Touch(EventType::kPurchase, "ann", k);
  now += 2 * kMinuteMs;
  const Feed answer = Ask({.request_id = "r", .user_id = "ann"});
  EXPECT_EQ(answer.items.size(), 10u);
  for (const FeedItem& item : answer.items) EXPECT_GE(std::stoi(item.item_id.substr(1)), 14);
  ASSERT_EQ(answer.outcome.left_out.size(), 1u);
  const LeftOutByRule& bought = answer.outcome.left_out[0];
  EXPECT_EQ(bought.count, bought.items.size());
  EXPECT_GE(bought.count, 12u);
  for (const std::uint32_t i : bought.items) {
    EXPECT_LT(std::stoi(answer.event.items[i].item_id.substr(1)), 14);
    EXPECT_EQ(answer.event.items[i].index, -1);
  }
  EXPECT_EQ(Ask({.request_id = "r", .user_id = "bob"}).outcome.left_out.size(), 0u);
}

TEST_F(EligibilityTest, OfCandidatesOfTheCallerTheEligibleOnesAreRanked) {
  Rule("sold_out", "stock < 1");
  const Feed answer = Ask({.request_id = "r",
                           .user_id = "ann",
                           .candidates = {{.item_id = "i0"},
                                          {.item_id = "i1"},
                                          {.item_id = "i2", .properties = {{.name = "stock", .number = 3}}},
                                          {.item_id = "i10", .properties = {{.name = "stock", .number = 0}}},
                                          {.item_id = "new"}},
                           .has_candidates = true});
  EXPECT_EQ(Ids(answer), (std::set<std::string>{"i0", "i2", "new"}))
      << "what the caller says goes before the catalogue, and of a new item nothing is known";
  EXPECT_EQ(LeftOut(answer, "sold_out"), 2u);
}

TEST_F(EligibilityTest, WhatIsExploredIsEligibleToo) {
  Rule("sold_out", "stock < 1");
  Rule("bought", "bought >= 1");
  feed.channels = {{"explore", 100}};
  for (int k = 0; k < 400; k += 20) Touch(EventType::kPurchase, "ann", k);
  now += 2 * kMinuteMs;
  for (int r = 0; r < 20; ++r) {
    const Feed answer = Ask({.request_id = "r" + std::to_string(r), .user_id = "ann"});
    EXPECT_EQ(answer.items.size(), 10u);
    for (const FeedItem& item : answer.items) EXPECT_EQ(std::stoi(item.item_id.substr(1)) % 20, 10) << item.item_id;
    for (const ServedDraw& draw : answer.event.served.draws) {
      for (const std::uint32_t i : draw.pool) EXPECT_EQ(std::stoi(answer.event.items[i].item_id.substr(1)) % 20, 10);
    }
  }
}

}  // namespace
}  // namespace gfr
