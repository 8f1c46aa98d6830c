// ForestTrainer: rows to a forest. XgboostTrainer and LightgbmTrainer do it in this process, through their engines' C
// APIs, loaded at run time; DistributedTrainer with XGBoost in many; CallerTrainer has it done elsewhere.
//
// Thread safety: one training at a time.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dataset/loss.h"
#include "evaluate/forest_importance.h"
#include "model/forest.h"
#include "model/softmax_link.h"

namespace gfr {

// Rows that are read in batches from the first to the last, as often as asked: an engine fills its matrix of quantiles
// in a few passes, so that the rows need not lie in memory as they are.
class MatrixRows {
 public:
  virtual ~MatrixRows() = default;
  virtual void Reset() = 0;  // The next batch is the first; they are the same in every pass.
  // The next rows, row-major, NaN missing; empty after the last. Valid until the next call.
  virtual Result<std::span<const float>> Next() = 0;
};

// Rows that do lie in memory.
class DenseRows final : public MatrixRows {
 public:
  DenseRows(std::span<const float> values, std::size_t columns) : values_(values), columns_(columns) {}
  void Reset() override { done_ = 0; }
  Result<std::span<const float>> Next() override;

 private:
  std::span<const float> values_;
  std::size_t columns_, done_ = 0;
};

struct TrainMatrix {
  std::shared_ptr<MatrixRows> rows;
  std::size_t count, columns;
  const float* labels;
  const float* weights;  // Null: all 1.
  // At which rate the rows without a label were kept. The forest's margins are those of all rows: it learns the kept
  // ones at margins less ln(rate), which is what leaving negatives out adds to the log odds. REQUIRES: 1 with requests.
  double negatives = 1;
  std::span<const std::uint8_t> categorical = {};  // One a column: its values are codes; empty: none. XGBoost reads
                                                   // codes as numbers, LightGBM splits them by sets.
  // The rows of each request, for losses that compare its items; to rank, those of a request lie together.
  const RequestGroups* requests = nullptr;
  Loss loss = Loss::kLogistic;
};

// [train], by XGBoost's names; LightgbmParameters says what LightGBM makes of them.
struct ForestParams {
  int depth = 6;
  double eta = 0.1;
  int max_rounds = 500, early_stopping = 20;
  double min_child_weight = 1, lambda = 1, subsample = 1, colsample = 1;
  int max_bin = 256;
  int threads = 2;
  std::uint64_t seed = 7;
};

struct TrainedForest {
  std::string bytes;  // As its engine writes it: XGBoost's UBJSON, LightGBM's text.
  int rounds = 0;
  double best_log_loss = 0;
  std::vector<double> gain;  // Total gain a column.
};

// Of the Tweedie deviance that means are learnt by.
inline constexpr double kTweediePower = 1.5;

// The share of positives among all rows, those left out too.
float BaseRate(const TrainMatrix& train);
float BaseRate(double positives, double rows, double negatives);

struct LossSum {
  double loss = 0, positives = 0;
};
// The softmax's gradients of a matrix at these margins (null: not wanted); the log loss of its positives by weight
// comes back. REQUIRES: m.requests.
LossSum SoftmaxGradients(const TrainMatrix& m, const float* margins, std::vector<float>* gradient,
                         std::vector<float>* hessian);

// Early stopping: the round whose loss on validation was the least, and whether so many have not bettered it.
struct BestRounds {
  int rounds;  // How many are kept.
  double loss = std::numeric_limits<double>::infinity();
  bool IsOver(int round, double now, int patience) {
    if (now < loss - 1e-7) {
      loss = now;
      rounds = round + 1;
      return false;
    }
    return round + 1 - rounds >= patience;
  }
};

// Of count rows of a part a column and the bias, the mean size of each column's parts.
template <typename T>
std::vector<double> MeanSizes(const T* parts, std::size_t count, std::size_t columns) {
  std::vector<double> means(columns);
  for (std::size_t k = 0; k < columns; ++k) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += std::fabs(parts[i * (columns + 1) + k]);
    means[k] = sum / static_cast<double>(count);
  }
  return means;
}

class ForestTrainer {
 public:
  virtual ~ForestTrainer() = default;

  // With `validation`: early stopping on its log loss (to rank: on 1 - NDCG, which then stands for it), the best rounds
  // are kept. Without: max_rounds (fewer of LightGBM, which ends when it finds no further split). With the softmax
  // loss: gradient n p - y and hessian n p (1 - p), p the row's share of its request's n positives, by weight; the log
  // loss is then the mean over positives of -ln p. A request without a positive teaches nothing.
  virtual Result<TrainedForest> Train(const TrainMatrix& train, const TrainMatrix* validation,
                                      const ForestParams& params,
                                      const std::function<void(int round, double log_loss)>& progress) const = 0;

  // Who it is, for messages, if it does not learn to rank (IsRanking); null: it does.
  virtual const char* who_cannot_rank() const { return nullptr; }
  // Likewise, if it does not learn means (Loss::kTweedie).
  virtual const char* who_cannot_learn_means() const { return nullptr; }

  // Over these rows, of a forest as its engine wrote it.
  using Importance = ForestImportance;
  virtual Result<Importance> Explain(const std::string& forest, const float* rows, std::size_t count,
                                     std::size_t columns) const = 0;
};

// kInvalidArgument: the engine does not learn by this loss.
Status CheckLoss(Loss loss, const ForestTrainer& engine);

// The engine's Explain, as an evaluation asks for it. REQUIRES: `engine` outlives it.
ExplainForest Explainer(const ForestTrainer& engine);

// Those of this process. Errors: kNotFound, the engine's library is not there.
Result<std::unique_ptr<ForestTrainer>> LoadForestTrainer(Forest::Engine engine);

}  // namespace gfr
