// Where a server keeps its counts of co-occurrence (docs/formats/cooccurrence.md). They are of one log: whoever
// rewrites that log removes them.
#pragma once

#include <string>

#include "workspace/workspace.h"

namespace gfr {

inline std::string CooccurrencePath(const Workspace& workspace) {
  return JoinPath(workspace.data_folder(), "store/cooccurrence");
}

}  // namespace gfr
