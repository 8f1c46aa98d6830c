#include "log/seal.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>

#include "base/sync.h"
#include "base/time.h"
#include "log/lake_columns.h"
#include "log/lake_files.h"
#include "log/rewrite_lock.h"
#include "log/segment.h"
#include "log/shared_lake.h"
#include "table/parquet_writer.h"

namespace gfr {
namespace {

constexpr std::size_t kBatchRows = 1u << 16, kBatchBytes = 64u << 20;

// The dates of the lake while they change, for several threads.
class Lake {
 public:
  static Result<std::unique_ptr<Lake>> Open(FileSystem& fs, const std::string& folder) {
    auto lake = std::make_unique<Lake>(fs, folder);
    GFR_ASSIGN(lake->dates_, ReadLake(fs, folder));
    GFR_TRY(lake->ForgetMissing());
    GFR_TRY(lake->RemoveStrays());
    return lake;
  }
  Lake(FileSystem& fs, std::string folder) : fs_(fs), folder_(std::move(folder)) {}

  FileSystem& fs() const { return fs_; }
  const std::string& folder() const { return folder_; }
  std::vector<LakeDate>& dates() { return dates_; }

  // From now on the file, which is there, is one of its date.
  Status Commit(const std::string& date, const LakeFile& file) {
    const MutexLock lock(mutex_);
    auto at = std::ranges::lower_bound(dates_, date, {}, &LakeDate::date);
    if (at == dates_.end() || at->date != date) at = dates_.insert(at, LakeDate{.date = date});
    at->files.insert(std::ranges::upper_bound(at->files, file.first, {}, &LakeFile::first), file);
    return CommitDate(fs_, folder_, *at);
  }

 private:
  // Files that a marker names and that are not there: of a backup that was made while they were written.
  Status ForgetMissing() {
    for (LakeDate& date : dates_) {
      const auto gone = [&](const LakeFile& file) { return !fs_.Exists(date.path(folder_, file)); };
      if (std::erase_if(date.files, gone) == 0) continue;
      date.is_complete = false;
      GFR_TRY(CommitDate(fs_, folder_, date));
    }
    return {};
  }

  // Files that no marker names: an export, a merge or an erasure was cut off.
  Status RemoveStrays() {
    std::set<std::string> committed;
    for (const LakeDate& date : dates_) {
      for (const LakeFile& file : date.files) committed.insert(date.path(folder_, file));
    }
    GFR_ASSIGN(const auto names, fs_.List(folder_));
    for (const std::string& name : names) {
      if (!name.starts_with("date=")) continue;
      GFR_ASSIGN(const auto files, fs_.List(JoinPath(folder_, name)));
      for (const std::string& file : files) {
        const std::string path = JoinPath(JoinPath(folder_, name), file);
        if ((file.ends_with(".parquet") || file.ends_with(".parquet.tmp")) && !committed.contains(path))
          GFR_TRY(fs_.Remove(path));
      }
    }
    return {};
  }

  FileSystem& fs_;
  const std::string folder_;
  Mutex mutex_;
  std::vector<LakeDate> dates_;
};

// The records of one range of offsets and date, written batch by batch.
class DateFile {
 public:
  DateFile(Lake& lake, std::string date, std::uint64_t first) : lake_(lake), date_(std::move(date)), first_(first) {}

  const std::string& date() const { return date_; }
  Status Add(const LogRecord& r, std::string_view encoded) {
    if (!file_) GFR_TRY(Open());
    batch_.Add(r, encoded);
    return batch_.rows() < kBatchRows && batch_.bytes() < kBatchBytes ? Status() : Flush();
  }
  // The file ends before `end`, and counts.
  Status Close(std::uint64_t end) {
    GFR_TRY(Flush());
    GFR_TRY(file_->Close());
    const LakeFile file{first_, end};
    const LakeDate date{.date = date_};
    GFR_TRY(lake_.fs().Rename(path_, date.path(lake_.folder(), file)));
    GFR_TRY(lake_.fs().SyncDirectory(date.folder(lake_.folder())));
    return lake_.Commit(date_, file);
  }

 private:
  Status Open() {
    const LakeDate date{.date = date_};
    GFR_TRY(lake_.fs().MakeFolders(date.folder(lake_.folder())));
    // Its end is known, and its name with it, when it is closed. Readers pass names with an underscore over.
    path_ = JoinPath(date.folder(lake_.folder()), "_" + LakeFile{first_, 0}.name());
    GFR_ASSIGN(file_, ParquetWriter::Open(lake_.fs(), path_, batch_.Schema()));
    return {};
  }
  Status Flush() {
    if (batch_.rows() == 0) return {};
    GFR_TRY(file_->Append(batch_.columns()));
    batch_.Clear();
    return {};
  }

  Lake& lake_;
  const std::string date_;
  const std::uint64_t first_;
  std::string path_;
  LakeColumns batch_;
  std::unique_ptr<ParquetWriter> file_;
};

Status ExportRange(LocalLog& log, Lake& lake, const OffsetRange& range) {
  GFR_ASSIGN(const auto reader, log.Open({range.begin}, {.until = Positions{range.end}}));
  std::unique_ptr<DateFile> file;
  std::int64_t day = 0;
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    // Arrival only rises, so that what a later day begins with ends the file of the one before.
    if (!file || record.arrival_ms / kDayMs != day) {
      if (file) GFR_TRY(file->Close(record.offset));
      day = record.arrival_ms / kDayMs;
      file = std::make_unique<DateFile>(lake, FormatTime(day * kDayMs).substr(0, 10), record.offset);
    }
    GFR_TRY(file->Add(record, reader->encoded()));
  }
  return file ? file->Close(range.end) : Status();
}

// Until November 2026 the lake had hours below its dates, without `record`, and a marker of each segment.
Status RemoveOldExport(FileSystem& fs, const std::string& lake_folder, const std::string& stem) {
  const std::string marker = JoinPath(JoinPath(lake_folder, "_sealed"), stem);
  if (!fs.Exists(marker)) return {};
  GFR_ASSIGN(const auto dates, fs.List(lake_folder));
  for (const std::string& date : dates) {
    if (!date.starts_with("date=")) continue;
    GFR_ASSIGN(const auto hours, fs.List(JoinPath(lake_folder, date)));
    for (const std::string& hour : hours) {
      if (hour.starts_with("hour="))
        GFR_TRY(fs.Remove(JoinPath(JoinPath(JoinPath(lake_folder, date), hour), stem + ".parquet")));
    }
  }
  return fs.Remove(marker);
}

Result<std::uint64_t> BytesOf(FileSystem& fs, const std::string& path) {
  GFR_ASSIGN(const auto file, fs.OpenForRead(path));
  return file->size();
}

// Merges files [from, to) of a date to one. What counts is one or the other.
Status MergeFiles(Lake& lake, LakeDate& date, std::size_t from, std::size_t to) {
  FileSystem& fs = lake.fs();
  const LakeFile merged{date.files[from].first, date.files[to - 1].end};
  std::vector<std::string> paths;
  for (std::size_t f = from; f < to; ++f) paths.push_back(date.path(lake.folder(), date.files[f]));
  const std::string beside = JoinPath(date.folder(lake.folder()), "_" + merged.name());
  GFR_ASSIGN(const auto writer, ParquetWriter::OpenLike(fs, beside, paths[0], LakeColumns::UniqueColumns()));
  for (const std::string& path : paths) {
    const Status copied = writer->AppendFile(path, "log_offset", 0, INT64_MAX);
    if (!copied.ok() && copied.error().code == ErrorCode::kInvalidArgument) return {};  // Other versions' columns.
    GFR_TRY(copied);
  }
  GFR_TRY(writer->Close());
  GFR_TRY(fs.Rename(beside, date.path(lake.folder(), merged)));
  GFR_TRY(fs.SyncDirectory(date.folder(lake.folder())));
  const auto begin = date.files.begin() + static_cast<std::ptrdiff_t>(from);
  date.files.erase(begin + 1, date.files.begin() + static_cast<std::ptrdiff_t>(to));
  date.files[from] = merged;
  GFR_TRY(CommitDate(fs, lake.folder(), date));
  for (const std::string& path : paths) GFR_TRY(fs.Remove(path));
  return {};
}

// Of a date that is over: small neighbours become one, and its marker says that it is whole.
Status FinishDate(Lake& lake, LakeDate& date, const LakeSizes& sizes) {
  std::vector<std::uint64_t> bytes;
  for (const LakeFile& file : date.files) {
    GFR_ASSIGN(const std::uint64_t size, BytesOf(lake.fs(), date.path(lake.folder(), file)));
    bytes.push_back(size);
  }
  // From behind, so that the files in front keep their indexes.
  for (std::size_t to = date.files.size(); to > 1;) {
    std::size_t from = to - 1;
    std::uint64_t sum = bytes[from];
    while (from > 0 && bytes[from] < sizes.small_bytes && bytes[from - 1] < sizes.small_bytes &&
           sum + bytes[from - 1] <= sizes.large_bytes && date.files[from - 1].end == date.files[from].first)
      sum += bytes[--from];
    if (to - from > 1) GFR_TRY(MergeFiles(lake, date, from, to));
    to = from;
  }
  date.is_complete = true;
  return CommitDate(lake.fs(), lake.folder(), date);
}

// A date is over when a later one has records; it is whole when nothing up to there is missing.
Status FinishDates(Lake& lake, const LakeSizes& sizes) {
  auto& dates = lake.dates();
  for (std::size_t d = 0; d + 1 < dates.size(); ++d) {
    LakeDate& date = dates[d];
    if (date.files.empty() || dates[d + 1].files.empty() || date.is_complete) continue;
    const std::uint64_t first = date.files.front().first, end = dates[d + 1].files.front().first;
    if (MissingIn(dates, {first, end}).empty()) GFR_TRY(FinishDate(lake, date, sizes));
  }
  return {};
}

}  // namespace

Result<int> SealSegments(LocalLog& log, const std::string& lake_folder, int threads, const LakeSizes& sizes) {
  GFR_ASSIGN(const auto segments, log.Segments());
  GFR_ASSIGN(const auto lake, Lake::Open(log.fs(), lake_folder));
  struct Missing {
    std::string stem;
    std::vector<OffsetRange> ranges;
  };
  std::vector<Missing> open;
  for (std::size_t s = 0; s + 1 < segments.size(); ++s) {
    const OffsetRange segment{std::stoull(segments[s]), std::stoull(segments[s + 1])};
    auto missing = MissingIn(lake->dates(), segment);
    if (segment.begin < segment.end && !missing.empty())
      open.push_back({segments[s].substr(0, segments[s].size() - 4), std::move(missing)});
  }
  std::atomic<std::size_t> next = 0;
  Mutex mutex;
  Status status;
  const auto seal = [&](const Missing& missing) -> Status {
    for (const OffsetRange& range : missing.ranges) GFR_TRY(ExportRange(log, *lake, range));
    return RemoveOldExport(log.fs(), lake_folder, missing.stem);
  };
  const auto work = [&] {
    for (std::size_t s = 0; (s = next++) < open.size();) {
      const Status sealed = seal(open[s]);
      if (sealed.ok()) continue;
      next = open.size();
      const MutexLock lock(mutex);
      status = sealed;
    }
  };
  {
    std::vector<Thread> helpers;
    for (int t = 1; t < std::min(threads, static_cast<int>(open.size())); ++t) helpers.emplace_back("seal", work);
    work();
    for (Thread& helper : helpers) helper.Join();
  }
  if (!status.ok()) return status.error();
  // A backup reads the files meanwhile; whoever rewrites the log exports again. They are merged by the next export.
  const auto lock = LockRewriting(log);
  if (lock.ok()) {
    GFR_TRY(FinishDates(*lake, sizes));
  } else if (lock.error().code != ErrorCode::kUnavailable) {
    return lock.error();
  }
  GiveBackTableMemory();
  return static_cast<int>(open.size());
}

Result<std::vector<std::string>> UnsealSegment(LocalLog& log, const std::string& lake_folder,
                                               const std::string& segment, bool dry_run) {
  FileSystem& fs = log.fs();
  GFR_ASSIGN(const auto segments, log.Segments());
  const auto next = std::ranges::upper_bound(segments, segment);
  const OffsetRange gone{std::stoull(segment), next == segments.end() ? UINT64_MAX : std::stoull(*next)};
  std::vector<std::string> paths;
  GFR_ASSIGN(auto dates, ReadLake(fs, lake_folder));
  for (LakeDate& date : dates) {
    const LakeDate before = date;
    date.files.clear();
    std::vector<std::string> old;
    for (const LakeFile& file : before.files) {
      if (file.end <= gone.begin || file.first >= gone.end) {
        date.files.push_back(file);
        continue;
      }
      old.push_back(date.path(lake_folder, file));
      if (dry_run) continue;
      // What is not the segment's may be nowhere else: the log may have been trimmed since.
      for (const LakeFile& rest :
           {LakeFile{file.first, std::min(file.end, gone.begin)}, LakeFile{std::max(file.first, gone.end), file.end}}) {
        if (rest.first >= rest.end) continue;
        GFR_ASSIGN(const auto writer,
                   ParquetWriter::OpenLike(fs, date.path(lake_folder, rest), old.back(), LakeColumns::UniqueColumns()));
        GFR_TRY(writer->AppendFile(old.back(), "log_offset", static_cast<std::int64_t>(rest.first),
                                   static_cast<std::int64_t>(rest.end)));
        GFR_TRY(writer->Close());
        date.files.push_back(rest);
      }
    }
    paths.insert(paths.end(), old.begin(), old.end());
    if (dry_run || old.empty()) continue;
    date.is_complete = false;
    // Files of the same names will have other records.
    GFR_TRY(ForgetPushed(fs, lake_folder, date));
    GFR_TRY(CommitDate(fs, lake_folder, date));
    for (const std::string& path : old) GFR_TRY(fs.Remove(path));
    GFR_TRY(fs.SyncDirectory(date.folder(lake_folder)));
  }
  if (!dry_run) GFR_TRY(RemoveOldExport(fs, lake_folder, segment.substr(0, segment.size() - 4)));
  return paths;
}

}  // namespace gfr
