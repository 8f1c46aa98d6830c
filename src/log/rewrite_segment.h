// RewriteSegment: a segment made anew as a whole, record by record: how compaction, erasure and dropping change a log.
//
// The old segment is of either format, the new one of format 2 (frame.h). Every record keeps its offset. The caller
// holds the log's rewrite lock (rewrite_lock.h) and publishes the bytes. Thread safety: a pure function.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

struct EncodedRecord {
  std::uint64_t offset;
  std::int64_t arrival_ms;
  std::string_view event;  // As event_codec.h encodes it.
};

struct RewrittenSegment {
  std::string bytes;
  std::uint64_t records = 0, end_offset = 0;
};

// `change` may give a record another arrival and another event, whose bytes stay until its next call; its error is
// returned. `path` is for messages. kCorrupt: a record is not what was written.
Result<RewrittenSegment> RewriteSegment(const std::string& path, std::string_view bytes,
                                        const std::function<Status(EncodedRecord*)>& change);

}  // namespace gfr
