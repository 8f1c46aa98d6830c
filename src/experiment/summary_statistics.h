// SummaryStatistics: an experiment as sums, made elsewhere: what `gfr experiment analyze FILE.json` reads.
//
//   {"metric": "mean" | "proportion" | "ratio",
//    "arms": [{"name", "n", "weight", "sum", "sum_squares",
//              "denominator_sum", "denominator_sum_squares", "sum_products",      ratio: numerator x denominator
//              "pre_sum", "pre_sum_squares", "pre_post_sum_products",             CUPED: the value before the start
//              "nonzero"}],                                                        units with a value other than zero
//    "sequential": true, "n_star": 5000, "alpha": 0.05}
// arms[0] is the control. What may be absent: weight (1, of each arm), sum_squares of a proportion, nonzero, all of
// CUPED (of every arm), and the last line, whose defaults are above. docs/experiments.md is the manual.
// Thread safety: a plain value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "stats/sums.h"

namespace gfr {

struct SummaryArm {
  std::string name;
  double weight = 1;               // Relative to the others: the design.
  Sums value;                      // Of the metric, or of a ratio's numerator.
  Sums denominator;                // Of a ratio.
  double products = 0;             // Of a ratio's numerator and denominator.
  std::optional<PairSums> before;  // y: the value, x: its covariate.
  std::optional<double> nonzero;   // Units whose value is not 0.
};

struct SummaryStatistics {
  enum class Kind { kMean, kProportion, kRatio };
  Kind kind = Kind::kMean;
  std::vector<SummaryArm> arms;  // At least two; the first is the control.
  bool sequential = true;
  double planned_n = 5000;
  double alpha = 0.05;
  std::vector<std::string> notes;  // What was there and is not read.

  // kInvalidArgument names the arm and the key, and what would be valid. Sums that no sample can have (a negative
  // variance, a correlation above 1) are refused too.
  static Result<SummaryStatistics> FromJson(std::string_view text);
};

}  // namespace gfr
