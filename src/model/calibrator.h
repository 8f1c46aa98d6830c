// Calibrator: a forest's margin to a probability that can be taken at its word.
//
//   none      sigmoid(margin)
//   platt     sigmoid(a * margin + b)                        (Platt 1999)
//   isotonic  piecewise linear through (x, y), constant outside (pool adjacent violators)
//   beta      sigmoid(a * ln p - b * ln(1 - p) + c), p = sigmoid(margin)   (Kull, Silva Filho and Flach 2017)
// and, of an objective with the link "mean", to a mean:
//   log_linear  exp(a * margin + b); isotonic as above
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace gfr {

struct Calibrator {
  enum class Kind { kNone, kPlatt, kIsotonic, kBeta, kLogLinear };
  Kind kind = Kind::kNone;
  double a = 1, b = 0, c = 0;
  std::vector<double> x, y;  // Rising.

  double Apply(double margin) const noexcept;
  std::string ToJson() const;
  static Result<Calibrator> FromJson(const std::string& text);
};

const char* CalibratorName(Calibrator::Kind kind);

}  // namespace gfr
