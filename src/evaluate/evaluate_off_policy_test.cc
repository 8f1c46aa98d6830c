#include "evaluate/evaluate_off_policy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "evaluate/test_model.h"

namespace gfr {
namespace {

// Places drawn out of five, said to have been drawn with `propensity`; `value` gets what the model's choices would
// earn.
Dataset Drawn(int places, float propensity, double* value) {
  Rng rng(3);
  Dataset data{.columns = 1};
  *value = 0;
  for (int i = 0; i < places; ++i) {
    ChoiceRow choice{.user = 1 + rng.Below(400), .arrival_ms = i, .first = data.choice_features.size(), .pool = 5};
    choice.propensity = propensity;
    std::vector<double> p[2];
    double clicks[5];
    for (double& click : clicks) {
      const double x = rng.Normal();
      data.choice_features.push_back(static_cast<float>(x));
      click = 1 / (1 + std::exp(1.5 - x));
      p[x >= 0].push_back(click);
    }
    choice.shown = static_cast<int>(rng.Below(5));
    choice.clicked = rng.Chance(clicks[choice.shown]);
    data.choices.push_back(choice);
    const auto& best = p[p[1].empty() ? 0 : 1];
    for (const double click : best) *value += click / static_cast<double>(best.size()) / places;
  }
  return data;
}

TEST(EvaluateOffPolicy, RecoversWhatTheModelsChoicesWouldEarn) {
  double value = 0;
  const Dataset data = Drawn(20000, 0.2f, &value);
  const OffPolicyReport r = EvaluateOffPolicy(OneSplit(), data, INT64_MIN, INT64_MAX).value();
  EXPECT_TRUE(r.evidence()) << r.refusals[0];
  EXPECT_EQ(r.rows, 20000u);
  for (const Estimate& e : {r.ipw, r.snipw, r.clipped, r.doubly_robust}) {
    EXPECT_NEAR(e.value, value, 0.02);
    EXPECT_LT(e.interval.low, value);
    EXPECT_GT(e.interval.high, value);
  }
  EXPECT_GT(r.ipw.interval.low, r.logged.interval.high) << "it picks better than chance, and the log shows it";
  EXPECT_EQ(EvaluateOffPolicy(OneSplit(), data, 100, 300).value().rows, 200u) << "of a range";
}

TEST(EvaluateOffPolicy, IsNoEvidenceWhereTheLoggedProbabilitiesAreWrongOrPlacesAreFew) {
  double value = 0;
  EXPECT_FALSE(EvaluateOffPolicy(OneSplit(), Drawn(20000, 0.25f, &value), INT64_MIN, INT64_MAX).value().evidence());
  EXPECT_FALSE(EvaluateOffPolicy(OneSplit(), Drawn(100, 0.2f, &value), INT64_MIN, INT64_MAX).value().evidence());
  EXPECT_FALSE(EvaluateOffPolicy(OneSplit(), Dataset{.columns = 1}, INT64_MIN, INT64_MAX).value().evidence());
}

TEST(EvaluateOffPolicy, OfAForestThatCannotScoreTheRowsIsAnError) {
  double value = 0;
  Model model = OneSplit();
  model.objectives[0].forest.columns = 2;
  const auto judged = EvaluateOffPolicy(model, Drawn(2000, 0.2f, &value), INT64_MIN, INT64_MAX);
  ASSERT_FALSE(judged.ok());
  EXPECT_EQ(judged.error().code, ErrorCode::kInvalidArgument);
  model.objectives.clear();
  EXPECT_FALSE(EvaluateOffPolicy(model, Drawn(2000, 0.2f, &value), INT64_MIN, INT64_MAX).ok());
}

TEST(EvaluateOffPolicy, HasNoDoublyRobustEstimateOfSharesOfASlate) {
  double value = 0;
  Model model = OneSplit();
  model.objectives[0].softmax = true;
  const OffPolicyReport r = EvaluateOffPolicy(model, Drawn(2000, 0.2f, &value), INT64_MIN, INT64_MAX).value();
  EXPECT_TRUE(std::isnan(r.doubly_robust.value));
  EXPECT_GT(r.ipw.value, 0);
}

}  // namespace
}  // namespace gfr
