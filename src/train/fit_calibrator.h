// Chooses and fits a calibrator: none, Platt (with its target smoothing), isotonic (with at least 1,000 positives) or
// beta, whichever has the lowest log loss in 5-fold cross-fitting grouped by user.
#pragma once

#include <span>
#include <vector>

#include "base/hash.h"
#include "model/calibrator.h"

namespace gfr {

Calibrator FitCalibrator(std::span<const float> margins, std::span<const float> labels, std::span<const Key> users);

// One kind. Logistic fits are by Newton's method; isotonic by pool adjacent violators over 200 quantile groups at most.
Calibrator FitCalibratorOf(Calibrator::Kind kind, std::span<const float> margins, std::span<const float> labels);

}  // namespace gfr
