#include "stats/early_conversions.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "stats/distributions.h"

namespace gfr {

double EarlyConversionsP(double in_control, double in_treatment, double share, Side side, double pseudo_counts) {
  assert(share > 0 && share < 1);
  const double a = pseudo_counts * share, b = pseudo_counts * (1 - share);
  double log_e = LogBeta(a + in_treatment, b + in_control) - LogBeta(a, b) - in_treatment * std::log(share) -
                 in_control * std::log1p(-share);
  // The part of the mixture on one side of the design, before and after the counts. The upper part is the lower part of
  // the other arm's share, which keeps its digits.
  if (side == Side::kTreatmentHasFewer)
    log_e +=
        std::log(RegularizedBeta(a + in_treatment, b + in_control, share)) - std::log(RegularizedBeta(a, b, share));
  if (side == Side::kTreatmentHasMore)
    log_e += std::log(RegularizedBeta(b + in_control, a + in_treatment, 1 - share)) -
             std::log(RegularizedBeta(b, a, 1 - share));
  return std::min(1.0, std::exp(-log_e));
}

}  // namespace gfr
