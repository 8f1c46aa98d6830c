#include "monitor/alert_groups.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

DriftAlert Found(AlertKind kind, const char* name, int since_h, int found_h, double score = 5) {
  return {.kind = kind,
          .name = name,
          .since_ms = since_h * kHourMs,
          .found_ms = found_h * kHourMs,
          .until_ms = 100 * kHourMs,
          .score = score};
}

TEST(GroupCauses, AFeatureTakesItsEffectsAlong) {
  const auto grouped =
      GroupCauses({Found(AlertKind::kPrior, "pctr", 10, 18), Found(AlertKind::kFeature, "price", 9, 11),
                   Found(AlertKind::kPrediction, "prediction of pctr", 9, 11, 50)});
  ASSERT_EQ(grouped.size(), 1u);
  EXPECT_EQ(grouped[0].name, "price");
  EXPECT_EQ(grouped[0].grouped, (std::vector<std::string>{"prediction of pctr", "prior pctr"}));
}

TEST(GroupCauses, WhatBeganAtAnotherTimeOrWasFoundEarlierStaysAlone) {
  EXPECT_EQ(GroupCauses({Found(AlertKind::kFeature, "price", 9, 11), Found(AlertKind::kPrior, "pctr", 30, 42)}).size(),
            2u);
  const auto earlier =
      GroupCauses({Found(AlertKind::kFeature, "price", 9, 12), Found(AlertKind::kPrior, "pctr", 8, 11)});
  ASSERT_EQ(earlier.size(), 2u) << "it may have been told";
  EXPECT_EQ(earlier[0].name, "pctr");
}

TEST(GroupCauses, AnEffectKeepsItsCauseOpen) {
  DriftAlert price = Found(AlertKind::kFeature, "price", 9, 11), rate = Found(AlertKind::kPrior, "pctr", 9, 12);
  price.open = false;
  price.until_ms = 40 * kHourMs;
  const auto grouped = GroupCauses({price, rate});
  ASSERT_EQ(grouped.size(), 1u);
  EXPECT_TRUE(grouped[0].open);
  EXPECT_EQ(grouped[0].until_ms, 100 * kHourMs);
}

TEST(GroupCauses, AVolumeExplainsNoColumn) {
  EXPECT_EQ(
      GroupCauses({Found(AlertKind::kVolume, "feed.click", 9, 11), Found(AlertKind::kFeature, "price", 9, 11)}).size(),
      2u);
}

}  // namespace
}  // namespace gfr
