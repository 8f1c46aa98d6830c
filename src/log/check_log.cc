#include "event/event_codec.h"
#include "log/event_log.h"
#include "log/frame.h"
#include "log/keep_cut.h"
#include "log/rewrite_lock.h"

namespace gfr {
namespace {

Error NeedsNewer(const std::string& path) {
  return {ErrorCode::kNeedsNewer,
          "'" + path + "' has records that a newer gfr wrote, which is needed to check or repair the log"};
}

}  // namespace

Result<LogCheck> CheckLog(LocalLog& log, bool repair) {
  FileSystem& fs = log.fs();
  const std::string& folder = log.folder();
  ExclusiveLocks locks;
  if (repair) {
    GFR_ASSIGN(locks, LockExclusively(log, "repair"));
  }
  LogCheck check;
  GFR_ASSIGN(const auto segments, log.Segments());
  GFR_ASSIGN(const Positions begin, log.Begin());
  std::uint64_t expected = begin[0];
  for (const std::string& name : segments) {
    if (std::stoull(name) < begin[0]) continue;  // It was to be deleted; the base has what it did.
    const std::string path = JoinPath(folder, name);
    GFR_ASSIGN(const std::string bytes, fs.ReadAll(path));
    std::uint64_t first = 0;
    std::size_t at = 0;
    std::string good;  // Of a segment of format 2: what stays, as bytes.
    const bool follows = check.bad_at.empty() && ReadSegmentHeader(bytes, &first) && first == expected;
    if (follows && IsFramedSegment(bytes)) {
      FramedSegment kept(first);
      bool decodes = true, newer = false;
      const FramedWalk walk = WalkFramed(bytes, [&](std::uint64_t, std::int64_t arrival_ms, std::string_view event) {
        const auto decoded = DecodeEvent(event);
        decodes = decodes && decoded.ok();
        newer = newer || (!decoded.ok() && decoded.error().code == ErrorCode::kNeedsNewer);
        kept.Add(arrival_ms, event);
      });
      if (newer) return NeedsNewer(path);
      check.records += walk.end_offset - expected;
      expected = walk.end_offset;
      if (walk.whole && decodes) continue;
      at = walk.good_bytes;
      good = kept.Finish();
    } else if (follows) {
      at = kSegmentHeaderBytes;
      LogRecord record;
      std::size_t size = 0;
      RecordState state = RecordState::kOk;
      while (at < bytes.size() &&
             (state = ReadRecord(std::string_view(bytes).substr(at), &record, &size)) == RecordState::kOk &&
             record.offset == expected) {
        at += size;
        ++check.records;
        ++expected;
      }
      if (state == RecordState::kNeedsNewer) return NeedsNewer(path);
      if (at == bytes.size()) continue;
    }
    if (check.bad_at.empty()) check.bad_at = path + ", byte " + std::to_string(at);
    if (!repair) break;
    // Segments behind the first bad record go whole: their offsets would leave a gap.
    GFR_ASSIGN(const std::string cut, KeepCut(fs, path, std::string_view(bytes).substr(at)));
    check.cut += (check.cut.empty() ? "" : ", ") + cut;
    if (at > kSegmentHeaderBytes && !good.empty()) {
      GFR_TRY(PublishFile(fs, path, good));
    } else if (at <= kSegmentHeaderBytes) {
      GFR_TRY(fs.Remove(path));
      GFR_TRY(fs.SyncDirectory(folder));
    } else {
      GFR_ASSIGN(const auto file, fs.OpenForWrite(path, /*append=*/true));
      GFR_TRY(file->Truncate(at));
      GFR_TRY(file->Sync());
    }
  }
  return check;
}

}  // namespace gfr
