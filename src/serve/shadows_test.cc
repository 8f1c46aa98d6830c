#include "serve/shadows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/service_metrics.h"

namespace gfr {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(WorkBudget, GivesAShareOfTheProcessorsAndSavesNoMoreThanABurst) {
  WorkBudget budget(/*cores=*/2, /*now_s=*/0);
  EXPECT_TRUE(budget.Has(0));
  budget.Spend(WorkBudget::kBurstS + 1);
  EXPECT_FALSE(budget.Has(0));
  EXPECT_FALSE(budget.Has(9)) << "9 s of 2 processors give 0.9 s";
  EXPECT_TRUE(budget.Has(11));
  EXPECT_TRUE(budget.Has(1e6));
  budget.Spend(WorkBudget::kBurstS + 0.001);
  EXPECT_FALSE(budget.Has(1e6)) << "an idle day is not saved up";
}

TEST(Shadows, AreDroppedAndCountedWhileFeedsWaitAndOverTheBudget) {
  ServiceMetrics metrics;
  std::atomic<bool> busy = true;
  std::atomic<int> ran = 0;
  {
    Shadows shadows(metrics, [&] { return busy.load(); });
    shadows.Offer(2, [&] { ++ran; });
    shadows.Drain();
  }
  EXPECT_EQ(ran, 0);
  EXPECT_THAT(metrics.Text(), HasSubstr("gfr_shadows_dropped_total{reason=\"load\"} 2\n"));
  busy = false;
  {
    Shadows shadows(metrics, [&] { return busy.load(); });
    shadows.Offer(1, [&] { ++ran; });
    shadows.Offer(1, [&] { shadows.Spend(1e6); });
    shadows.Offer(1, [&] { ++ran; });
    shadows.Drain();
    shadows.Offer(3, [&] { ++ran; });
  }
  EXPECT_EQ(ran, 1) << "the one before the budget was spent";
  EXPECT_THAT(metrics.Text(), HasSubstr("gfr_shadows_dropped_total{reason=\"budget\"} 1\n"));
  EXPECT_THAT(metrics.Text(), HasSubstr("gfr_shadows_dropped_total{reason=\"queue\"} 3\n"));
  EXPECT_THAT(metrics.Text(), HasSubstr("\ngfr_beside_answers_seconds 1"));
}

TEST(Shadows, AShareOfTheRequestsHasThem) {
  Experiments experiments;
  experiments.shadows = {{.name = "next", .model = "9", .share = 0.1, .feed = {}}};
  ServedModels models;
  EXPECT_TRUE(ShadowsFor(experiments, models, "r1").empty()) << "its model is not loaded";
  FeedOverlay longer;
  longer.size = 40;
  experiments.shadows = {{.name = "longer", .model = "", .share = 0.25, .feed = longer}};
  EXPECT_TRUE(ShadowsFor(experiments, models, "r1").empty()) << "there is no champion";
}

}  // namespace
}  // namespace gfr
