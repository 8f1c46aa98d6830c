// GroupCauses: alerts of several kinds that are of one cause become one alert.
//
// What is served comes first: a feature that moves takes its model's probabilities, base rates and calibration along.
// An alert that was found while another was open that is a cause of it, and whose drift began within kGroupMs of the
// other's, is told as `grouped` of that one, and not by itself. An alert that was found earlier is never taken in: it
// may have been told. Thread safety: a pure function.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "monitor/alert.h"

namespace gfr {

inline constexpr std::int64_t kGroupMs = 6 * kHourMs;

// Oldest first.
std::vector<DriftAlert> GroupCauses(std::vector<DriftAlert> alerts);

}  // namespace gfr
