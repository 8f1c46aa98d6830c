// A label with a long delay, learnt within an early window and judged within the whole one.
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "base/time.h"
#include "score/scorer.h"
#include "train/engine/xgboost_api.h"
#include "train/engine/xgboost_trainer.h"
#include "train/trainer.h"

namespace gfr {
namespace {

constexpr const char* kEarlyConfig = "[[feature]]\nname = \"price\"\ntype = \"property\"\nproperty = \"price\"\n";
constexpr std::int64_t kWindow = 7 * kDayMs, kEarly = kDayMs;
constexpr double kDelayDays = 1.5;  // Mean of the exponential that delays fall by.

// A row a minute; `rate(day)` scales what x makes of a row's chance.
template <class Rate>
Dataset Delayed(const ObjectiveConfig& config, const Rate& rate, std::vector<double>* truth = nullptr, int days = 60) {
  Rng rng(6);
  Dataset data{.columns = 1, .first_arrival_ms = 0, .last_arrival_ms = days * kDayMs};
  data.objectives.resize(1);
  ObjectiveRows& rows = data.objectives[0];
  const double within = 1 - std::exp(-7 / kDelayDays);
  for (std::int64_t at_ms = 0; at_ms < data.last_arrival_ms; at_ms += kMinuteMs) {
    const double x = rng.Normal(), p = rate(static_cast<double>(at_ms) / kDayMs) / (1 + std::exp(1 - x));
    const bool ever = rng.Chance(p / within);
    const auto delay_ms = static_cast<std::int64_t>(rng.Exponential(kDelayDays) * kDayMs);
    if (at_ms + config.horizon_ms() > data.last_arrival_ms) break;
    const bool whole = ever && delay_ms <= kWindow;
    rows.features.push_back(static_cast<float>(x));
    rows.label.push_back(ever && delay_ms <= config.horizon_ms());
    rows.whole.push_back(at_ms + kWindow > data.last_arrival_ms ? kMissing : whole ? 1.0f : 0.0f);
    rows.user.push_back(1 + rng.Below(3000));
    rows.arrival_ms.push_back(at_ms);
    rows.offset.push_back(rows.offset.size());
    rows.request.push_back(rows.offset.size());
    rows.position.push_back(0);
    rows.led_on.push_back(kMissing);
    if (truth) truth->push_back(p);
  }
  return data;
}

class EarlyWindow : public testing::Test {
 protected:
  ObjectiveConfig config{.name = "pcvr",
                         .population = EventType::kFeedClick,
                         .label = EventType::kPurchase,
                         .window_ms = kWindow,
                         .early_window_ms = kEarly};
  Result<TrainedModel> Train(const Dataset& data, bool refit) {
    auto toml = Config::Parse(kEarlyConfig, "gfr.toml");
    const auto set = FeatureSet::Make(toml.value()).value();
    const auto engine = XgboostTrainer::Load(FindXgboostLibrary()).value();
    return TrainModel(data, *set, {config}, {.folds = 0}, {.params = {.depth = 3, .max_rounds = 100}, .refit = refit},
                      *engine);
  }
  static double MeanProbability(const Model& model, const Dataset& data, double from_share) {
    const ObjectiveRows& rows = data.objectives[0];
    const auto from = static_cast<std::size_t>(from_share * static_cast<double>(rows.size()));
    const Part part = Select(rows, Loss::kLogistic, model, rows.arrival_ms[from], INT64_MAX);
    std::vector<float> margins(part.size()), values;
    part.Read(0, part.size(), values);
    Scorer::Make(model.objectives[0].forest).value()->Margins(values.data(), part.size(), 1, margins.data());
    double sum = 0;
    for (const float m : margins) sum += model.objectives[0].Whole(model.objectives[0].calibrator.Apply(m));
    return sum / static_cast<double>(part.size());
  }
};

TEST_F(EarlyWindow, TheProbabilityIsThatOfTheWholeWindow) {
  const Dataset data = Delayed(config, [](double) { return 0.5; });
  const auto trained = Train(data, false);
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  const ObjectiveReport& report = trained.value().report.objectives[0];
  const double share = (1 - std::exp(-1 / kDelayDays)) / (1 - std::exp(-7 / kDelayDays));
  EXPECT_NEAR(report.maturation, share, 0.02);
  EXPECT_EQ(report.early_window_ms, kEarly);
  const Interval& ratio = report.metrics.observed_over_expected.interval;
  EXPECT_TRUE(ratio.low < 1 && 1 < ratio.high) << ratio.low << " to " << ratio.high;
  EXPECT_LT(report.metrics.ece.value, 0.015);
  EXPECT_GT(report.metrics.auc_roc.value, 0.68);
  EXPECT_EQ(trained.value().model.card.at("pcvr.early_window"), "1d");
  EXPECT_NE(ReportToJson(trained.value().report).find("\"learnt_within\": \"1d\""), std::string::npos);
}

TEST_F(EarlyWindow, WhatCameInTheLastDaysIsLearntSooner) {
  const auto rises = [](double day) { return day < 54 ? 0.3 : 0.6; };  // Six days before the log ends.
  std::vector<double> truth;
  const Dataset early = Delayed(config, rises, &truth);
  const Model soon = Train(early, true).value().model;
  config.early_window_ms = 0;
  const Model late = Train(Delayed(config, rises), true).value().model;
  const std::size_t from = early.objectives[0].size() * 57 / 59;
  double now = 0;
  for (std::size_t i = from; i < truth.size(); ++i) now += truth[i] / static_cast<double>(truth.size() - from);
  const double by_soon = MeanProbability(soon, early, 57.0 / 59), by_late = MeanProbability(late, early, 57.0 / 59);
  EXPECT_GT(by_soon, by_late + 0.1 * now) << "rows of the new level are too young for the whole window";
  EXPECT_LT(std::abs(by_soon - now), std::abs(by_late - now));
}

TEST_F(EarlyWindow, TheModelsFilesKeepTheShareAndOthersHaveNone) {
  const Model model = Train(Delayed(config, [](double) { return 0.5; }), true).value().model;
  auto files = ModelToFiles(model);
  const Model back = ModelFromFiles(files, "feed", "1").value();
  EXPECT_EQ(back.objectives[0].early_window_ms, kEarly);
  EXPECT_EQ(back.objectives[0].maturation, model.objectives[0].maturation);
  const float row[] = {0};
  EXPECT_EQ(back.objectives[0].Probability(-1.5, row),
            model.objectives[0].calibrator.Apply(-1.5) / back.objectives[0].maturation);
  EXPECT_EQ(back.objectives[0].Whole(0.9), 1) << "no more than sure";
  std::string& json = files["model.json"];
  json.replace(json.find("\"maturation\": 0."), 15, "\"maturation\": 1");
  EXPECT_FALSE(ModelFromFiles(files, "feed", "1").ok());
}

TEST_F(EarlyWindow, ALogThatIsTooShortToMeasureTheShareIsRefused) {
  const auto trained = Train(Delayed(
                                 config, [](double) { return 0.5; }, nullptr, 14),
                             false);
  ASSERT_FALSE(trained.ok());
  EXPECT_NE(trained.error().message.find("as old as its window"), std::string::npos) << trained.error().message;
}

}  // namespace
}  // namespace gfr
