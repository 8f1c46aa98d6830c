#include "evaluate/report.h"

#include <algorithm>
#include <cmath>

namespace gfr {

void SortWorstFirst(std::vector<SliceReport>& slices) {
  const auto off = [](const SliceReport& s) {
    const Interval& i = s.metrics.observed_over_expected.interval;
    const double distance = std::isnan(i.low) ? 0 : std::max(i.low - 1, 1 - i.high);
    return distance > 0.001 ? distance : 0.0;  // Softmax slices that hold whole requests are off by rounding alone.
  };
  const auto auc = [](const SliceReport& s) {
    return std::isnan(s.metrics.auc_roc.value) ? 2 : s.metrics.auc_roc.value;
  };
  std::ranges::stable_sort(slices, [&](const SliceReport& a, const SliceReport& b) {
    return off(a) != off(b) ? off(a) > off(b) : auc(a) < auc(b);
  });
}

}  // namespace gfr
