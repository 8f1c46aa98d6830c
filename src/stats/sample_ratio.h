// Sample ratio mismatch (SRM): whether the units of the arms are in the designed proportions. It counts exposed units.
//
//   watched  sequential Dirichlet-multinomial test (Lindon and Malek 2022, "Anytime-valid inference for multinomial
//            count data"): e = B(k + n) / B(k) / prod w_i^n_i, with the prior k = 1,000 w concentrated on the design;
//            p = min(1, 1 / e), valid at every look
//   final    Pearson's chi-square
// Thread safety: pure functions. REQUIRES: as many weights as counts, all positive (any scale).
#pragma once

#include <span>

namespace gfr {

inline constexpr double kSampleRatioAlpha = 0.001;  // An experiment below it is invalid.
inline constexpr double kSampleRatioPseudoCounts = 1000;

// ln e. The sum over samples that are independent given the design is evidence of them together.
double SequentialSampleRatioEvidence(std::span<const double> counts, std::span<const double> weights,
                                     double pseudo_counts = kSampleRatioPseudoCounts);
double SequentialSampleRatioP(std::span<const double> counts, std::span<const double> weights,
                              double pseudo_counts = kSampleRatioPseudoCounts);
double ChiSquareSampleRatioP(std::span<const double> counts, std::span<const double> weights);

}  // namespace gfr
