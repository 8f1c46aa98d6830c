// ScoreTerms: why a model gives an item its scores: of each objective's margin what each feature adds to the margin
// that the model expects of anyone (score/tree_shap.h), the largest first, with categories by name.
//
// A margin is what the forest gives before link and calibration: log odds, or the logarithm of a mean. For explanations
// alone: a row costs operations() steps of some nanoseconds.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bound/bound_model.h"
#include "event/event.h"
#include "score/tree_shap.h"

namespace gfr {

struct ScoreTerm {
  std::string feature;
  float value = 0;       // As the row has it; NaN: missing.
  std::string category;  // Its name, of a category.
  bool unseen = false;   // The model's training had no such category: it counts as missing.
  double adds = 0;       // To the margin.
};

struct ScoreTerms {
  std::string objective;
  double expected = 0, margin = 0;  // Of anyone; of this row.
  std::vector<ScoreTerm> largest;   // By size, at most kLargestTerms; none that adds nothing.
  double others = 0;                // What all other features add.
};
inline constexpr std::size_t kLargestTerms = 5;

// Texts of raw category codes, for one request: the model's own, and those that the request, its items and the types of
// events say.
std::map<float, std::string> CategoryTexts(const Model& model, const Event& request);

class ScoreExplainer {
 public:
  // `model` outlives this. Errors: those of TreeShap::Make.
  static Result<ScoreExplainer> Make(const BoundModel& model);
  // `row`: raw values, one a column of the set that the model is bound to. A category without a text is called by its
  // code. One for each objective of the model.
  std::vector<ScoreTerms> Explain(const float* row, const std::map<float, std::string>& texts) const;
  // Whether the forests read the column.
  bool Reads(std::size_t column) const { return reads_[column]; }
  double operations() const { return operations_; }  // Of a row, about.

 private:
  explicit ScoreExplainer(const BoundModel& model) : model_(&model.model()) {}
  const Model* model_;
  std::vector<TreeShap> objectives_;
  std::vector<bool> reads_;
  double operations_ = 0;
};

// By objective: {"expected", "margin", "largest": [{"feature", "value", "adds"}], "others"}.
nlohmann::ordered_json TermsJson(const std::vector<ScoreTerms>& terms);
// One sentence an objective: "pctr: price = 12 adds 0.31, device = mobile takes 0.2 (of the margin -1.3)".
std::vector<std::string> TermsInWords(const std::vector<ScoreTerms>& terms);

}  // namespace gfr
