// LockRewriting: only one process at a time rewrites segments of a log (erase, repair, compact). A writer goes on
// beside it: it never touches a closed segment.
#pragma once

#include <memory>

#include "log/local_log.h"

namespace gfr {

inline Result<std::unique_ptr<FileLock>> LockRewriting(LocalLog& log) {
  auto lock = log.fs().Lock(JoinPath(log.folder(), "REWRITE.LOCK"));
  if (!lock.ok())
    return Error{lock.error().code, "another process is rewriting the log (erase, repair or compact); wait for it: " +
                                        lock.error().message};
  return lock;
}

}  // namespace gfr
