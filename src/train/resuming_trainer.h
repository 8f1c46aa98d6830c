// ResumingTrainer: another trainer, whose forests are kept in a folder until the training is over, so that one that was
// killed goes on from the first forest that it had not finished.
//
// A forest is found by a hash of all that it was learnt from: rows, labels, weights, requests, those of validation,
// parameters, and who learnt it (`engine`); so the forests are those of an unbroken training. A file is one line of
// JSON and the forest's bytes, written whole or not at all; one that cannot be read or written costs only time.
// Thread safety: one training at a time.
#pragma once

#include <string>

#include "base/file_system.h"
#include "train/forest_trainer.h"

namespace gfr {

class ResumingTrainer final : public ForestTrainer {
 public:
  // All but the strings must outlive this. The folder is made when the first forest is kept.
  ResumingTrainer(FileSystem& fs, std::string folder, std::string engine, const ForestTrainer& trainer)
      : fs_(fs), folder_(std::move(folder)), engine_(std::move(engine)), trainer_(trainer) {}

  // No `progress` for a forest that was there.
  Result<TrainedForest> Train(const TrainMatrix& train, const TrainMatrix* validation, const ForestParams& params,
                              const std::function<void(int round, double log_loss)>& progress) const override;
  const char* who_cannot_rank() const override { return trainer_.who_cannot_rank(); }
  const char* who_cannot_learn_means() const override { return trainer_.who_cannot_learn_means(); }
  Result<Importance> Explain(const std::string& forest, const float* rows, std::size_t count,
                             std::size_t columns) const override {
    return trainer_.Explain(forest, rows, count, columns);
  }
  Status Forget() const { return fs_.RemoveTree(folder_); }  // The training is over.

 private:
  FileSystem& fs_;
  const std::string folder_, engine_;
  const ForestTrainer& trainer_;
};

}  // namespace gfr
