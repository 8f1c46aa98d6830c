// Evaluate: a model version judged on rows of the project's log.
#pragma once

#include <memory>
#include <string>

#include "evaluate/report.h"
#include "object/object_store.h"
#include "operations/make_dataset.h"

namespace gfr {

struct EvaluateSettings {
  DatasetSettings dataset;
  std::shared_ptr<ObjectStore> registry;
};

struct EvaluateOptions {
  std::string version;                                  // Empty: the champion.
  std::string against;                                  // A version to compare with on the same rows; empty: none.
  std::int64_t from_ms = INT64_MIN, to_ms = INT64_MAX;  // Rows by arrival. Both left as they are: the test range.
  bool position_bias = false, off_policy = false;       // Measure these too.
};

// kNotFound: there is no such version. kInvalidArgument: a column that it reads is gone from gfr.toml, or changed.
Result<EvaluationReport> EvaluateVersion(const Workspace& workspace, const EvaluateSettings& settings,
                                         const EvaluateOptions& options);

}  // namespace gfr
