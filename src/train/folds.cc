#include "train/folds.h"

#include <algorithm>

#include "evaluate/rank_slates.h"
#include "evaluate/replicates.h"
#include "runtime/logger.h"
#include "train/fit.h"
#include "train/split.h"

namespace gfr {

Status AddFolds(const Dataset& data, const Model& dictionary, const std::vector<ObjectiveConfig>& objectives,
                const SplitConfig& split, const TrainConfig& train, const ForestTrainer& engine,
                EvaluationReport& report) {
  const std::size_t o = RankingObjective(objectives, dictionary);
  if (data.slates.empty()) return {};
  const double width = std::min(split.test, 0.5 / split.folds);
  RankedSlates all;
  SplitConfig fold_split = split;
  fold_split.test = width;
  for (int k = 0; k < split.folds; ++k) {
    const double end = 1.0 - width * (split.folds - 1 - k);
    const Boundaries b = Split(data, data.objectives[o], objectives[o], fold_split, end);
    const auto fitted = Fit(data.objectives[o], objectives[o], dictionary, b, train, engine, /*quiet=*/true);
    if (!fitted.ok()) {
      if (fitted.error().code != ErrorCode::kInvalidArgument) return fitted.error();
      LogWarning("train", "a fold is left out", {{"fold", k + 1}, {"error", fitted.error().message}});
      continue;
    }
    LogInfo("train", "a fold is done", {{"fold", k + 1}, {"folds", split.folds}});
    Model model = dictionary;
    model.objectives = {fitted.value().objective};
    if (train.refit) {  // As what is served: the chosen rounds, on all rows whose labels were there before the fold.
      GFR_ASSIGN(model.objectives[0].forest,
                 Refit(data.objectives[o], fitted.value().loss, dictionary, b.begin,
                       b.test - objectives[o].horizon_ms(), fitted.value().rounds, train, engine, nullptr));
    }
    GFR_ASSIGN(const RankedSlates ranked, RankSlates(model, data, b.test, b.end));
    const auto mine = Spans(ranked.model), recent = Spans(ranked.most_recent), shown = Spans(ranked.order_shown);
    EvaluationReport::Fold fold;
    fold.name = std::to_string(k + 1);
    fold.requests = ranked.requests.size();
    fold.mrr = MeasureRanking(ranked.requests, mine, 0, kSeed).mrr.value;
    fold.mrr_baseline = MeasureRanking(ranked.requests, recent, 0, kSeed).mrr.value;
    fold.difference = PairedMrrDifference(ranked.requests, mine, recent, 1000, kSeed);
    fold.difference_untouched_order_shown =
        PairedMrrDifference(ranked.requests, mine, shown, 1000, kSeed, /*untouched_only=*/true);
    report.folds.push_back(std::move(fold));
    all.requests.insert(all.requests.end(), ranked.requests.begin(), ranked.requests.end());
    for (const auto part : {&RankedSlates::model, &RankedSlates::order_shown, &RankedSlates::most_recent})
      (all.*part).insert((all.*part).end(), (ranked.*part).begin(), (ranked.*part).end());
  }
  const auto mine = Spans(all.model);
  report.folds_difference = PairedMrrDifference(all.requests, mine, Spans(all.most_recent), 1000, kSeed);
  report.folds_difference_untouched =
      PairedMrrDifference(all.requests, mine, Spans(all.order_shown), 1000, kSeed, /*untouched_only=*/true);
  return {};
}

}  // namespace gfr
