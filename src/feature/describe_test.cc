#include "feature/describe.h"

#include <gmock/gmock.h>

#include "feature/feature_types.h"
#include "feature/test_view.h"

namespace gfr {
namespace {

using testing::HasSubstr;

FeatureFacts Of(const std::string& feature) {
  const auto set = MakeSet("[[feature]]\nname = \"f\"\n" + feature);
  EXPECT_TRUE(set.ok()) << (set.ok() ? "" : set.error().ToString());
  return Describe(*set.value(), 0);
}

TEST(Describe, SaysInWordsWhatAFeatureIs) {
  const FeatureFacts rate =
      Of("type = \"rate\"\nscope = \"user.city x item\"\nevents = [\"feed.click\"]\ndenominator = "
         "[\"feed.impression\"]\nwindow = \"7d\"\ntiles = 7\nprior_weight = 50\n");
  EXPECT_THAT(rate.value, HasSubstr("of the request's city together with the candidate"));
  EXPECT_EQ(rate.inputs, "events feed.click; over feed.impression");
  EXPECT_THAT(rate.freshness, HasSubstr("sealed epoch"));
  EXPECT_THAT(rate.kept, HasSubstr("7 tiles of 1d: between 6d and 7d back"));
  EXPECT_THAT(rate.kept, HasSubstr("50 observations"));
  EXPECT_GT(rate.state_bytes, 0u);

  const FeatureFacts affinity =
      Of("type = \"affinity\"\nscope = \"user\"\nproperty = \"category\"\nevents = [\"item.view\", \"purchase\", "
         "\"feed.click\"]\nkinds = [\"image\"]\nhalf_life = \"14d\"\ncapacity = 8\nweights = {\"purchase\" = 5}\n");
  EXPECT_EQ(
      affinity.inputs,
      "events feed.click, item.view and purchase, of kind 'image'; counting purchase 5 times; item property category "
      "(a category)");
  EXPECT_EQ(affinity.kept, "each event halves every 14d; the 8 heaviest");
  EXPECT_THAT(Of("type = \"property\"\nproperty = \"price\"\nin_slate = \"rank\"\n").value, HasSubstr("smaller one"));
  EXPECT_EQ(affinity.freshness, "the user's last event");
  EXPECT_EQ(Of("type = \"context\"\nproperty = \"local_hour\"\n").inputs, "the request's instant, in the shop's time");
  EXPECT_EQ(Of("type = \"request\"\nproperty = \"relevance\"\n").inputs, "candidate's relevance (a number)");
}

TEST(Describe, NamesTheFeatureThatKeepsASharedState) {
  const std::string rest = "type = \"interaction\"\nscope = \"user\"\nevents = [\"feed.click\"]\n";
  const auto set = MakeSet("[[feature]]\nname = \"a\"\nread = \"count\"\n" + rest +
                           "[[feature]]\nname = \"b\"\nread = \"distinct\"\n" + rest)
                       .value();
  EXPECT_EQ(Describe(*set, 0).shares_state_with, "");
  EXPECT_EQ(Describe(*set, 1).shares_state_with, "a");
}

// A table for every reading of every type, made of the keys that it must have: each is taken, and described in full.
TEST(FeatureTypes, EveryReadingCanBeDeclaredWithItsKeysAndHasItsWords) {
  for (const FeatureType* const each : FeatureTypes()) {
    const FeatureType& type = *each;
    for (const FeatureRead& read : type.reads) {
      std::string table = std::string("type = \"") + type.name + "\"\n";
      if (read.name) table += std::string("read = \"") + read.name + "\"\n";
      const std::string keys = " " + std::string(read.keys) + " ";
      const auto needs = [&](const std::string& key) { return keys.find(" " + key + " ") != std::string::npos; };
      if (needs("scope")) table += read.scopes == ScopeRule::kShared ? "scope = \"item\"\n" : "scope = \"session\"\n";
      if (needs("events")) table += "events = [\"feed.click\"]\n";
      if (needs("denominator")) table += "denominator = [\"feed.impression\"]\n";
      if (needs("of")) table += type.name == std::string("distinct") ? "of = \"item\"\n" : "of = \"quantity\"\n";
      if (needs("window")) table += "window = \"1d\"\n";
      if (needs("half_life")) table += "half_life = \"1d\"\n";
      if (needs("long_half_life")) table += "long_half_life = \"2d\"\n";
      if (needs("property")) {
        const bool number = read.property == PropertyRule::kItemNumber;
        table += read.property == PropertyRule::kContext      ? "property = \"city\"\n"
                 : read.property == PropertyRule::kRequest    ? "property = \"intent\"\n"
                 : read.property == PropertyRule::kItemVector ? "property = \"embedding\"\n"
                 : number                                     ? "property = \"price\"\n"
                                                              : "property = \"category\"\n";
      }
      ASSERT_EQ(ErrorOf(table), "ok") << table;
      const FeatureFacts facts = Of(table);
      EXPECT_FALSE(facts.value.empty() || facts.missing.empty() || facts.freshness.empty() || facts.inputs.empty())
          << table;
      EXPECT_THAT(ErrorOf(table + "nonsense = 1\n"), HasSubstr("unknown key 'nonsense'")) << table;
    }
  }
}

TEST(Describe, GroupsThousands) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(2048), "2,048");
  EXPECT_EQ(Grouped(1234567), "1,234,567");
}

}  // namespace
}  // namespace gfr
