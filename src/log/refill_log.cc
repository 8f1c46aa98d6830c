#include "log/refill_log.h"

#include "log/segment_writer.h"

namespace gfr {
namespace {

constexpr std::size_t kFrameBytes = 1u << 20;
constexpr std::uint64_t kSegmentBytes = 64u << 20;  // As EventLogOptions::segment_bytes.

class Refill {
 public:
  Refill(FileSystem& fs, const std::string& folder) : fs_(fs), folder_(folder) {}

  Status Add(const LogRecord& record, std::string_view encoded) {
    if (!segment_) {
      GFR_ASSIGN(segment_, SegmentWriter::Make(fs_, folder_, record.offset));
    }
    AppendFramedRecord(record.arrival_ms, encoded, &records_);
    ++count_;
    if (records_.size() < kFrameBytes) return {};
    GFR_TRY(Flush());
    return segment_->raw_bytes() < kSegmentBytes ? Status() : Close();
  }

  Status Close() {
    if (!segment_) return {};
    if (count_ > 0) GFR_TRY(Flush());
    GFR_TRY(segment_->Close());
    segment_.reset();
    return {};
  }

 private:
  Status Flush() {
    GFR_TRY(segment_->Append(records_, count_));
    records_.clear();
    count_ = 0;
    return {};
  }

  FileSystem& fs_;
  const std::string& folder_;
  std::unique_ptr<SegmentWriter> segment_;
  std::string records_;
  std::uint32_t count_ = 0;
};

}  // namespace

Result<std::uint64_t> RefillLog(EventSource& from, FileSystem& fs, const std::string& folder) {
  GFR_ASSIGN(const Positions begin, from.Begin());
  if (begin[0] != 0)
    return Error{ErrorCode::kInvalidArgument, "the records before offset " + std::to_string(begin[0]) +
                                                  " are missing, and a log can only be made of all of them"};
  GFR_ASSIGN(const auto reader, from.OpenAll());
  Refill refill(fs, folder);
  std::uint64_t records = 0;
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    GFR_TRY(refill.Add(record, reader->encoded()));
    ++records;
  }
  GFR_TRY(refill.Close());
  return records;
}

}  // namespace gfr
