#include "log/compact_log.h"

#include "log/frame.h"
#include "log/rewrite_lock.h"

namespace gfr {
namespace {

// The records of `bytes`, a segment of either format, in a segment that is made as a whole; one at offset `end`
// follows.
Result<std::string> Framed(const std::string& path, const std::string& bytes, std::uint64_t end) {
  std::uint64_t offset = 0;
  (void)ReadSegmentHeader(bytes, &offset);
  FramedSegment segment(offset);
  if (IsFramedSegment(bytes)) {
    const FramedWalk walk = WalkFramed(
        bytes, [&](std::uint64_t, std::int64_t arrival_ms, std::string_view event) { segment.Add(arrival_ms, event); });
    if (!walk.whole)
      return Error{ErrorCode::kCorrupt, "the frame at byte " + std::to_string(walk.good_bytes) + " of '" + path +
                                            "' is not what was written; `gfr log repair` can cut the log there"};
    offset = walk.end_offset;
  }
  LogRecord record;
  for (std::size_t at = IsFramedSegment(bytes) ? bytes.size() : kSegmentHeaderBytes, size = 0; at < bytes.size();
       at += size, ++offset) {
    const std::string_view left = std::string_view(bytes).substr(at);
    if (ReadRecord(left, &record, &size, /*types=*/0) != RecordState::kOk || record.offset != offset)
      return Error{ErrorCode::kCorrupt, "the record at byte " + std::to_string(at) + " of '" + path +
                                            "' is not what was written; `gfr log repair` can cut the log there"};
    segment.Add(record.arrival_ms, left.substr(kRecordHeaderBytes, size - kRecordHeaderBytes));
  }
  if (offset != end)
    return Error{ErrorCode::kCorrupt, "'" + path + "' ends before offset " + std::to_string(offset) +
                                          ", and the next segment begins at " + std::to_string(end) +
                                          "; see `gfr log repair`"};
  return segment.Finish();
}

}  // namespace

Result<Compacted> CompactLog(LocalLog& log, const std::function<void(std::uint64_t)>& progress) {
  GFR_ASSIGN(const auto lock, LockRewriting(log));
  FileSystem& fs = log.fs();
  GFR_ASSIGN(const auto segments, log.Segments());
  Compacted done;
  for (std::size_t s = 0; s + 1 < segments.size(); ++s) {  // The last one may be written to.
    const std::string path = JoinPath(log.folder(), segments[s]);
    GFR_ASSIGN(const auto file, fs.OpenForRead(path));
    GFR_ASSIGN(const std::string header, file->Read(0, kSegmentHeaderBytes));
    std::uint64_t first = 0;
    if (!ReadSegmentHeader(header, &first))
      return Error{ErrorCode::kCorrupt, "the header of '" + path + "' is not what was written; see `gfr log repair`"};
    if (IsFramedSegment(header) && SegmentNonce(header) == 0) continue;  // It was made as a whole.
    GFR_ASSIGN(const std::string bytes, fs.ReadAll(path));
    GFR_ASSIGN(const std::string framed, Framed(path, bytes, std::stoull(segments[s + 1])));
    // What replaces the only copy is read once more before.
    const FramedWalk walk = WalkFramed(framed, [&](std::uint64_t, std::int64_t, std::string_view) { ++done.records; });
    if (!walk.whole) return Error{ErrorCode::kInternal, "'" + path + "' was compacted wrongly, and is left as it was"};
    GFR_TRY(PublishFile(fs, path, framed));
    ++done.segments;
    done.bytes_before += bytes.size();
    done.bytes_after += framed.size();
    progress(done.bytes_before);
  }
  return done;
}

}  // namespace gfr
