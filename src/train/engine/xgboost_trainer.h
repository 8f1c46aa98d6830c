// XgboostTrainer: XGBoost (tree_method hist, binary:logistic) through its C API, loaded at run time.
//
// Thread safety: one training at a time.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "train/forest_trainer.h"

namespace gfr {

struct XgboostApi;

// What XGBoost is told of `params`, by its own names; not how many threads.
std::vector<std::pair<std::string, std::string>> XgboostParameters(const ForestParams& params);

// In a process that joined others (XgboostApi::Join), `train` and `validation` are its share of the rows, whole
// requests each; all train at once, with equal parameters, and get equal forests.
class XgboostTrainer final : public ForestTrainer {
 public:
  static Result<std::unique_ptr<XgboostTrainer>> Load(const std::string& library_path);  // Errors: XgboostApi's.
  explicit XgboostTrainer(std::shared_ptr<const XgboostApi> api) : api_(std::move(api)) {}

  Result<TrainedForest> Train(const TrainMatrix& train, const TrainMatrix* validation, const ForestParams& params,
                              const std::function<void(int round, double log_loss)>& progress) const override;
  Result<std::vector<float>> PredictMargins(const std::string& forest, const float* rows, std::size_t count,
                                            std::size_t columns) const;
  Result<Importance> Explain(const std::string& forest, const float* rows, std::size_t count,
                             std::size_t columns) const override;

 private:
  std::shared_ptr<const XgboostApi> api_;
};

}  // namespace gfr
