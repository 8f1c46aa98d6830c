#include "train/split.h"

#include <algorithm>
#include <span>

namespace gfr {

Boundaries Split(const Dataset& data, const ObjectiveRows& rows, const ObjectiveConfig& config,
                 const SplitConfig& split, double end_share) {
  // In log order, so they rise. With an early window, rows younger than the whole one can teach and cannot judge.
  std::span<const std::int64_t> times = rows.arrival_ms;
  if (config.early_window_ms > 0)
    times = times.first(static_cast<std::size_t>(
        std::ranges::upper_bound(times, data.last_arrival_ms - config.window_ms) - times.begin()));
  if (times.empty()) return {};
  const auto n = static_cast<double>(times.size());
  const auto at = [&](double index) { return times[static_cast<std::size_t>(std::clamp(index, 0.0, n - 1))]; };
  Boundaries b;
  b.begin = std::min(data.first_arrival_ms + split.warmup_ms,
                     data.first_arrival_ms + (data.last_arrival_ms - data.first_arrival_ms) / 5);
  b.end = end_share >= 1 ? times.back() + 1 : at(end_share * n);
  b.test = at((end_share - split.test) * n);
  b.calibration_end = b.test - config.horizon_ms();
  const auto before = static_cast<double>(std::ranges::lower_bound(times, b.calibration_end) - times.begin());
  b.validation = at(before - split.validation * n);
  b.calibration = at(before - split.validation / 2 * n);
  return b;
}

}  // namespace gfr
