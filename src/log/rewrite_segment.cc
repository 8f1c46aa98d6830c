#include "log/rewrite_segment.h"

#include "log/frame.h"

namespace gfr {
namespace {

Error BadPlace(const char* what, std::size_t at, const std::string& path) {
  return {ErrorCode::kCorrupt, std::string("the ") + what + " at byte " + std::to_string(at) + " of '" + path +
                                   "' is not what was written; `gfr log repair` can cut the log there"};
}

// Gives every record of a segment of format 1 to `each`; the offset behind the last one.
Result<std::uint64_t> WalkRecords(const std::string& path, std::string_view bytes, std::uint64_t offset,
                                  const std::function<void(const EncodedRecord&)>& each) {
  LogRecord record;
  for (std::size_t at = kSegmentHeaderBytes, size = 0; at < bytes.size(); at += size, ++offset) {
    const std::string_view left = bytes.substr(at);
    if (ReadRecord(left, &record, &size, /*types=*/0) != RecordState::kOk || record.offset != offset)
      return BadPlace("record", at, path);
    each({offset, record.arrival_ms, left.substr(kRecordHeaderBytes, size - kRecordHeaderBytes)});
  }
  return offset;
}

}  // namespace

Result<RewrittenSegment> RewriteSegment(const std::string& path, std::string_view bytes,
                                        const std::function<Status(EncodedRecord*)>& change) {
  std::uint64_t first = 0;
  if (!ReadSegmentHeader(bytes, &first)) return BadPlace("header", 0, path);
  FramedSegment segment(first);
  Status status;
  const auto add = [&](EncodedRecord record) {
    if (status.ok()) status = change(&record);
    if (status.ok()) segment.Add(record.arrival_ms, record.event);
  };
  RewrittenSegment made;
  if (IsFramedSegment(bytes)) {
    const FramedWalk walk =
        WalkFramed(bytes, [&](std::uint64_t offset, std::int64_t arrival_ms, std::string_view event) {
          add({offset, arrival_ms, event});
        });
    if (!walk.whole) return BadPlace("frame", walk.good_bytes, path);
    made.end_offset = walk.end_offset;
  } else {
    GFR_ASSIGN(made.end_offset, WalkRecords(path, bytes, first, add));
  }
  GFR_TRY(status);
  made.records = made.end_offset - first;
  made.bytes = segment.Finish();
  return made;
}

}  // namespace gfr
