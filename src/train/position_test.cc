// A model that reads the place shown: what it learns of the place and what of the item stay apart.
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "evaluate/evaluate_model.h"
#include "train/engine/xgboost_api.h"
#include "train/engine/xgboost_trainer.h"
#include "train/trainer.h"

namespace gfr {
namespace {

constexpr const char* kPositionConfig = R"(
[[feature]]
name = "price"
type = "property"
property = "price"
)";
constexpr int kPlaces = 8;
constexpr double kExponent = 0.7;

// Requests of eight items in the order of an older feed that mostly has the better ones first; an item at place k is
// looked at with probability (1 + k)^-kExponent, and clicked by its price alone.
Dataset Shown(std::size_t columns) {
  Rng rng(4);
  Dataset data{.columns = columns, .first_arrival_ms = 0};
  data.objectives.resize(1);
  ObjectiveRows& rows = data.objectives[0];
  for (int r = 0; r < 12000; ++r) {
    std::vector<double> x;
    for (int k = 0; k < kPlaces; ++k) x.push_back(static_cast<double>(rng.Below(9)) - 4);
    std::vector<std::pair<double, double>> order;  // By x and some noise.
    for (const double value : x) order.push_back({-value + 2 * rng.Normal(), value});
    std::ranges::sort(order);
    const Key user = 1 + rng.Below(500);
    for (int k = 0; k < kPlaces; ++k) {
      const double examined = std::pow(1.0 + k, -kExponent), relevance = 1 / (1 + std::exp(1 - order[k].second));
      rows.features.push_back(static_cast<float>(order[k].second));
      if (columns == 2) rows.features.push_back(static_cast<float>(k));
      rows.label.push_back(rng.Chance(examined * relevance));
      rows.user.push_back(user);
      rows.arrival_ms.push_back(r * std::int64_t{1000000});
      rows.offset.push_back(static_cast<std::uint64_t>(r));
      rows.request.push_back(static_cast<Key>(r) + 1);
      rows.position.push_back(k);
    }
  }
  data.last_arrival_ms = rows.arrival_ms.back();
  return data;
}

ObjectiveReport Judge(const std::string& features, int reference) {
  auto config = Config::Parse(kPositionConfig + features, "gfr.toml");
  const auto set = FeatureSet::Make(config.value()).value();
  const Dataset data = Shown(set->columns());
  const std::vector<ObjectiveConfig> objectives{{.name = "pctr", .window_ms = 1000}};
  const auto engine = XgboostTrainer::Load(FindXgboostLibrary()).value();
  TrainConfig train{.params = {.depth = 4, .max_rounds = 150}, .refit = false};
  const auto trained = TrainModel(data, *set, objectives, {.folds = 0}, train, *engine);
  EXPECT_TRUE(trained.ok()) << trained.error().message;
  EXPECT_EQ(trained.value().report.position_reference, reference);
  const Model& model = trained.value().model;
  return EvaluateModel(model, data, objectives, {TestRange(model, "pctr")}, {.position_bias = true})
      .value()
      .objectives[0];
}

TEST(PositionFeature, ProbabilitiesAreJudgedAtThePlaceShownAndOrderAtTheReference) {
  const ObjectiveReport blind = Judge("", -1), reads = Judge("[[feature]]\nname = \"place\"\ntype = \"position\"\n", 0);
  EXPECT_LT(reads.metrics.log_loss.interval.high, blind.metrics.log_loss.interval.low);
  int places = 0;
  for (const SliceReport& slice : reads.slices) {
    if (slice.feature != "place") continue;
    ++places;
    const Interval& ratio = slice.metrics.observed_over_expected.interval;
    EXPECT_TRUE(ratio.low < 1.02 && ratio.high > 0.98) << slice.value << ": " << ratio.low << " to " << ratio.high;
  }
  EXPECT_EQ(places, 4) << "quarters of the places";
  // The order of the feed that showed them is left out of what ranks: at one place, an item is worth its price.
  EXPECT_LT(reads.by_request.auc.value, reads.metrics.auc_roc.value);
  EXPECT_NEAR(reads.by_request.auc.value, blind.by_request.auc.value, 0.02);
}

TEST(PositionFeature, TheCurveOfAFeedThatPutsItsBestFirstIsFoundOnlyByAModelThatReadsThePlace) {
  const PositionBias blind = Judge("", -1).position_bias,
                     reads = Judge("[[feature]]\nname = \"place\"\ntype = \"position\"\n", 0).position_bias;
  EXPECT_LT(reads.exponent.interval.low, kExponent);
  EXPECT_GT(reads.exponent.interval.high, kExponent);
  EXPECT_NEAR(reads.exponent.value, kExponent, 0.07);
  EXPECT_GT(std::abs(blind.exponent.value - kExponent), 0.1);
}

TEST(PositionFeature, AnotherReferenceIsAnotherPlaceAndTheSameOrder) {
  const ObjectiveReport first = Judge("[[feature]]\nname = \"place\"\ntype = \"position\"\n", 0),
                        fourth = Judge("[[feature]]\nname = \"place\"\ntype = \"position\"\nreference = 3\n", 3);
  EXPECT_EQ(first.metrics.log_loss.value, fourth.metrics.log_loss.value);
  EXPECT_NEAR(first.by_request.auc.value, fourth.by_request.auc.value, 0.02);
}

}  // namespace
}  // namespace gfr
