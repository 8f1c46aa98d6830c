#include "log/lake_log.h"

#include <algorithm>

#include "base/clock.h"
#include "event/event_codec.h"
#include "log/lake_files.h"
#include "log/passed_records.h"
#include "log/segment.h"
#include "table/parquet_blobs.h"

namespace gfr {
namespace {

struct FileAt {
  std::uint64_t first, end;
  std::string path;
};

// All files of the lake, which must follow each other.
Result<std::vector<FileAt>> FilesOf(FileSystem& fs, const std::string& folder) {
  GFR_ASSIGN(const auto dates, ReadLake(fs, folder));
  std::vector<FileAt> files;
  for (const LakeDate& date : dates) {
    for (const LakeFile& file : date.files) {
      if (!files.empty() && files.back().end != file.first)
        return Error{ErrorCode::kCorrupt,
                     "the lake '" + folder + "' ends one file before offset " + std::to_string(files.back().end) +
                         " and begins the next one at " + std::to_string(file.first) +
                         "; an export (`gfr import`, or a server within ten minutes) writes what is missing"};
      files.push_back({file.first, file.end, date.path(folder, file)});
    }
  }
  return files;
}

class LakeReader final : public EventReader, public PassedRecords {
 public:
  LakeReader(std::vector<FileAt> files, std::uint64_t from, const ReadOptions& options)
      : files_(std::move(files)),
        next_offset_(from),
        types_(options.types),
        until_(options.until ? (*options.until)[0] : UINT64_MAX) {
    std::erase_if(files_, [&](const FileAt& file) { return file.end <= from; });
  }

  Result<ReadState> Next(LogRecord* record) override {
    for (;;) {
      if (next_offset_ >= until_) return ReadState::kEnd;
      if (!rows_ || row_ == rows_->rows()) {
        GFR_ASSIGN(const bool more, ReadOn());
        if (!more) return ReadState::kNotYet;
        continue;
      }
      const std::size_t row = row_++;
      const auto offset = static_cast<std::uint64_t>(rows_->number(0, row));
      if (offset < next_offset_ && !started_) continue;
      if (offset != next_offset_)
        return Error{ErrorCode::kCorrupt,
                     "offset " + std::to_string(offset) + " comes where " + std::to_string(next_offset_) + " was to be",
                     {path_, 0}};
      started_ = true;
      ++next_offset_;
      encoded_ = rows_->blob(row);
      record->offset = offset;
      record->arrival_ms = rows_->number(1, row);
      if (!(types_ >> static_cast<unsigned>(PeekEventType(encoded_)) & 1u)) {
        if (passed_) passed_(offset, record->arrival_ms);
        continue;
      }
      const Status decoded = DecodeEventInto(encoded_, &record->event);
      if (!decoded.ok())
        return Error{decoded.error().code,
                     "the record of offset " + std::to_string(offset) + ": " + decoded.error().message,
                     {path_, 0}};
      return ReadState::kRecord;
    }
  }
  bool WaitFor(std::int64_t deadline_ms) override {  // What is exported later is read by a new reader.
    WaitUntil(deadline_ms);
    return false;
  }
  void OnPassed(PassedRecord passed) override { passed_ = std::move(passed); }
  int partition() const override { return 0; }
  std::string_view encoded() const override { return encoded_; }

 private:
  // The next row group. False: there is none.
  Result<bool> ReadOn() {
    for (;;) {
      if (!rows_) {
        if (next_file_ == files_.size()) return false;
        path_ = files_[next_file_++].path;
        GFR_ASSIGN(rows_, ParquetBlobs::Open(path_, {"log_offset", "arrival_ms"}, "record"));
        if (!started_) rows_->SkipBefore(static_cast<std::int64_t>(next_offset_));
      }
      GFR_ASSIGN(const bool more, rows_->Next());
      row_ = 0;
      if (more) return true;
      rows_.reset();
    }
  }

  std::vector<FileAt> files_;
  std::size_t next_file_ = 0, row_ = 0;
  std::string path_;
  std::unique_ptr<ParquetBlobs> rows_;
  std::uint64_t next_offset_;
  const std::uint32_t types_;
  const std::uint64_t until_;
  bool started_ = false;
  PassedRecord passed_;
  std::string_view encoded_;
};

}  // namespace

Result<Positions> LakeLog::Begin() {
  GFR_ASSIGN(const auto files, FilesOf(fs_, folder_));
  return Positions{files.empty() ? 0 : files.front().first};
}

Result<Positions> LakeLog::End() {
  GFR_ASSIGN(const auto files, FilesOf(fs_, folder_));
  return Positions{files.empty() ? 0 : files.back().end};
}

Result<std::uint64_t> LakeLog::SizeBytes() {
  GFR_ASSIGN(const auto files, FilesOf(fs_, folder_));
  std::uint64_t bytes = 0;
  for (const FileAt& at : files) {
    GFR_ASSIGN(const auto file, fs_.OpenForRead(at.path));
    GFR_ASSIGN(const std::uint64_t size, file->size());
    bytes += size;
  }
  return bytes;
}

Result<std::unique_ptr<EventReader>> LakeLog::Open(const Positions& from, ReadOptions options) {
  GFR_ASSIGN(auto files, FilesOf(fs_, folder_));
  if (!files.empty() && files.front().first > from[0])
    return Error{ErrorCode::kCorrupt, "the lake '" + folder_ + "' begins at offset " +
                                          std::to_string(files.front().first) + "; records from offset " +
                                          std::to_string(from[0]) + " on were to be there"};
  return std::unique_ptr<EventReader>(std::make_unique<LakeReader>(std::move(files), from[0], options));
}

}  // namespace gfr
