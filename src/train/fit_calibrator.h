// Chooses and fits a calibrator: none, Platt (with its target smoothing), isotonic (with at least 1,000 positives) or
// beta, whichever has the lowest log loss in 5-fold cross-fitting grouped by user. All are non-decreasing in the
// margin, and fits that do not come to their optimum are no candidates: then it is none.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/hash.h"
#include "model/calibrator.h"

namespace gfr {

Calibrator FitCalibrator(std::span<const float> margins, std::span<const float> labels, std::span<const Key> users);

// The mean log loss of that in the cross-fit.
double CrossFitLogLoss(std::span<const float> margins, std::span<const float> labels, std::span<const Key> users);

// Of the rows with each code in `slice` (one a row, NaN: none): their own, chosen likewise among them alone, when in
// the cross-fit its log loss on these rows is lower than that of one of `pooled`'s kind which is fitted on all, by more
// than 1.96 standard errors (by user): of many slices that are alike, a few would look better by chance. Codes with
// fewer than 200 positives or negatives have none.
std::map<float, Calibrator> FitSliceCalibrators(const Calibrator& pooled, std::span<const float> margins,
                                                std::span<const float> labels, std::span<const Key> users,
                                                std::span<const float> slice);

// One kind. Logistic fits are by Newton's method with step halving, to the optimum among non-decreasing ones; isotonic
// by pool adjacent violators over 200 quantile groups at most. Nothing: there is no such optimum, or it was not
// reached.
std::optional<Calibrator> TryCalibratorOf(Calibrator::Kind kind, std::span<const float> margins,
                                          std::span<const float> labels);
// Likewise; kNone in its stead.
Calibrator FitCalibratorOf(Calibrator::Kind kind, std::span<const float> margins, std::span<const float> labels);

}  // namespace gfr
