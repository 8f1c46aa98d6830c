// Learning curve: how a loss falls with the training rows, and what more rows would bring.
//
// Use: train on the users of nested shares (InShare), measure each on the same test rows, then FitPowerLaw. Thread
// safety: pure functions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "stats/interval.h"

namespace gfr {

// Whether a user belongs to this share of all users; shares are nested, and a user's rows stay together.
bool InShare(Key user, double share);

struct LearningPoint {
  double rows;  // Trained on.
  Estimate loss;
};

// loss = floor + scale * rows^-rate (Hestness et al. 2017), by least squares; rate in [0.02, 2].
struct PowerLaw {
  double floor, scale, rate;
  double At(double rows) const;
};
// REQUIRES: at least 3 points of different rows.
PowerLaw FitPowerLaw(std::span<const LearningPoint> points);

// What the curve says in a sentence: what twice the rows would bring, beside the last point's interval.
std::string ReadLearningCurve(std::span<const LearningPoint> points);

}  // namespace gfr
