#include "feed/policy_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gfr {
namespace {

Result<std::shared_ptr<const FeedPolicy>> ReadPolicy(const std::string& text) {
  auto config = Config::Parse(text, "gfr.toml");
  FeatureSet features;
  features.schema.item_names = {"price", "brand", "margin"};
  features.schema.item_categorical = {false, true, false};
  features.schema.request_names = {"platform"};
  features.schema.request_categorical = {true};
  auto policy = ReadFeedPolicy(config.value(), ConditionNamesOf(features));
  if (policy.ok()) {
    if (const Status status = config.value().Finish(); !status.ok()) return status.error();
  }
  return policy;
}
std::string RefusedPolicy(const std::string& text) {
  const auto policy = ReadPolicy(text);
  EXPECT_FALSE(policy.ok()) << text;
  return policy.ok() ? "" : policy.error().ToString();
}

TEST(PolicyTable, AFeedWithoutAnyOfItsTablesHasNone) { EXPECT_EQ(ReadPolicy("").value(), nullptr); }

TEST(PolicyTable, RulesAreConditionsOverItemUserAndRequest) {
  const auto policy = ReadPolicy(R"(
[[rule]]
name = "too_dear"
leave_out = 'price > 100 and platform == "app"'
[[rule]]
name = "fresh"
leave_out = "age_days < 2"
)")
                          .value();
  EXPECT_FALSE(policy->solves) << "rules alone leave the order as it is";
  const std::vector<FeedRule>& rules = policy->rules;
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].name, "too_dear");
  ASSERT_EQ(rules[0].leave_out.columns().size(), 2u);
  EXPECT_EQ(rules[0].leave_out.columns()[1].source, ConditionName::Source::kRequest);
  EXPECT_FALSE(rules[1].leave_out.reads_features());
}

TEST(PolicyTable, ReadsWhatShapesASlate) {
  const auto policy = ReadPolicy(R"(
[policy]
examination = 1
relax = ["windows", "floors", "caps"]
explore_every = 4
explore_rate = 0.25
[[cap]]
name = "brand"
of = "brand"
at_most = 2
window = 8
[[cap]]
name = "brand_in_all"
of = "brand"
at_most = 5
[[floor]]
name = "new"
where = "age_days < 7"
at_least = 2
first = 10
[[pin]]
name = "campaign"
item = "i7"
position = 3
[[boost]]
name = "margin"
where = "margin > 2"
times = 1.5
)")
                          .value();
  EXPECT_TRUE(policy->solves);
  EXPECT_EQ(policy->examination, 1);
  EXPECT_EQ(policy->explore_every, 4u);
  EXPECT_EQ(policy->explore_rate, 0.25);
  EXPECT_EQ(policy->window_level, 0u);
  EXPECT_EQ(policy->floor_level, 1u);
  EXPECT_EQ(policy->cap_level, 2u);
  ASSERT_EQ(policy->caps.size(), 2u);
  EXPECT_EQ(policy->caps[0].property, 1u);
  EXPECT_EQ(policy->caps[0].at_most, 2u);
  EXPECT_EQ(policy->caps[0].window, 8u);
  EXPECT_EQ(policy->caps[1].window, SIZE_MAX);
  EXPECT_EQ(policy->floors[0].first, 10u);
  EXPECT_EQ(policy->pins[0].item, "i7");
  EXPECT_EQ(policy->pins[0].position, 3u);
  EXPECT_EQ(policy->boosts[0].times, 1.5);
}

TEST(PolicyTable, ContractsOweEachItemViewsOrBoundAShare) {
  const auto policy = ReadPolicy(R"([[contract]]
name = "new_items"
where = "age_days < 30"
each_item = 500
within = "48h"
[[contract]]
name = "b"
where = 'brand == "b"'
at_most = 0.05
[[contract]]
name = "exploration"
explored = true
at_most = 0.03
)")
                          .value();
  EXPECT_TRUE(policy->solves);
  ASSERT_EQ(policy->contracts.size(), 3u);
  EXPECT_EQ(policy->contracts[0].kind, FeedContract::Kind::kEachItem);
  EXPECT_EQ(policy->contracts[0].views, 500);
  EXPECT_EQ(policy->contracts[0].within_ms, 48ll * 3600 * 1000);
  EXPECT_EQ(policy->contracts[1].kind, FeedContract::Kind::kShare);
  EXPECT_EQ(policy->contracts[1].share, 0.05);
  EXPECT_EQ(policy->contracts[2].kind, FeedContract::Kind::kExplored);
  EXPECT_THAT(RefusedPolicy("[[contract]]\nname = \"a\"\nwhere = \"price > 1\"\n"), testing::HasSubstr("each_item"));
  EXPECT_THAT(RefusedPolicy("[[contract]]\nname = \"a\"\nat_most = 0.1\n"), testing::HasSubstr("explored"));
  EXPECT_THAT(RefusedPolicy("[[contract]]\nname = \"a\"\nat_most = 0.1\nwhere = \"price > 1\"\nwithin = \"2d\"\n"),
              testing::HasSubstr("within"));
}

TEST(PolicyTable, WhatIsWrongIsRefusedAtItsLineWithWhatIsValid) {
  using testing::AllOf;
  using testing::HasSubstr;
  EXPECT_THAT(RefusedPolicy("[[rule]]\nname = \"a\"\nleave_out = \"stock < 1\"\n"),
              AllOf(HasSubstr("gfr.toml:3"), HasSubstr("price, brand, margin, platform, age_days")));
  EXPECT_THAT(RefusedPolicy("[[rule]]\nname = \"a\"\nleave_out = \"price\"\n"), HasSubstr("no condition"));
  EXPECT_THAT(RefusedPolicy("[[rule]]\nleave_out = \"price > 1\"\n"), HasSubstr("name"));
  EXPECT_THAT(RefusedPolicy("[[rule]]\nname = \"off_sale\"\nleave_out = \"price > 1\"\n"), HasSubstr("off sale"));
  EXPECT_THAT(RefusedPolicy("[[cap]]\nname = \"a\"\nof = \"price\"\n"), HasSubstr("brand"));
  EXPECT_THAT(RefusedPolicy("[[cap]]\nname = \"a\"\nof = \"brand\"\nat_most = 3\nwindow = 3\n"), HasSubstr("window"));
  EXPECT_THAT(RefusedPolicy("[[floor]]\nname = \"a\"\nwhere = \"price > 1\"\nat_least = 3\nfirst = 2\n"),
              HasSubstr("first"));
  EXPECT_THAT(RefusedPolicy("[[pin]]\nname = \"a\"\nposition = 2\n"), HasSubstr("item"));
  EXPECT_THAT(RefusedPolicy("[[pin]]\nname = \"a\"\nitem = \"x\"\n[[pin]]\nname = \"b\"\nitem = \"y\"\n"),
              HasSubstr("position"));
  EXPECT_THAT(RefusedPolicy("[[boost]]\nname = \"a\"\nwhere = \"price > 1\"\n"), HasSubstr("times"));
  EXPECT_THAT(RefusedPolicy("[policy]\ndiversity = 0.3\n"), HasSubstr("diversity_of"));
  EXPECT_THAT(RefusedPolicy("[policy]\ndiversity = 0.3\ndiversity_of = [\"price\"]\n"), HasSubstr("brand"));
  EXPECT_THAT(RefusedPolicy("[policy]\nrelax = [\"floors\"]\n"), HasSubstr("relax"));
}

}  // namespace
}  // namespace gfr
