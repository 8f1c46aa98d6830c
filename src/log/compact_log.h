// Compacting the log: closed segments, of format 1 or written frame by frame, are made anew as a whole (frame.h): in
// large compressed frames. Nothing is lost: offsets, arrival times and the bytes of every event stay. Each segment is
// rewritten beside, synced and renamed, so that a crash leaves the old one or the new one, and the next run goes on.
// Safe beside a running server, which never touches a closed segment.
#pragma once

#include <functional>

#include "log/local_log.h"

namespace gfr {

struct Compacted {
  int segments = 0;  // Rewritten now.
  std::uint64_t records = 0, bytes_before = 0, bytes_after = 0;
};

// `progress` is told how many bytes of those to rewrite are done. Errors: kUnavailable while another process rewrites
// the log; kCorrupt, a closed segment is not whole.
Result<Compacted> CompactLog(LocalLog& log, const std::function<void(std::uint64_t)>& progress);

}  // namespace gfr
