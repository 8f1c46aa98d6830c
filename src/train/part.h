// Part: the rows of an objective that a forest is trained on: selected by time and by sampling, and weighted.
#pragma once

#include <vector>

#include "evaluate/selected_rows.h"
#include "train/forest_trainer.h"

namespace gfr {

// [dataset]: which rows a forest learns from, and how much each counts. Rows that stop, calibrate and judge are all,
// and count alike.
struct SampleConfig {
  double negatives = 1;           // The rate at which rows without a label are kept, by hash.
  std::int64_t half_life_ms = 0;  // A row counts half as much as one so much later; 0: alike.
  double max_user_rows = 0;       // A user's rows count for no more than so many together; 0: no bound.
};

struct Part : SelectedRows {
  std::vector<float> weights;  // None: 1 each.
  Loss loss = Loss::kLogistic;
  double negatives = 1;
  TrainMatrix matrix() const;  // REQUIRES: it does not outlive this.
};

// The rows of [from_ms, to_ms), as `loss` wants them: to rank, those of a request together, so that their indices do
// not rise. REQUIRES: as SelectRows.
Part Select(const ObjectiveRows& all, Loss loss, const Model& model, std::int64_t from_ms, std::int64_t to_ms,
            const SampleConfig& sample = {});

}  // namespace gfr
