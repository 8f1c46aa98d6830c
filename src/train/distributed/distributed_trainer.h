// DistributedTrainer: forests trained by several processes with XGBoost's collective, each holding the quantiles of its
// own share of the rows alone.
//
// This process deals the rows, batch by batch, and gets the forest back; what XGBoost exchanges each round is
// histograms and the sums of losses, so every worker has the same forest. docs/training.md. Thread safety: one training
// at a time.
#pragma once

#include <memory>

#include "train/distributed/worker_pool.h"
#include "train/engine/xgboost_trainer.h"

namespace gfr {

class DistributedTrainer final : public ForestTrainer {
 public:
  DistributedTrainer(std::unique_ptr<WorkerPool> pool, std::shared_ptr<const XgboostApi> api)
      : pool_(std::move(pool)), api_(api), local_(api) {}

  // kUnavailable: a worker was lost (WorkerPool). `params.threads` are each worker's.
  Result<TrainedForest> Train(const TrainMatrix& train, const TrainMatrix* validation, const ForestParams& params,
                              const std::function<void(int round, double log_loss)>& progress) const override;
  const char* who_cannot_rank() const override { return "a group of workers"; }
  const char* who_cannot_learn_means() const override { return who_cannot_rank(); }
  Result<Importance> Explain(const std::string& forest, const float* rows, std::size_t count,
                             std::size_t columns) const override {
    return local_.Explain(forest, rows, count, columns);
  }

 private:
  Status Deal(const TrainMatrix& matrix, int which) const;
  std::unique_ptr<WorkerPool> pool_;
  std::shared_ptr<const XgboostApi> api_;
  XgboostTrainer local_;
};

}  // namespace gfr
