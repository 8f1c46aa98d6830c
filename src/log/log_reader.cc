#include <algorithm>

#include "log/event_log.h"
#include "log/segment.h"

namespace gfr {

struct LogReader::State {
  FileSystem& fs;
  std::string folder;
  std::vector<std::string> segments;
  std::size_t segment = 0;
  std::unique_ptr<RandomAccessFile> file;
  std::uint64_t position = 0;  // Of `buffer` in the file.
  std::string buffer;
  std::size_t used = 0;
  std::uint64_t from_offset = 0;
  std::size_t last_size = 0;  // Of the record that Next gave, which ends at `used`.
};

LogReader::LogReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LogReader::~LogReader() = default;

Result<std::unique_ptr<LogReader>> LogReader::Open(FileSystem& fs, const std::string& folder,
                                                   std::uint64_t from_offset) {
  auto state = std::make_unique<State>(State{.fs = fs, .folder = folder, .from_offset = from_offset});
  GFR_ASSIGN(const auto names, fs.List(folder));
  for (const std::string& name : names) {
    if (name.ends_with(".log")) state->segments.push_back(name);
  }
  while (state->segment + 1 < state->segments.size() && state->segments[state->segment + 1] <= SegmentName(from_offset))
    ++state->segment;
  return std::unique_ptr<LogReader>(new LogReader(std::move(state)));
}

std::string_view LogReader::raw() const {
  return std::string_view(state_->buffer).substr(state_->used - state_->last_size, state_->last_size);
}

Result<bool> LogReader::Next(LogRecord* record, std::uint32_t types) {
  State& s = *state_;
  for (;;) {
    if (!s.file) {
      if (s.segment >= s.segments.size()) return false;
      GFR_ASSIGN(s.file, s.fs.OpenForRead(JoinPath(s.folder, s.segments[s.segment])));
      s.position = kSegmentHeaderBytes;
      s.buffer.clear();
      s.used = 0;
    }
    std::size_t size = 0;
    const RecordState state = ReadRecord(std::string_view(s.buffer).substr(s.used), record, &size, types);
    if (state == RecordState::kOk) {
      s.used += size;
      s.last_size = size;
      if (record->offset >= s.from_offset && types >> static_cast<unsigned>(record->event.type) & 1u) return true;
      continue;
    }
    if (state == RecordState::kBad) {
      return Error{ErrorCode::kCorrupt, "the record at byte " + std::to_string(s.position + s.used) + " of '" +
                                            JoinPath(s.folder, s.segments[s.segment]) +
                                            "' is not what was written; `gfr log repair` can cut the log there"};
    }
    // Short: read on, at least as much again as is held.
    s.buffer.erase(0, s.used);
    s.position += s.used;
    s.used = 0;
    GFR_ASSIGN(const std::string more,
               s.file->Read(s.position + s.buffer.size(), std::max<std::size_t>(1u << 20, s.buffer.size())));
    s.buffer += more;
    if (!more.empty()) continue;
    if (s.segment + 1 >= s.segments.size()) return false;  // The file may grow; the next call looks again.
    s.file.reset();
    ++s.segment;
  }
}

Status ForEachRecord(FileSystem& fs, const std::string& folder, std::uint32_t types,
                     const std::function<Status(const LogRecord&)>& each) {
  GFR_ASSIGN(const auto reader, LogReader::Open(fs, folder));
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->Next(&record, types));
    if (!more) return {};
    GFR_TRY(each(record));
  }
}

}  // namespace gfr
