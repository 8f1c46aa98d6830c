// [log]: what goes into the log, and how much of it is kept. docs/configuration.md has the keys.
#pragma once

#include "base/config.h"

namespace gfr {

struct LogConfig {
  double full_share = 0.001;  // Of the records of feeds, those that keep every candidate's features and scores.
  std::int64_t keep_ms = 0;   // 0: all of it.
  std::int64_t train_range_ms = std::int64_t{28} * 24 * 3600 * 1000;  // What a training is to find at least.

  static Result<LogConfig> Read(Config& project);
  // kInvalidArgument, with the arithmetic: `keep` is shorter than the longest window of a feature, the longest window
  // of a label and the range of a training together; or than what the longest metric of an experiment takes, from the
  // begin of its covariate until a unit is mature.
  Status Check(std::int64_t longest_window_ms, std::int64_t longest_label_ms, std::int64_t longest_metric_ms) const;

 private:
  SourceSpan where_ = {};
};

}  // namespace gfr
