// Chooses and fits a calibrator of means: exp(margin + b), exp(a * margin + b) or isotonic (with at least 1,000 amounts
// above 0), whichever has the lowest Tweedie deviance (metric/mean_metrics.h) in 5-fold cross-fitting grouped by user;
// the isotonic one where that is lower by 0.2 % at least.
//
// The log-linear ones are fitted by Poisson quasi-likelihood, whose optimum gives the sum of the amounts back: observed
// over expected is 1 on the rows of the fit. All are non-decreasing in the margin. Thread safety: pure functions.
#pragma once

#include <span>

#include "base/hash.h"
#include "model/calibrator.h"

namespace gfr {

// Without an amount above 0, or a fit that comes to its optimum: exp(margin).
Calibrator FitMeanCalibrator(std::span<const float> margins, std::span<const float> amounts,
                             std::span<const Key> users);

// exp(a * margin + b), a as it is best (`free`; at least 0) or 1.
Calibrator FitLogLinear(std::span<const float> margins, std::span<const float> amounts, bool free);

}  // namespace gfr
