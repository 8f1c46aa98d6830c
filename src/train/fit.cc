#include "train/fit.h"

#include <algorithm>

#include "evaluate/predict.h"
#include "evaluate/replicates.h"
#include "metric/grouped_metrics.h"
#include "runtime/logger.h"
#include "train/calibrate.h"
#include "train/fit_calibrator.h"
#include "train/part.h"

namespace gfr {
namespace {

// Learns by one loss. `judged`, when wanted: how good it is on the calibration part.
Result<Fitted> FitBy(Loss loss, const ObjectiveRows& rows, const ObjectiveConfig& config, const Model& model,
                     const Boundaries& b, const TrainConfig& train, const ForestTrainer& engine, bool quiet,
                     TriedLoss* judged) {
  const bool softmax = loss == Loss::kSoftmax;
  const Part fit = Select(rows, loss, model, b.begin, b.validation - config.horizon_ms(), train.sample);
  const Part stop = Select(rows, loss, model, b.validation, b.calibration);
  const Part calibrate = Select(rows, LossOfLink(softmax), model, b.calibration, b.calibration_end);
  const auto positives = [](const Part& p) { return std::ranges::count_if(p.labels, [](float l) { return l > 0; }); };
  for (const Part* part : {&fit, &stop, &calibrate}) {
    if (positives(*part) < kLeastOfAClass ||
        (positives(*part) == static_cast<std::ptrdiff_t>(part->size()) && !config.mean())) {
      return Error{ErrorCode::kInvalidArgument,
                   "objective '" + config.name + "' has " + std::to_string(part->size()) + " rows with " +
                       std::to_string(positives(*part)) + " positives in the " +
                       (part == &fit    ? "training"
                        : part == &stop ? "early stopping"
                                        : "calibration") +
                       " part; needed are " + std::to_string(kLeastOfAClass) +
                       " of each class: bring more days, or shorten its window or [split]"};
    }
  }
  const TrainMatrix validation = stop.matrix();
  const auto progress = [&](int round, double value) {
    if (!quiet && round % 50 == 0)
      LogInfo("train", "a round of boosting",
              {{"objective", config.name},
               {"loss", LossName(loss)},
               {"round", round},
               {IsRanking(loss)          ? "one_minus_ndcg"
                : loss == Loss::kTweedie ? "tweedie_loss"
                                         : "log_loss",
                value}});
  };
  GFR_ASSIGN(TrainedForest trained, engine.Train(fit.matrix(), &validation, train.params, progress));
  Fitted fitted{.objective = {.name = config.name, .softmax = softmax, .mean = config.mean()},
                .rounds = trained.rounds,
                .loss = loss};
  GFR_ASSIGN(fitted.objective.forest, ParseForest(trained.bytes));
  fitted.objective.forest_bytes = std::move(trained.bytes);
  GFR_TRY(Calibrate(config, calibrate, fitted.objective.forest, &fitted.objective));
  fitted.objective.early_window_ms = config.early_window_ms;
  GFR_ASSIGN(fitted.objective.maturation, Maturation(rows, config, b.begin, b.test - config.window_ms));
  if (judged) {
    GFR_ASSIGN(const std::vector<float> margins, Margins(fitted.objective.forest, calibrate));
    *judged = {.loss = LossName(loss),
               .rounds = trained.rounds,
               .log_loss = CrossFitLogLoss(margins, calibrate.labels, calibrate.users),
               .ndcg = MeasureByGroup({margins, calibrate.labels, calibrate.users}, calibrate.requests, kReportedRanks,
                                      0, kSeed)
                           .ndcg.value};
  }
  return fitted;
}

}  // namespace

Result<double> Maturation(const ObjectiveRows& rows, const ObjectiveConfig& config, std::int64_t from_ms,
                          std::int64_t to_ms) {
  if (config.early_window_ms == 0) return 1.0;
  double early = 0, whole = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows.arrival_ms[i] < from_ms || rows.arrival_ms[i] >= to_ms || !(rows.whole[i] > 0)) continue;
    ++whole;
    early += rows.label[i];
  }
  if (early >= 10) return early / whole;
  return Error{ErrorCode::kInvalidArgument,
               "objective '" + config.name + "' has " + std::to_string(static_cast<int>(early)) +
                   " labels within its early_window among the rows that are as old as its window; needed are 10: bring "
                   "more days, or lengthen early_window"};
}

std::vector<Loss> LossesOf(const ObjectiveConfig& config) {
  if (config.mean()) return {Loss::kTweedie};
  if (config.learn.empty()) return {LossOfLink(config.softmax)};
  std::vector<Loss> losses;
  for (const std::string& name : config.learn)
    losses.push_back(static_cast<Loss>(std::ranges::find(kLossNames, name) - std::begin(kLossNames)));
  return losses;
}

Result<Fitted> Fit(const ObjectiveRows& rows, const ObjectiveConfig& config, const Model& model, const Boundaries& b,
                   const TrainConfig& train, const ForestTrainer& engine, bool quiet) {
  if (config.learn.empty()) return FitBy(LossesOf(config)[0], rows, config, model, b, train, engine, quiet, nullptr);
  std::vector<TriedLoss> tried;
  Fitted best{};
  for (const Loss loss : LossesOf(config)) {
    TriedLoss& judged = tried.emplace_back();
    GFR_ASSIGN(Fitted one, FitBy(loss, rows, config, model, b, train, engine, quiet, &judged));
    if (tried.size() > 1 && !(judged.log_loss < std::ranges::find(tried, true, &TriedLoss::kept)->log_loss)) continue;
    for (TriedLoss& other : tried) other.kept = &other == &judged;
    best = std::move(one);
  }
  best.tried = std::move(tried);
  return best;
}

Result<Forest> Refit(const ObjectiveRows& rows, Loss loss, const Model& model, std::int64_t from_ms, std::int64_t to_ms,
                     int rounds, const TrainConfig& train, const ForestTrainer& engine, std::string* bytes) {
  const Part part = Select(rows, loss, model, from_ms, to_ms, train.sample);
  ForestParams params = train.params;
  params.max_rounds = rounds;
  GFR_ASSIGN(TrainedForest trained, engine.Train(part.matrix(), nullptr, params, [](int, double) {}));
  GFR_ASSIGN(Forest forest, ParseForest(trained.bytes));
  if (bytes) *bytes = std::move(trained.bytes);
  return forest;
}

}  // namespace gfr
