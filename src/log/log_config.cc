#include "log/log_config.h"

#include "base/time.h"

namespace gfr {

Result<LogConfig> LogConfig::Read(Config& project) {
  Config table = project.Table("log");
  LogConfig log;
  log.where_ = table.where("keep");
  log.full_share = table.Number("full_share", log.full_share, 0, 1);
  log.keep_ms = table.DurationMs("keep", 0);
  log.train_range_ms = table.DurationMs("train_range", log.train_range_ms);
  GFR_TRY(table.Finish());
  return log;
}

Status LogConfig::Check(std::int64_t longest_window_ms, std::int64_t longest_label_ms,
                        std::int64_t longest_metric_ms) const {
  if (keep_ms > 0 && keep_ms < longest_metric_ms) {
    return Error{ErrorCode::kInvalidArgument,
                 "keep is " + FormatDuration(keep_ms) + ", and " + FormatDuration(longest_metric_ms) +
                     " are needed by experiments: the longest span of a [[metric]] from `before` its exposure to the "
                     "end of its window, returns and lateness",
                 where_};
  }
  const std::int64_t needed_ms = longest_window_ms + longest_label_ms + train_range_ms;
  if (keep_ms == 0 || keep_ms >= needed_ms) return {};
  return Error{ErrorCode::kInvalidArgument,
               "keep is " + FormatDuration(keep_ms) + ", and " + FormatDuration(needed_ms) +
                   " are needed: the longest window of a feature (" + FormatDuration(longest_window_ms) +
                   "), the longest window of a label (" + FormatDuration(longest_label_ms) +
                   ") and the range of a training (train_range, " + FormatDuration(train_range_ms) + ")",
               where_};
}

}  // namespace gfr
