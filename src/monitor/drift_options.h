// DriftOptions: by what windows drift is judged, and how often it may alert when nothing happens.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace gfr {

struct DriftOptions {
  std::int64_t period_ms = kHourMs;            // Of a window of columns: whole hours.
  std::int64_t prior_period_ms = 6 * kHourMs;  // Of a window of base rates: whole hours.
  std::uint64_t min_rows = 500;                // A window with fewer joins the next.
  double false_alerts = 1;                     // In 30 days without drift.
  double calibration_margin = 0.1;             // Share by which observed/expected may be off before it is drift.

  // How often windows of one of `tracks` kinds may alert a day when nothing happens. A third of the budget is aimed at:
  // what is to come differs from the reference by more than the reference's days differ from each other.
  double AlertsADay(std::size_t tracks) const {
    return false_alerts / 3 / 30 / static_cast<double>(std::max<std::size_t>(1, tracks));
  }
};

}  // namespace gfr
