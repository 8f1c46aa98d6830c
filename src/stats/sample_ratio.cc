#include "stats/sample_ratio.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "stats/distributions.h"

namespace gfr {

double SequentialSampleRatioEvidence(std::span<const double> counts, std::span<const double> weights,
                                     double pseudo_counts) {
  assert(counts.size() == weights.size());
  const double scale = std::accumulate(weights.begin(), weights.end(), 0.0);
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  double log_e = LogGamma(pseudo_counts) - LogGamma(pseudo_counts + all);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double share = weights[i] / scale, prior = pseudo_counts * share;
    log_e += LogGamma(prior + counts[i]) - LogGamma(prior) - counts[i] * std::log(share);
  }
  return log_e;
}

double SequentialSampleRatioP(std::span<const double> counts, std::span<const double> weights, double pseudo_counts) {
  return std::min(1.0, std::exp(-SequentialSampleRatioEvidence(counts, weights, pseudo_counts)));
}

double ChiSquareSampleRatioP(std::span<const double> counts, std::span<const double> weights) {
  assert(counts.size() == weights.size());
  const double scale = std::accumulate(weights.begin(), weights.end(), 0.0);
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  if (all <= 0) return 1;
  double chi = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = all * weights[i] / scale;
    chi += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return ChiSquareUpper(chi, static_cast<double>(counts.size()) - 1);
}

}  // namespace gfr
