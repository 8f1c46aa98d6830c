// CallerTrainer: forests trained by whoever started `gfr train --exchange FOLDER`, on other machines if need be. Rows,
// early stopping's rows, calibration, evaluation and registration stay here: the version is the same artefact.
//
// A forest is asked for by one line of JSON and answered by another; docs/formats/exchange.md has both, and the files
// that they speak of. What comes back is from outside: a forest that is no binary:logistic one of these columns is
// refused. Thread safety: one training at a time.
#pragma once

#include <functional>
#include <string>

#include "base/file_system.h"
#include "train/forest_trainer.h"

namespace gfr {

class CallerTrainer final : public ForestTrainer {
 public:
  // Gives a line to the caller and waits for the one that answers it.
  using Ask = std::function<Result<std::string>(const std::string& line)>;

  // `explainer` measures importance, in this process. All but `folder` must outlive this.
  CallerTrainer(FileSystem& fs, std::string folder, Ask ask, const ForestTrainer& explainer)
      : fs_(fs), folder_(std::move(folder)), ask_(std::move(ask)), explainer_(explainer) {}

  // No `progress`, and no gain. kUnavailable with the caller's own words when it could not train.
  Result<TrainedForest> Train(const TrainMatrix& train, const TrainMatrix* validation, const ForestParams& params,
                              const std::function<void(int round, double log_loss)>& progress) const override;
  const char* who_cannot_rank() const override { return "the caller of --exchange"; }
  const char* who_cannot_learn_means() const override { return who_cannot_rank(); }
  Result<Importance> Explain(const std::string& forest, const float* rows, std::size_t count,
                             std::size_t columns) const override {
    return explainer_.Explain(forest, rows, count, columns);
  }

 private:
  FileSystem& fs_;
  std::string folder_;
  Ask ask_;
  const ForestTrainer& explainer_;
  mutable int asked_ = 0;
};

}  // namespace gfr
