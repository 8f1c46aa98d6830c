// Part: the rows of an objective that a forest is trained on: selected by time and by sampling, and weighted.
#pragma once

#include <vector>

#include "dataset/dataset_config.h"
#include "evaluate/selected_rows.h"
#include "train/forest_trainer.h"

namespace gfr {

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
