#include "log/compact_log.h"

#include "log/frame.h"
#include "log/rewrite_lock.h"
#include "log/rewrite_segment.h"

namespace gfr {
namespace {

// The segment as one that is made as a whole; one at offset `end` follows.
Result<RewrittenSegment> Framed(const std::string& path, const std::string& bytes, std::uint64_t end) {
  GFR_ASSIGN(RewrittenSegment made, RewriteSegment(path, bytes, [](EncodedRecord*) { return Status(); }));
  if (made.end_offset == end) return made;
  return Error{ErrorCode::kCorrupt, "'" + path + "' ends before offset " + std::to_string(made.end_offset) +
                                        ", and the next segment begins at " + std::to_string(end) +
                                        "; see `gfr log repair`"};
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
    GFR_ASSIGN(const RewrittenSegment framed, Framed(path, bytes, std::stoull(segments[s + 1])));
    // What replaces the only copy is read once more before.
    std::uint64_t records = 0;
    const FramedWalk walk = WalkFramed(framed.bytes, [&](std::uint64_t, std::int64_t, std::string_view) { ++records; });
    if (!walk.whole || records != framed.records)
      return Error{ErrorCode::kInternal, "'" + path + "' was compacted wrongly, and is left as it was"};
    GFR_TRY(PublishFile(fs, path, framed.bytes));
    ++done.segments;
    done.records += records;
    done.bytes_before += bytes.size();
    done.bytes_after += framed.bytes.size();
    progress(done.bytes_before);
  }
  return done;
}

}  // namespace gfr
