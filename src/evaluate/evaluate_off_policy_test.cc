#include "evaluate/evaluate_off_policy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace gfr {
namespace {

// Picks an item with x >= 0, if there is one.
Model PicksHigh() {
  ObjectiveModel pctr{.name = "pctr"};
  pctr.forest = {.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = 1, .base_margin = {0}};
  const auto n = Forest::Missing::kNan;
  EXPECT_TRUE(AddTree({.feature = {0, 0, 0},
                       .left = {1, -1, -1},
                       .right = {2, -1, -1},
                       .value = {0, -2, -0.5},
                       .default_left = {0, 0, 0},
                       .missing = {n, n, n},
                       .category_set = {-1, -1, -1}},
                      0, "", pctr.forest)
                  .ok());
  Model model;
  model.columns = {"x"};
  model.categorical = {0};
  model.categories.resize(1);
  model.objectives.push_back(std::move(pctr));
  return model;
}

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
  const OffPolicyReport r = EvaluateOffPolicy(PicksHigh(), data, INT64_MIN, INT64_MAX).value();
  EXPECT_TRUE(r.evidence()) << r.refusals[0];
  EXPECT_EQ(r.rows, 20000u);
  for (const Estimate& e : {r.ipw, r.snipw, r.clipped, r.doubly_robust}) {
    EXPECT_NEAR(e.value, value, 0.02);
    EXPECT_LT(e.interval.low, value);
    EXPECT_GT(e.interval.high, value);
  }
  EXPECT_GT(r.ipw.interval.low, r.logged.interval.high) << "it picks better than chance, and the log shows it";
  EXPECT_EQ(EvaluateOffPolicy(PicksHigh(), data, 100, 300).value().rows, 200u) << "of a range";
}

TEST(EvaluateOffPolicy, IsNoEvidenceWhereTheLoggedProbabilitiesAreWrongOrPlacesAreFew) {
  double value = 0;
  EXPECT_FALSE(EvaluateOffPolicy(PicksHigh(), Drawn(20000, 0.25f, &value), INT64_MIN, INT64_MAX).value().evidence());
  EXPECT_FALSE(EvaluateOffPolicy(PicksHigh(), Drawn(100, 0.2f, &value), INT64_MIN, INT64_MAX).value().evidence());
  EXPECT_FALSE(EvaluateOffPolicy(PicksHigh(), Dataset{.columns = 1}, INT64_MIN, INT64_MAX).value().evidence());
}

TEST(EvaluateOffPolicy, OfAForestThatCannotScoreTheRowsIsAnError) {
  double value = 0;
  Model model = PicksHigh();
  model.objectives[0].forest.columns = 2;
  const auto judged = EvaluateOffPolicy(model, Drawn(2000, 0.2f, &value), INT64_MIN, INT64_MAX);
  ASSERT_FALSE(judged.ok());
  EXPECT_EQ(judged.error().code, ErrorCode::kInvalidArgument);
  model.objectives.clear();
  EXPECT_FALSE(EvaluateOffPolicy(model, Drawn(2000, 0.2f, &value), INT64_MIN, INT64_MAX).ok());
}

TEST(EvaluateOffPolicy, HasNoDoublyRobustEstimateOfSharesOfASlate) {
  double value = 0;
  Model model = PicksHigh();
  model.objectives[0].softmax = true;
  const OffPolicyReport r = EvaluateOffPolicy(model, Drawn(2000, 0.2f, &value), INT64_MIN, INT64_MAX).value();
  EXPECT_TRUE(std::isnan(r.doubly_robust.value));
  EXPECT_GT(r.ipw.value, 0);
}

}  // namespace
}  // namespace gfr
