// [dataset]: which events make rows, which rows forests learn from and how much each counts, and whether slates are
// made of a log that has none. docs/configuration.md has the keys.
#pragma once

#include <vector>

#include "base/config.h"
#include "base/result.h"
#include "dataset/dataset.h"

namespace gfr {

// Which rows a forest learns from, and how much each counts. Rows that stop, calibrate and judge are all, and count
// alike.
struct SampleConfig {
  double negatives = 1;           // The rate at which rows without a label are kept, by hash.
  std::int64_t half_life_ms = 0;  // A row counts half as much as one so much later; 0: alike.
  double max_user_rows = 0;       // A user's rows count for no more than so many together; 0: no bound.
};

struct DatasetConfig {
  SampleConfig sample;
  LeaveOutConfig leave_out;
  bool incremental = true;  // What a replay read is kept for the next one (kept_rows.h).
  // Reads [dataset], and sets ObjectiveConfig::sampled of the objectives whose rows come of sampled slates.
  // kInvalidArgument names the key.
  static Result<DatasetConfig> Read(Config& project, std::vector<ObjectiveConfig>* objectives);
};

}  // namespace gfr
