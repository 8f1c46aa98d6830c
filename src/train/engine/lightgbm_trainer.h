// LightgbmTrainer: LightGBM's gradient-boosted trees through its C API, loaded at run time.
//
// Trees are as deep as [train] depth and grow leaf by leaf with no other bound; columns of category codes are split by
// sets of codes. A forest's base is in the leaves of its first tree, as LightGBM's files have it. One seed and one
// number of threads give equal bytes.
//
// Thread safety: one training at a time.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "train/forest_trainer.h"

namespace gfr {

struct LightgbmApi;

// What LightGBM is told of `params`, by its own names; not how many threads, nor which columns are categories.
std::vector<std::pair<std::string, std::string>> LightgbmParameters(const ForestParams& params);

class LightgbmTrainer final : public ForestTrainer {
 public:
  static Result<std::unique_ptr<LightgbmTrainer>> Load(const std::string& library_path);  // Errors: LightgbmApi's.
  explicit LightgbmTrainer(std::shared_ptr<const LightgbmApi> api) : api_(std::move(api)) {}

  // kInvalidArgument: 2^31 rows or more.
  Result<TrainedForest> Train(const TrainMatrix& train, const TrainMatrix* validation, const ForestParams& params,
                              const std::function<void(int round, double log_loss)>& progress) const override;
  const char* who_cannot_rank() const override { return "LightGBM"; }
  Result<Importance> Explain(const std::string& forest, const float* rows, std::size_t count,
                             std::size_t columns) const override;

 private:
  std::shared_ptr<const LightgbmApi> api_;
};

}  // namespace gfr
