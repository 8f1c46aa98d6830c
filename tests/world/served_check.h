// The world's and the loop's invariant of what was served: every slate, of each life of the server, equals one replay
// of the whole log.
#pragma once

#include "dataset/verify_served.h"
#include "log/local_log.h"
#include "world/server_process.h"

namespace gfr {

// Gives how many requests were compared; `broken` is told what does not hold. REQUIRES: no server has the disk.
template <typename Broken>
std::uint64_t CompareServed(FileSystem& disk, const Clock& clock, Broken broken) {
  const auto project = OpenProject(disk, clock);
  if (!project.ok()) {
    broken("the project does not open: " + project.error().message);
    return 0;
  }
  LocalLog log(disk, project.value()->log_folder());
  const auto check = VerifyServed(disk, log, project.value()->features());
  if (!check.ok()) {
    broken("what was served cannot be verified: " + check.error().message);
    return 0;
  }
  if (check.value().different > 0) broken("served and replayed differ: " + check.value().first_difference);
  if (check.value().bad_slates > 0) broken("a slate cannot have been: " + check.value().first_bad);
  return check.value().requests;
}

}  // namespace gfr
