#include "stats/shrinkage.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace gfr {
namespace {

double WeightedMean(std::span<const MeasuredEffect> effects, double spread) {
  double weights = 0, sum = 0;
  for (const MeasuredEffect& e : effects) {
    const double weight = 1 / (spread * spread + e.se * e.se);
    weights += weight, sum += weight * e.value;
  }
  return sum / weights;
}

// With the mean that is best for this spread.
double LogLikelihood(std::span<const MeasuredEffect> effects, double spread) {
  const double mean = WeightedMean(effects, spread);
  double sum = 0;
  for (const MeasuredEffect& e : effects) {
    const double variance = spread * spread + e.se * e.se;
    sum -= 0.5 * (std::log(variance) + (e.value - mean) * (e.value - mean) / variance);
  }
  return sum;
}

}  // namespace

EffectPrior FitEffectPrior(std::span<const MeasuredEffect> effects) {
  assert(effects.size() >= 2);
  double most = 0, low_value = effects[0].value, high_value = low_value;
  for (const MeasuredEffect& e : effects) {
    low_value = std::min(low_value, e.value), high_value = std::max(high_value, e.value);
    most = std::max(most, e.se);
  }
  // A grid finds the right hill (the likelihood may have two), golden section its top.
  const double top = high_value - low_value + most;
  constexpr int kSteps = 200;
  int best = 0;
  for (int k = 1; k <= kSteps; ++k) {
    if (LogLikelihood(effects, top * k / kSteps) > LogLikelihood(effects, top * best / kSteps)) best = k;
  }
  double low = top * std::max(0, best - 1) / kSteps, high = top * std::min(kSteps, best + 1) / kSteps;
  const double golden = (std::sqrt(5.0) - 1) / 2;
  for (int k = 0; k < 100; ++k) {
    const double a = high - golden * (high - low), b = low + golden * (high - low);
    if (LogLikelihood(effects, a) >= LogLikelihood(effects, b)) {
      high = b;
    } else {
      low = a;
    }
  }
  const double spread = LogLikelihood(effects, 0) >= LogLikelihood(effects, low) ? 0 : low;
  return {WeightedMean(effects, spread), spread};
}

MeasuredEffect Shrink(const MeasuredEffect& effect, const EffectPrior& prior) {
  const double prior_variance = prior.spread * prior.spread, noise = effect.se * effect.se;
  const double kept = prior_variance / (prior_variance + noise);
  return {prior.mean + kept * (effect.value - prior.mean), std::sqrt(kept * noise)};
}

}  // namespace gfr
