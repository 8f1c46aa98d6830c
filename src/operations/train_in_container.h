// Training as SageMaker asks a container for it (`IMAGE train`): one XGBoost forest from tables, for
// `gfr container serve`.
//
// Below ROOT/opt/ml: input/config/hyperparameters.json says how, input/config/resourceconfig.json on how many hosts
// (one), input/data/train and, for early stopping, input/data/validation hold the tables: CSV without a header or
// Parquet, the label (0 or 1) in the first column, as SageMaker's own XGBoost reads them. model/model.ubj is written
// whole at the end. What went wrong goes to output/failure, as SageMaker shows it.
// Thread safety: one training at a time.
#pragma once

#include <functional>
#include <string>

#include "base/file_system.h"
#include "base/result.h"

namespace gfr {

struct ContainerTraining {
  std::size_t rows = 0, validation_rows = 0, columns = 0;
  int rounds = 0;       // Kept.
  double log_loss = 0;  // On the validation rows; NaN without.
  std::string model;    // Its path.
};

// `progress`: after each round, with the log loss on the validation rows (NaN without). Errors: kInvalidArgument for
// hyperparameters and tables that cannot be used, kNotFound without tables or XGBoost's library; written to
// output/failure too.
Result<ContainerTraining> TrainInContainer(FileSystem& fs, const std::string& root,
                                           const std::function<void(int round, double log_loss)>& progress = {});

}  // namespace gfr
