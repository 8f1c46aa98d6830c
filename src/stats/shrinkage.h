// Shrinkage against the winner's curse: effects that were chosen because they looked large are too large on average.
//
// True effects are taken as normal, N(mean, spread^2), fitted by maximum likelihood to the estimates of all concluded
// experiments, shipped or not: estimate_i ~ N(mean, spread^2 + se_i^2). An effect's posterior (empirical Bayes, Efron
// and Morris 1973) is mean + spread^2 / (spread^2 + se^2) (estimate - mean).
// Thread safety: pure functions.
#pragma once

#include <span>

namespace gfr {

struct MeasuredEffect {
  double value = 0, se = 0;  // se > 0.
};
struct EffectPrior {
  double mean = 0, spread = 0;
};
// REQUIRES: at least two effects.
EffectPrior FitEffectPrior(std::span<const MeasuredEffect> effects);
MeasuredEffect Shrink(const MeasuredEffect& effect, const EffectPrior& prior);  // Posterior mean and deviation.

}  // namespace gfr
