// BoundModel: a model version bound to the features in use, ready to predict.
//
// Thread safety: immutable; Predict from any thread.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "feature/feature_set.h"
#include "model/model.h"
#include "score/scorer.h"

namespace gfr {

// A model made ready: its scorers, and its columns found among the features in use (bind_columns.h), so that it reads
// rows of the set whatever other columns these have.
class BoundModel {
 public:
  // kInvalidArgument: a column of the model is gone or changed; the message names it.
  static Result<std::shared_ptr<const BoundModel>> Make(Model model, const FeatureSet& features);
  const Model& model() const { return model_; }  // On rows of the set.
  // Calibrated probabilities of the objectives wanted, for rows x columns raw feature values, which are ranked against
  // the cut points of all objectives once. The rows are all candidates of one request, of which a slate shows
  // `slate_size` (softmax_link.h). `out` of an objective that the model does not have is left as it is.
  struct Wanted {
    std::string_view objective;
    std::vector<float>* out;
  };
  void Predict(std::span<const Wanted> wanted, const float* rows, std::size_t count, std::size_t slate_size) const;
  void Predict(std::initializer_list<Wanted> wanted, const float* rows, std::size_t count,
               std::size_t slate_size) const {
    Predict(std::span(wanted.begin(), wanted.size()), rows, count, slate_size);
  }

 private:
  Model model_;
  std::vector<std::unique_ptr<const Scorer>> scorers_;
};

}  // namespace gfr
