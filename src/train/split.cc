#include "train/split.h"

#include <algorithm>
#include <span>

namespace gfr {

Boundaries Split(const RowTimes& times, const ObjectiveConfig& config, const SplitConfig& split, double end_share) {
  if (times.rows == 0) return {};
  const auto n = static_cast<double>(times.rows);
  const auto at = [&](double index) { return times.at(static_cast<std::uint64_t>(std::clamp(index, 0.0, n - 1))); };
  Boundaries b;
  b.begin =
      std::min(times.log_first_ms + split.warmup_ms, times.log_first_ms + (times.log_last_ms - times.log_first_ms) / 5);
  b.end = end_share >= 1 ? times.at(times.rows - 1) + 1 : at(end_share * n);
  b.test = at((end_share - split.test) * n);
  b.calibration_end = b.test - config.horizon_ms();
  const auto before = static_cast<double>(times.before(b.calibration_end));
  b.validation = at(before - split.validation * n);
  b.calibration = at(before - split.validation / 2 * n);
  return b;
}

Boundaries Split(const Dataset& data, const ObjectiveRows& rows, const ObjectiveConfig& config,
                 const SplitConfig& split, double end_share) {
  // In log order, so they rise. With an early window, rows younger than the whole one can teach and cannot judge.
  std::span<const std::int64_t> times = rows.arrival_ms;
  if (config.early_window_ms > 0)
    times = times.first(static_cast<std::size_t>(
        std::ranges::upper_bound(times, data.last_arrival_ms - config.window_ms) - times.begin()));
  return Split({.log_first_ms = data.first_arrival_ms,
                .log_last_ms = data.last_arrival_ms,
                .rows = times.size(),
                .at = [times](std::uint64_t i) { return times[i]; },
                .before =
                    [times](std::int64_t ms) {
                      return static_cast<std::uint64_t>(std::ranges::lower_bound(times, ms) - times.begin());
                    }},
               config, split, end_share);
}

}  // namespace gfr
