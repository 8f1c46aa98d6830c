// Where a server keeps what it counts from the log (docs/formats/cooccurrence.md, trends.md, contracts.md). The files are of one log:
// whoever rewrites that log removes them.
#pragma once

#include <array>
#include <string>

#include "workspace/workspace.h"

namespace gfr {

inline std::string CooccurrencePath(const Workspace& workspace) {
  return JoinPath(workspace.data_folder(), "store/cooccurrence");
}
inline std::string TrendsPath(const Workspace& workspace) { return JoinPath(workspace.data_folder(), "store/trends"); }
inline std::string ContractsPath(const Workspace& workspace) {
  return JoinPath(workspace.data_folder(), "store/contracts");
}
inline std::array<std::string, 3> LogCountsPaths(const Workspace& workspace) {
  return {CooccurrencePath(workspace), TrendsPath(workspace), ContractsPath(workspace)};
}

}  // namespace gfr
