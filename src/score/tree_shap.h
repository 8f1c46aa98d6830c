// TreeShap: how much each column moves a row's margin: exact, path-dependent SHAP values (Lundberg, Erion and Lee 2018,
// "Consistent individualized feature attribution for tree ensembles", algorithm 2), as XGBoost's pred_contribs and
// LightGBM's pred_contrib give them, here in double.
//
// A row's contributions and the expected margin add up to its margin. For explanations alone: a row costs operations()
// steps of a few nanoseconds, of the order of trees x leaves x depth^2, thousands of times what scoring it does.
//
// Thread safety: immutable; Contributions from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/forest.h"
#include "score/rows.h"

namespace gfr {

class TreeShap {
 public:
  // `forest` outlives this. kInvalidArgument: its file does not say how much of the training came to each node.
  // kResourceExhausted: a tree is deeper than kMaxDepth.
  static Result<TreeShap> Make(const Forest& forest);
  static constexpr int kMaxDepth = 256;

  // Of row `row`: out[k * (columns + 1) + c] is what column c adds to the margin of class k, and the last of a class
  // its expected margin. REQUIRES: out.size() == classes * (columns + 1).
  void Contributions(const Rows& rows, std::size_t row, std::span<double> out) const;

  double operations() const { return operations_; }  // Of a row, about.

 private:
  explicit TreeShap(const Forest& forest) : forest_(&forest) {}
  const Forest* forest_;
  std::vector<double> expected_;  // One a class.
  int depth_ = 0;                 // Of the deepest tree.
  double operations_ = 0;
};

}  // namespace gfr
