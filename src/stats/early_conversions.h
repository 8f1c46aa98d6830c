// Early conversions: judges a proportion while its counts are too small for the asymptotic sequence, by which of two
// arms each conversion falls in. Under no effect each falls in the treatment arm with its designed share w, whatever
// the rate is and whenever conversions come; the test is exact and may be watched.
//
// e = mixture of the likelihood ratios of shares q against w, q from Beta(c w, c (1 - w)), c = 100 pseudo-counts (the
// sequential multinomial test of Lindon and Malek 2022). One-sided tests mix over q below (or above) w only, which
// makes e valid for every true share on the other side too. p = min(1, 1 / e). Thread safety: pure functions. REQUIRES:
// 0 < share < 1, counts not negative.
#pragma once

namespace gfr {

enum class Side { kBoth, kTreatmentHasFewer, kTreatmentHasMore };
inline constexpr double kEarlyPseudoCounts = 100;

// `share`: the treatment's weight over that of both arms.
double EarlyConversionsP(double in_control, double in_treatment, double share, Side side,
                         double pseudo_counts = kEarlyPseudoCounts);

}  // namespace gfr
