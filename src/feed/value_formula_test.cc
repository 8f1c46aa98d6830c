#include "feed/value_formula.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gfr {
namespace {

const ValueNames kNames{.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick},
                                       {"pcvr", EventType::kFeedClick, EventType::kPurchase},
                                       {"like", EventType::kFeedImpression, EventType::kCartAdd},
                                       {"again", EventType::kPurchase, EventType::kAppOpen}},
                        .properties = {"price", "", "margin"}};

std::string Refused(const std::string& text) {
  const auto made = ValueFormula::Parse(text, kNames);
  EXPECT_FALSE(made.ok()) << text;
  return made.ok() ? "" : made.error().message;
}

TEST(ValueFormula, ReadsAnyObjectiveAndAnyNumericProperty) {
  const auto made = ValueFormula::Parse("pctr * (1 + margin * pcvr) - like / price", kNames).value();
  EXPECT_EQ(made.objectives(), (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(made.properties(), (std::vector<std::uint32_t>{0, 2}));
  const double pctr[] = {0.5, 0.25}, pcvr[] = {0.1, 0.2}, like[] = {0.3, 0.4}, price[] = {8, std::nan("")},
               margin[] = {2, 4};
  const Expression::Column columns[] = {{pctr}, {pcvr}, {like}, {price}, {margin}};
  double out[2];
  made.Evaluate(columns, out);
  EXPECT_EQ(out[0], 0.5 * (1 + 2 * 0.1) - 0.3 / 8);
  EXPECT_TRUE(std::isnan(out[1])) << "it has no price";
}

TEST(ValueFormula, WhatUsersDislikeIsTakenOffAndAmountsOfClicksNeedTheClick) {
  const ValueNames names{.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick},
                                        {"phide", EventType::kFeedImpression, EventType::kItemHide},
                                        {"dwell", EventType::kFeedImpression, EventType::kItemView, true},
                                        {"basket", EventType::kFeedClick, EventType::kPurchase, true}},
                         .properties = {}};
  const auto made = ValueFormula::Parse("pctr * (1 + 0.1 * basket) + 0.01 * dwell - 4 * phide", names);
  ASSERT_TRUE(made.ok()) << made.error().message;
  const double pctr[] = {0.5, 0.5}, phide[] = {0.01, 0.3}, dwell[] = {20, 20}, basket[] = {30, 30};
  const Expression::Column columns[] = {{pctr}, {phide}, {dwell}, {basket}};
  double out[2];
  made.value().Evaluate(columns, out);
  EXPECT_DOUBLE_EQ(out[0], 0.5 * 4 + 0.2 - 0.04);
  EXPECT_DOUBLE_EQ(out[1], 0.5 * 4 + 0.2 - 1.2) << "a hidden item is worth less, and may be below 0";
  EXPECT_THAT(ValueFormula::Parse("pctr + basket", names).error().message,
              testing::HasSubstr("names basket alone, which is the mean of a feed.click"));
}

TEST(ValueFormula, ANameThatIsNotKnownIsRefusedWithWhatIs) {
  EXPECT_THAT(Refused("pctr * rating"), testing::AllOf(testing::HasSubstr("character 8"),
                                                       testing::HasSubstr("pctr, pcvr, like, again, price, margin")));
}

TEST(ValueFormula, AProductOfObjectivesThatAreNoChainIsRefused) {
  EXPECT_TRUE(ValueFormula::Parse("pctr * pcvr * again * price", kNames).ok());
  EXPECT_TRUE(ValueFormula::Parse("pcvr * pctr", kNames).ok());
  EXPECT_TRUE(ValueFormula::Parse("pctr + like", kNames).ok()) << "a sum of expectations is one";
  EXPECT_THAT(Refused("pctr * like"), testing::HasSubstr("multiplies pctr and like, but like's population is not"));
  EXPECT_THAT(Refused("(1 + pctr) * (2 + price * (like - 1))"), testing::HasSubstr("multiplies pctr and like"));
  EXPECT_THAT(Refused("pctr * again"), testing::HasSubstr("multiplies pctr and again"));
  EXPECT_THAT(Refused("pctr * pcvr * like"), testing::HasSubstr("no chain"));
  EXPECT_THAT(Refused("pctr / like"), testing::HasSubstr("multiplies pctr and like"));
}

}  // namespace
}  // namespace gfr
