// A model file of XGBoost or LightGBM from a file system.
//
// Thread safety: as the file system.
#pragma once

#include <string>

#include "base/file_system.h"
#include "model/forest.h"

namespace gfr {

// kNotFound: no such file; kResourceExhausted: more than kMaxModelBytes; else as ParseForest, with the path.
Result<Forest> LoadForest(FileSystem& fs, const std::string& path, const ImportOptions& options = {});

}  // namespace gfr
