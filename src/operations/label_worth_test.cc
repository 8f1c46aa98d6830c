#include "operations/label_worth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/config.h"

namespace gfr {
namespace {

std::shared_ptr<const FeatureSet> FeaturesOf(const std::string& text) {
  Config config = Config::Parse(text, "gfr.toml").value();
  return FeatureSet::Make(config).value();
}

FeedConfig FeedOf(const std::string& formula) {
  FeedConfig feed;
  feed.objectives = {"pctr", "pcvr"};
  feed.value = ValueFormula::Parse(formula, {.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick},
                                                            {"pcvr", EventType::kFeedClick, EventType::kPurchase}},
                                             .properties = {"price"}})
                   .value();
  return feed;
}

const std::string kWithoutPrice = R"(
[item]
price = "number"
weight = "number"
[[feature]]
name = "weight"
type = "property"
property = "weight"
)";

const std::string kWithPrice = kWithoutPrice + R"([[feature]]
name = "what it costs"
type = "property"
property = "price"
)";

// Two columns a row: the weight, the price.
ObjectiveRows RowsOf(const std::vector<float>& prices) {
  ObjectiveRows rows;
  for (const float price : prices) {
    rows.features.insert(rows.features.end(), {12, price});
    rows.label.push_back(0);
    rows.arrival_ms.push_back(1);
  }
  return rows;
}

TEST(LabelWorth, IsWhatALabelAddsToTheFormula) {
  const ObjectiveRows rows = RowsOf({10, 2.5f, std::nanf("")});
  const auto worth = WorthOfLabels(FeedOf("3 + pctr * price"), *FeaturesOf(kWithPrice), Model(), "pctr", rows, 0, 10);
  ASSERT_TRUE(worth.ok());
  ASSERT_EQ(worth.value().of_row.size(), 3u) << worth.value().why;
  EXPECT_EQ(worth.value().of_row[0], 10);
  EXPECT_EQ(worth.value().of_row[1], 2.5f);
  EXPECT_TRUE(std::isnan(worth.value().of_row[2])) << "without a price there is no value";
}

TEST(LabelWorth, SaysWhatIsMissing) {
  const ObjectiveRows rows = RowsOf({10});
  const auto why = [&](const std::string& formula, const std::string& features, const std::string& objective) {
    const auto worth = WorthOfLabels(FeedOf(formula), *FeaturesOf(features), Model(), objective, rows, 0, 10);
    EXPECT_TRUE(worth.ok() && worth.value().of_row.empty());
    return worth.value().why;
  };
  EXPECT_EQ(why("pctr", kWithPrice, "pcvr"), "the value formula does not read 'pcvr'");
  EXPECT_EQ(why("pctr * pcvr", kWithPrice, "pctr"), "the model has no objective 'pcvr', which the value formula reads");
  EXPECT_NE(
      why("pctr * price", kWithoutPrice, "pctr").find("no feature of type \"property\" has the item property 'price'"),
      std::string::npos);
}

}  // namespace
}  // namespace gfr
