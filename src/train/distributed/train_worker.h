// A worker: joins a `gfr train`, is given its share of the rows, and trains with the others until it is told to end.
#pragma once

#include <string>

#include "base/result.h"

namespace gfr {

struct TrainWorkerConfig {
  std::string address;  // Of `gfr train`: HOST:PORT.
  std::string token;    // GFR_TRAIN_TOKEN.
  int threads = 0;      // 0: as many as `gfr train` says.
  int patience_s = 60;  // For `gfr train` to come up.
};

// Returns when told to end, or with what went wrong, which `gfr train` is told too. The process ends itself when `gfr
// train` is gone: a training under way cannot be left otherwise.
Status RunTrainWorker(const TrainWorkerConfig& config, const std::string& library_path);

}  // namespace gfr
