#include "train/forest_trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "train/engine/lightgbm_api.h"
#include "train/engine/lightgbm_trainer.h"
#include "train/engine/xgboost_api.h"
#include "train/engine/xgboost_trainer.h"

namespace gfr {
namespace {

constexpr std::size_t kBatchRows = 1 << 16;

}  // namespace

Result<std::span<const float>> DenseRows::Next() {
  const std::span<const float> rest = values_.subspan(done_);
  const std::size_t size = std::min(rest.size(), kBatchRows * columns_);
  done_ += size;
  return rest.first(size);
}

float BaseRate(double positives, double rows, double negatives) {
  return static_cast<float>(positives / (positives + (rows - positives) / negatives));
}

float BaseRate(const TrainMatrix& train) {
  return BaseRate(std::accumulate(train.labels, train.labels + train.count, 0.0), static_cast<double>(train.count),
                  train.negatives);
}

LossSum SoftmaxGradients(const TrainMatrix& m, const float* margins, std::vector<float>* gradient,
                         std::vector<float>* hessian) {
  constexpr double kLeastHessian = 1e-6;  // Sums of them are divided by.
  LossSum sum_of;
  std::vector<double> share;
  for (std::size_t g = 0; g < m.requests->size(); ++g) {
    const auto rows = m.requests->rows(g);
    double highest = -INFINITY, sum = 0, n = 0;
    for (const std::uint32_t i : rows) highest = std::fmax(highest, margins[i]);
    share.clear();
    for (const std::uint32_t i : rows) {
      share.push_back(std::exp(margins[i] - highest));
      sum += share.back();
      n += m.labels[i];
    }
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const std::uint32_t i = rows[k];
      const double p = share[k] / sum, w = m.weights ? m.weights[i] : 1.0;
      if (m.labels[i] > 0) {
        sum_of.loss -= w * m.labels[i] * (margins[i] - highest - std::log(sum));
        sum_of.positives += w * m.labels[i];
      }
      if (!gradient) continue;
      (*gradient)[i] = static_cast<float>(w * (n * p - m.labels[i]));
      (*hessian)[i] = static_cast<float>(w * std::fmax(n * p * (1 - p), kLeastHessian));
    }
  }
  return sum_of;
}

Status CheckLoss(Loss loss, const ForestTrainer& engine) {
  if (loss == Loss::kTweedie && engine.who_cannot_learn_means())
    return Error{
        ErrorCode::kInvalidArgument,
        std::string("an [[objective]] has the link mean, which XGBoost and LightGBM learn in one process, and ") +
            engine.who_cannot_learn_means() + " does not"};
  if (!IsRanking(loss) || !engine.who_cannot_rank()) return {};
  return Error{ErrorCode::kInvalidArgument, std::string("[[objective]] learn has ") + LossName(loss) +
                                                ", which XGBoost learns in one process, and " +
                                                engine.who_cannot_rank() + " does not"};
}

ExplainForest Explainer(const ForestTrainer& engine) {
  return [&engine](const std::string& forest, const float* rows, std::size_t count, std::size_t columns) {
    return engine.Explain(forest, rows, count, columns);
  };
}

Result<std::unique_ptr<ForestTrainer>> LoadForestTrainer(Forest::Engine engine) {
  if (engine == Forest::Engine::kLightgbm) {
    GFR_ASSIGN(auto trainer, LightgbmTrainer::Load(FindLightgbmLibrary()));
    return std::unique_ptr<ForestTrainer>(std::move(trainer));
  }
  GFR_ASSIGN(auto trainer, XgboostTrainer::Load(FindXgboostLibrary()));
  return std::unique_ptr<ForestTrainer>(std::move(trainer));
}

}  // namespace gfr
