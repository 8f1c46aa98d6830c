#include "feed/policy_difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "feed/feed_policy.h"

namespace gfr {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ItemCondition NewerThan(double days) {
  const std::vector<ConditionName> names{{"age_days", Expression::Type::kNumber, ConditionName::Source::kAgeDays, 0}};
  return ItemCondition::Parse("age_days < " + std::to_string(days), names).value();
}

FeedConfig WithPolicy(const std::function<void(FeedPolicy&)>& change = [](FeedPolicy&) {}) {
  FeedPolicy policy;
  policy.solves = true;
  policy.rules = {{.name = "old", .leave_out = NewerThan(1)}};
  policy.caps = {{.name = "brand", .of = "brand", .property = 1, .at_most = 2, .window = 5}};
  policy.floors = {{.name = "new", .where = NewerThan(3), .at_least = 1, .first = 5}};
  policy.pins = {{.name = "pin", .item = "i1", .where = {}, .position = 2}};
  policy.boosts = {{.name = "boost", .where = NewerThan(2), .times = 2, .plus = 0}};
  policy.contracts = {{.name = "fresh", .where = NewerThan(4)}};
  change(policy);
  FeedConfig feed;
  feed.channels = {{.name = "popularity", .quota = 50}, {.name = "explore", .quota = 10}};
  feed.policy = std::make_shared<FeedPolicy>(policy);
  return feed;
}

TEST(PolicyDifference, OtherDrawsAndValuesWithinThePoolsAreNone) {
  FeedConfig target = WithPolicy([](FeedPolicy& p) { p.explore_rate = 0.25; });
  target.value =
      ValueFormula::Parse(
          "pctr", {.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick}}, .properties = {}})
          .value();
  target.full_share = 1;
  EXPECT_THAT(DifferencesBeyondDraws(WithPolicy(), target), IsEmpty());
  EXPECT_THAT(DifferencesBeyondDraws(FeedConfig(), FeedConfig()), IsEmpty());
}

TEST(PolicyDifference, EverythingElseThatChangesASlateIsNamed) {
  const std::vector<std::pair<const char*, std::function<void(FeedPolicy&)>>> changes{
      {"feed.rule", [](FeedPolicy& p) { p.rules.clear(); }},
      {"feed.rule", [](FeedPolicy& p) { p.rules[0].leave_out = NewerThan(9); }},
      {"feed.cap", [](FeedPolicy& p) { p.caps[0].at_most = 3; }},
      {"feed.cap", [](FeedPolicy& p) { p.caps[0].window = 6; }},
      {"feed.floor", [](FeedPolicy& p) { p.floors[0].where = NewerThan(9); }},
      {"feed.pin", [](FeedPolicy& p) { p.pins[0].position = 3; }},
      {"feed.boost", [](FeedPolicy& p) { p.boosts[0].times = 3; }},
      {"feed.contract", [](FeedPolicy& p) { p.contracts[0].share = 0.5; }},
      {"feed.policy.examination", [](FeedPolicy& p) { p.examination = 1; }},
      {"feed.policy.diversity", [](FeedPolicy& p) { p.diversity = 0.1; }},
      {"feed.policy.relax", [](FeedPolicy& p) { std::swap(p.floor_level, p.cap_level); }},
      {"feed.policy.explore_every", [](FeedPolicy& p) { p.explore_every = 5; }},
      {"feed.policy", [](FeedPolicy& p) { p.solves = false; }},
  };
  for (const auto& [name, change] : changes)
    EXPECT_THAT(DifferencesBeyondDraws(WithPolicy(), WithPolicy(change)), ElementsAre(name));
  FeedConfig sources = WithPolicy(), smaller = WithPolicy(), swapped = WithPolicy(), bare = WithPolicy();
  sources.channels[0].budget_ms = 4;
  smaller.size = 10;
  swapped.swap_share = 0.1;
  bare.policy = nullptr;
  EXPECT_THAT(DifferencesBeyondDraws(WithPolicy(), sources), ElementsAre("channels"));
  EXPECT_THAT(DifferencesBeyondDraws(WithPolicy(), smaller), ElementsAre("feed.size"));
  EXPECT_THAT(DifferencesBeyondDraws(WithPolicy(), swapped), ElementsAre("feed.swap"));
  EXPECT_THAT(DifferencesBeyondDraws(WithPolicy(), bare), testing::Contains("feed.cap"));
}

}  // namespace
}  // namespace gfr
