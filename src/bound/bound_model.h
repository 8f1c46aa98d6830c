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
  // How many items a request can have read and scored within so much processor time: by the rate at which this model
  // scored rows when it was made, and kReadColumnNs a column for reading them. One significant digit, so that it is the
  // same on equal machines as a rule; the same all the life of this object.
  std::size_t RowsWithin(double budget_ms) const;
  static constexpr double kReadColumnNs = 12;
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
  void Measure();
  Model model_;
  double row_ns_ = 0;  // To score a row for all objectives.
  std::vector<std::unique_ptr<const Scorer>> scorers_;
};

}  // namespace gfr
