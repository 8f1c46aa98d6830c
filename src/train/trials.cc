#include "train/trials.h"

#include <algorithm>
#include <cmath>

#include "evaluate/predict.h"
#include "evaluate/replicates.h"
#include "metric/binary_metrics.h"
#include "metric/mean_metrics.h"
#include "train/dictionary.h"
#include "train/fit.h"
#include "train/split.h"

namespace gfr {

Trials::Trials(const Dataset& data, const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
               const SplitConfig& split)
    : data_(data), objectives_(objectives), split_(split) {
  const int count = split.folds > 0 ? split.folds : SplitConfig().folds;
  split_.test = std::min(split.test, 0.5 / count);
  for (int k = 0; k < count; ++k) {
    Fold fold{.end_share = 1.0 - split_.test * (count - 1 - k), .dictionary = EmptyModel(features)};
    std::int64_t first_validation = INT64_MAX;
    for (std::size_t o = 0; o < objectives.size(); ++o)
      first_validation =
          std::min(first_validation, Split(data, data.objectives[o], objectives[o], split_, fold.end_share).validation);
    MakeDictionaries(data, first_validation, fold.dictionary);
    folds_.push_back(std::move(fold));
  }
}

Result<std::vector<Trials::Outcome>> Trials::Run(int fold, const TrainConfig& config,
                                                 const ForestTrainer& engine) const {
  const auto& [end_share, dictionary] = folds_[static_cast<std::size_t>(fold)];
  std::vector<Outcome> outcomes;
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    const ObjectiveRows& rows = data_.objectives[o];
    const Boundaries b = Split(data_, rows, objectives_[o], split_, end_share);
    GFR_ASSIGN(const Fitted fitted, Fit(rows, objectives_[o], dictionary, b, config, engine, /*quiet=*/true));
    const SelectedRows part = SelectWholeWindow(rows, fitted.objective.softmax, dictionary, b.test, b.end);
    GFR_ASSIGN(const std::vector<float> probability, Probabilities(fitted.objective, part));
    if (fitted.objective.mean) {
      const MeanMetrics metrics = MeasureMean({probability, part.labels, part.users}, 0, kSeed);
      outcomes.push_back({objectives_[o].name, metrics.rows, metrics.positives, fitted.rounds, metrics.deviance.value,
                          metrics.deviance_share.value});
      continue;
    }
    const BinaryMetrics metrics = MeasureBinary({probability, part.labels, part.users}, 0, kSeed);
    if (!std::isfinite(metrics.normalised_entropy.value))
      return Error{ErrorCode::kInvalidArgument, "objective '" + objectives_[o].name + "' has " +
                                                    std::to_string(metrics.positives) + " positives in " +
                                                    std::to_string(metrics.rows) + " rows of fold " +
                                                    std::to_string(fold + 1) + ": use fewer [split] folds"};
    outcomes.push_back({objectives_[o].name, metrics.rows, metrics.positives, fitted.rounds, metrics.log_loss.value,
                        metrics.normalised_entropy.value});
  }
  return outcomes;
}

}  // namespace gfr
