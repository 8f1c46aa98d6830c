#include "log/recover_segment.h"

#include "log/keep_cut.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

Error HeaderIsBad(const std::string& path) {
  return {ErrorCode::kCorrupt, "the header of '" + path + "' is not what was written; see `gfr log repair`"};
}

Status SyncFile(FileSystem& fs, const std::string& path) {
  GFR_ASSIGN(const auto file, fs.OpenForWrite(path, /*append=*/true));
  return file->Sync();
}

// Keeps the bytes behind the first `good` ones beside, then cuts them.
Status Cut(FileSystem& fs, const std::string& path, std::string_view bytes, std::size_t good, LogRecovery* recovery) {
  GFR_ASSIGN(const std::string cut, KeepCut(fs, path, bytes.substr(good)));
  GFR_ASSIGN(const auto file, fs.OpenForWrite(path, /*append=*/true));
  GFR_TRY(file->Truncate(good));
  GFR_TRY(file->Sync());
  *recovery = {.torn_bytes = bytes.size() - good, .cut = cut};
  LogWarning("log", "the last batch was not written whole and was never acknowledged; it was cut, and is kept",
             {{"segment", path}, {"at_byte", good}, {"bytes", bytes.size() - good}, {"kept", cut}});
  return {};
}

// By the checksums alone: a whole record that this version cannot decode is not torn, and is not cut.
Result<std::size_t> GoodBytesOfFormat1(const std::string& path, std::string_view bytes) {
  LogRecord record;
  std::size_t at = kSegmentHeaderBytes, size = 0;
  const auto is_whole = [&](std::size_t from) {
    return ReadRecord(bytes.substr(from), &record, &size, /*types=*/0) == RecordState::kOk;
  };
  while (at < bytes.size() && is_whole(at)) at += size;
  for (std::size_t behind = at + 1; behind < bytes.size(); ++behind) {
    if (is_whole(behind)) {
      return Error{ErrorCode::kCorrupt, "the record at byte " + std::to_string(at) + " of '" + path +
                                            "' is bad and good ones follow; `gfr log repair` can cut the log there"};
    }
  }
  return at;
}

}  // namespace

Result<RecoveredEnd> RecoverEnd(FileSystem& fs, const std::string& folder) {
  RecoveredEnd end;
  GFR_ASSIGN(const auto names, fs.List(folder));
  for (const std::string& name : names) {
    if (name.ends_with(".log")) end.segments.push_back(name);
  }
  std::string path, bytes;
  // A segment whose header never reached the disk held nothing that was acknowledged.
  while (!end.segments.empty()) {
    path = JoinPath(folder, end.segments.back());
    GFR_ASSIGN(bytes, fs.ReadAll(path));
    if (ReadSegmentHeader(bytes, &end.end_offset)) break;
    if (bytes.size() > kSegmentHeaderBytes) return HeaderIsBad(path);
    GFR_TRY(fs.Remove(path));
    end.segments.pop_back();
  }
  if (end.segments.empty()) return end;
  if (SegmentName(end.end_offset) != end.segments.back()) return HeaderIsBad(path);
  if (!IsFramedSegment(bytes)) {
    GFR_ASSIGN(const std::size_t good, GoodBytesOfFormat1(path, bytes));
    if (good < bytes.size()) GFR_TRY(Cut(fs, path, bytes, good, &end.recovery));
  } else {
    FrameScan scan = ScanFrames(bytes);
    if (scan.state == FramesState::kCorrupt)
      return Error{ErrorCode::kCorrupt, "the frame at byte " + std::to_string(scan.good_bytes) + " of '" + path +
                                            "' is not what was written, and it was on disk: what follows it is whole, "
                                            "or the segment was closed; `gfr log repair` can cut the log there"};
    if (scan.state == FramesState::kTorn) {
      GFR_TRY(Cut(fs, path, bytes, scan.good_bytes, &end.recovery));
      scan.state = FramesState::kOpen;
    }
    end.end_offset = scan.end_offset;
    if (scan.state == FramesState::kOpen) {
      GFR_ASSIGN(end.writer, SegmentWriter::Continue(fs, path, bytes, scan));
    }
  }
  // What a killed process wrote may be in the system's cache alone, and counts as durable from here on: it is answered
  // "duplicate" when it is sent again, and later segments follow it. The file's name likewise.
  GFR_TRY(end.writer ? end.writer->Sync() : SyncFile(fs, path));
  GFR_TRY(fs.SyncDirectory(folder));
  return end;
}

}  // namespace gfr
