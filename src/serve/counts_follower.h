// CountsFollower: counts that follow the log, kept in a file from which a server that starts again goes on as if it had
// never stopped. Without a usable file the log is read from its begin.
//
// Counts: Fold(LogRecord), SkipTo, next_offset, Encode, kTypes. Thread safety: Read from any thread; the others from
// one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/sync.h"
#include "base/time.h"
#include "log/event_source.h"
#include "runtime/logger.h"
#include "runtime/scheduler.h"

namespace gfr {

template <typename Counts>
class CountsFollower {
 public:
  static constexpr std::int64_t kSaveMs = 10 * kMinuteMs;
  static constexpr std::size_t kRecordsAtOnce = 512;  // Folded before somebody who reads the counts waits for more.

  // `none`: before any record. `decode`: of the file's bytes.
  CountsFollower(std::string path, Counts none, std::function<Result<Counts>(std::string_view)> decode)
      : path_(std::move(path)), decode_(std::move(decode)), counts_(std::move(none)) {}

  // Folds what is new in the log, and saves the counts when that is due. Goes on at the next look where it was stopped.
  Status Look(FileSystem& fs, EventSource& log, const JobRun& run) {
    if (!is_loaded_) {
      GFR_TRY(Load(fs, log));
      is_loaded_ = true;
    }
    GFR_TRY(Follow(log, run));
    const std::int64_t now_ms = MonotonicMs();
    if (counts_.next_offset() == saved_offset_ || (saved_ms_ != 0 && now_ms - saved_ms_ < kSaveMs)) return {};
    GFR_TRY(PublishFile(fs, path_, counts_.Encode()));
    saved_offset_ = counts_.next_offset();
    saved_ms_ = now_ms;
    return {};
  }
  // Now, whether it is due or not. By the one who looks.
  Status Save(FileSystem& fs) {
    if (counts_.next_offset() == saved_offset_) return {};
    GFR_TRY(PublishFile(fs, path_, counts_.Encode()));
    saved_offset_ = counts_.next_offset();
    return {};
  }
  const Counts& counts() const { return counts_; }  // For the one who looks.
  template <typename F>
  auto Read(F&& read) const {
    const MutexLock lock(mutex_);
    return read(counts_);
  }

 private:
  Status Load(FileSystem& fs, EventSource& log) {
    if (!fs.Exists(path_)) return {};
    GFR_ASSIGN(const std::string bytes, fs.ReadAll(path_));
    GFR_ASSIGN(const Positions end, log.End());
    auto decoded = decode_(bytes);
    if (!decoded.ok()) {
      LogWarning("counts", "what was counted of the log is counted anew",
                 {{"file", path_}, {"reason", decoded.error().ToString()}});
    } else if (decoded.value().next_offset() <= end[0]) {  // Else of a log that was longer.
      const MutexLock lock(mutex_);
      counts_ = std::move(decoded).value();
      saved_offset_ = counts_.next_offset();
    }
    return {};
  }

  Status Follow(EventSource& log, const JobRun& run) {
    GFR_ASSIGN(const Positions begin, log.Begin());
    GFR_ASSIGN(const Positions end, log.End());
    const std::uint64_t from = std::max(counts_.next_offset(), begin[0]);
    if (from >= end[0]) return {};
    GFR_ASSIGN(const auto reader, log.Open({from}, {.types = Counts::kTypes, .until = Positions{end[0]}}));
    std::vector<LogRecord> records(kRecordsAtOnce);
    for (ReadState state = ReadState::kRecord; state == ReadState::kRecord;) {
      if (run.stop.stop_requested() || run.remaining_ms() <= 0) return {};
      std::size_t read = 0;
      while (read < records.size()) {
        GFR_ASSIGN(state, reader->Next(&records[read]));
        if (state != ReadState::kRecord) break;
        ++read;
      }
      const MutexLock lock(mutex_);
      for (std::size_t i = 0; i < read; ++i) counts_.Fold(records[i]);
      if (state == ReadState::kEnd) counts_.SkipTo(end[0]);
    }
    return {};
  }

  const std::string path_;
  const std::function<Result<Counts>(std::string_view)> decode_;
  bool is_loaded_ = false;
  std::int64_t saved_ms_ = 0;
  std::uint64_t saved_offset_ = 0;
  mutable Mutex mutex_;
  Counts counts_;
};

}  // namespace gfr
