// Where the parts of an objective's rows begin and end, by arrival time: warm-up | train | gap | validation A (early
// stopping) then B (calibration) | gap | test. The gap is the objective's label window (the early one, where it has
// one), so that no part's labels reach into the next.
#pragma once

#include <cstdint>
#include <functional>

#include "dataset/dataset.h"
#include "train/train_config.h"

namespace gfr {

struct Boundaries {
  std::int64_t begin, validation, calibration, calibration_end, test, end;
};

// The arrival times of an objective's rows in log order, as a split asks for them.
struct RowTimes {
  std::int64_t log_first_ms, log_last_ms;             // Of the log.
  std::uint64_t rows;                                 // With an early window: those that are as old as the window.
  std::function<std::int64_t(std::uint64_t)> at;      // Of row i.
  std::function<std::uint64_t(std::int64_t)> before;  // How many rows came before.
};

// The parts of the first `end_share` of an objective's rows; the gaps before validation and test are taken from the
// parts before them.
Boundaries Split(const RowTimes& times, const ObjectiveConfig& config, const SplitConfig& split, double end_share);
Boundaries Split(const Dataset& data, const ObjectiveRows& rows, const ObjectiveConfig& config,
                 const SplitConfig& split, double end_share);

}  // namespace gfr
