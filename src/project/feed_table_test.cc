#include "project/feed_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "feed/feed_policy.h"

namespace gfr {
namespace {

const std::vector<ObjectiveConfig> kObjectives{
    {.name = "pctr"}, {.name = "pcvr", .population = EventType::kFeedClick, .label = EventType::kPurchase}};

Result<Feeds> Read(const std::string& text, Experiments* experiments = nullptr) {
  FeatureSet features;
  PropertySchema& schema = features.schema;
  schema.item_names = {"price", "brand", "margin"};
  schema.item_categorical = {false, true, false};
  auto config = Config::Parse(text, "gfr.toml");
  schema.request_names = {"platform"};
  schema.request_categorical = {true};
  Experiments unused;
  return ReadFeeds(config.value(), kObjectives, features, experiments ? experiments : &unused);
}
std::string Refused(const std::string& text) {
  const auto feeds = Read(text);
  EXPECT_FALSE(feeds.ok()) << text;
  return feeds.ok() ? "" : feeds.error().ToString();
}

TEST(ReadFeeds, AFeedTableOf01IsTheFeedHome) {
  const Feeds feeds = Read(R"(
[feed]
size = 7
value = "pctr * pcvr * price"
impressions = "on_serve"
[feed.swap]
share = 0.25
[[channel]]
name = "recent"
quota = 3
)")
                          .value();
  EXPECT_TRUE(feeds.old_form);
  ASSERT_EQ(feeds.all.size(), 1u);
  const FeedConfig& feed = feeds.all[0];
  EXPECT_EQ(feed.name, "home");
  EXPECT_EQ(feed.size, 7);
  EXPECT_TRUE(feed.impressions_on_serve);
  EXPECT_EQ(feed.swap_share, 0.25);
  ASSERT_EQ(feed.channels.size(), 1u);
  EXPECT_EQ(feed.channels[0].quota, 3);
  EXPECT_EQ(feed.value.text(), "pctr * pcvr * price");
}

TEST(ReadFeeds, AFormulaMixesASampledObjectiveWithNoOther) {
  const auto read = [](const std::string& value) {
    std::vector<ObjectiveConfig> objectives = kObjectives;
    objectives[0].sampled.on = true;
    FeatureSet features;
    features.schema.item_names = {"price"};
    features.schema.item_categorical = {false};
    auto config = Config::Parse("[[feed]]\nvalue = \"" + value + "\"\n", "gfr.toml");
    Experiments experiments;
    return ReadFeeds(config.value(), objectives, features, &experiments);
  };
  EXPECT_TRUE(read("pctr * price").ok());
  EXPECT_TRUE(read("pcvr").ok());
  EXPECT_THAT(read("pctr * pcvr").error().ToString(), testing::HasSubstr("mixes pctr with another objective"));
}

TEST(ReadFeeds, EachFeedHasItsOwnSettingsAndSharesTheChannelsOfTheProject) {
  const Feeds feeds = Read(R"(
[[channel]]
name = "popularity"
[[feed]]
name = "home"
size = 30
[[feed]]
name = "basket"
value = "pctr * margin"
[feed.swap]
share = 0.5
[[feed.channel]]
name = "exploit"
quota = 50
)")
                          .value();
  EXPECT_FALSE(feeds.old_form);
  ASSERT_EQ(feeds.all.size(), 2u);
  EXPECT_EQ(feeds.all[0].size, 30);
  EXPECT_EQ(feeds.all[0].value.text(), "pctr");
  EXPECT_EQ(feeds.all[0].swap_share, 0);
  EXPECT_EQ(feeds.all[0].channels[0].name, "popularity");
  EXPECT_EQ(feeds.all[1].size, 20);
  EXPECT_EQ(feeds.all[1].swap_share, 0.5);
  EXPECT_EQ(feeds.all[1].channels[0].name, "exploit");
  EXPECT_EQ(feeds.all[1].objectives, (std::vector<std::string>{"pctr", "pcvr"}));
}

TEST(ReadFeeds, WithoutAnyThereIsOneOfDefaults) {
  const Feeds feeds = Read("").value();
  ASSERT_EQ(feeds.all.size(), 1u);
  EXPECT_FALSE(feeds.old_form);
  EXPECT_EQ(feeds.all[0].name, "home");
  EXPECT_EQ(feeds.all[0].channels.size(), 4u);
}

TEST(ReadFeeds, WhatIsWrongIsRefusedAtItsLine) {
  EXPECT_THAT(Refused("[[feed]]\nname = \"a\"\n[[feed]]\nname = \"a\"\n"),
              testing::HasSubstr("as of a [[feed]] before"));
  EXPECT_THAT(Refused("[[feed]]\nname = \"a\"\n[[feed]]\nsize = 3\n"), testing::HasSubstr("each of several"));
  EXPECT_THAT(Refused("[[feed]]\nvalue = \"pctr * brand\"\n"),
              testing::AllOf(testing::HasSubstr("gfr.toml:2"), testing::HasSubstr("pctr, pcvr, price, margin")));
  EXPECT_THAT(Refused("[[feed]]\nsiez = 3\n"), testing::HasSubstr("siez"));
  EXPECT_THAT(Refused("feed = []\n"), testing::HasSubstr("empty"));
}

TEST(ReadFeeds, AFeedHasThePolicyOfItsTables) {
  const Feeds feeds = Read(
                          "[[feed]]\nname = \"a\"\n[[feed.rule]]\nname = \"dear\"\nleave_out = \"price > 9\"\n"
                          "[[feed]]\nname = \"b\"\n")
                          .value();
  ASSERT_NE(feeds.all[0].policy, nullptr);
  EXPECT_EQ(feeds.all[0].policy->rules[0].name, "dear");
  EXPECT_EQ(feeds.all[1].policy, nullptr);
}

TEST(ReadFeeds, VariantsAndArmsSetKeysOfFeedsAndNoOthers) {
  Experiments experiments;
  const std::string variant = "[[feed]]\nname = \"home\"\n[[variant]]\nname = \"a\"\n";
  const auto feeds = Read(variant + R"(
feeds = ["home"]
[variant.feed]
size = 3
value = "pctr * margin"
impressions = "on_serve"
swap = { share = 0.5 }
[[variant.feed.channel]]
name = "recent"
quota = 4
[[experiment]]
name = "x"
when = 'platform == "ios"'
[[experiment.arm]]
name = "b"
)",
                          &experiments);
  ASSERT_TRUE(feeds.ok()) << feeds.error().ToString();
  FeedConfig feed = feeds.value().all[0];
  EXPECT_EQ(feed.size, 20);
  experiments.variants[0].feed.ApplyTo(&feed);
  EXPECT_EQ(feed.size, 3);
  EXPECT_EQ(feed.value.text(), "pctr * margin");
  EXPECT_TRUE(feed.impressions_on_serve);
  EXPECT_EQ(feed.swap_share, 0.5);
  EXPECT_EQ(feed.channels[0].quota, 4);
  EXPECT_THAT(Refused(variant + "feed = { name = \"other\" }\n"), testing::HasSubstr("name"));
  EXPECT_THAT(Refused("[[shadow]]\nfeed = { impressions = \"on_serve\" }\n"), testing::HasSubstr("nobody is shown"));
  EXPECT_THAT(Refused(variant + "feed = { value = \"pctr * nothing\" }\n"), testing::HasSubstr("nothing"));
  EXPECT_THAT(Refused(variant + "feed = { full_share = 1 }\n"), testing::HasSubstr("full_share"));
  EXPECT_THAT(Refused(variant + "feeds = [\"basket\"]\n"), testing::HasSubstr("'basket'"));
}

TEST(ReadFeeds, AVariantSetsThePolicyOfAFeedAsAWholeButNotItsContracts) {
  Experiments experiments;
  const std::string feed = R"([[feed]]
name = "home"
reload = "20s"
[[feed.cap]]
name = "brand"
of = "brand"
at_most = 3
[[feed.contract]]
name = "b"
where = 'brand == "b"'
at_most = 0.1
[[variant]]
name = "a"
)";
  const auto feeds = Read(feed + R"([[variant.feed.cap]]
name = "tighter"
of = "brand"
at_most = 1
[variant.feed.policy]
explore_rate = 0.5
)",
                          &experiments);
  ASSERT_TRUE(feeds.ok()) << feeds.error().ToString();
  FeedConfig home = feeds.value().all[0];
  EXPECT_EQ(home.policy->caps[0].name, "brand");
  EXPECT_EQ(home.policy->contracts.size(), 1u);
  EXPECT_EQ(home.reload_ms, 20'000);
  EXPECT_EQ(experiments.variants[0].feed.keys(), std::vector<std::string>{"policy"});
  experiments.variants[0].feed.ApplyTo(&home);
  ASSERT_EQ(home.policy->caps.size(), 1u);
  EXPECT_EQ(home.policy->caps[0].name, "tighter");
  EXPECT_EQ(home.policy->explore_rate, 0.5);
  EXPECT_EQ(home.policy->contracts.size(), 1u) << "what is owed is owed in every arm";
  EXPECT_THAT(Refused(feed + "[[variant.feed.contract]]\nname = \"c\"\nexplored = true\nat_most = 0.1\n"),
              testing::HasSubstr("of [[feed]] alone"));
}

}  // namespace
}  // namespace gfr
