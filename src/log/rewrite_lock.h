// Locks of a log whose segments are rewritten: one process at a time does so (erase, drop, repair, compact, trim).
#pragma once

#include <memory>
#include <string>

#include "log/local_log.h"

namespace gfr {

// A writer goes on beside it: it never touches a closed segment.
inline Result<std::unique_ptr<FileLock>> LockRewriting(LocalLog& log) {
  auto lock = log.fs().Lock(JoinPath(log.folder(), "REWRITE.LOCK"));
  if (!lock.ok())
    return Error{lock.error().code,
                 "another process is rewriting the log (erase, drop, repair, compact or trim); wait for it: " +
                     lock.error().message};
  return lock;
}

struct ExclusiveLocks {
  std::unique_ptr<FileLock> rewriting, writing;
};

// Nobody else writes or rewrites meanwhile. `verb`: what is to be done, for the message.
inline Result<ExclusiveLocks> LockExclusively(LocalLog& log, const std::string& verb) {
  ExclusiveLocks locks;
  GFR_ASSIGN(locks.rewriting, LockRewriting(log));
  auto writing = log.fs().Lock(JoinPath(log.folder(), "LOCK"));
  if (!writing.ok())
    return Error{writing.error().code, "the log is in use; stop the server (or wait for the import) and " + verb +
                                           " then: " + writing.error().message};
  locks.writing = std::move(writing).value();
  return locks;
}

}  // namespace gfr
