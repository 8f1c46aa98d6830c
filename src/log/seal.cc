#include "log/seal.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>

#include "base/sync.h"
#include "base/time.h"
#include "event/event_text.h"
#include "log/segment.h"
#include "table/parquet_writer.h"

namespace gfr {
namespace {

struct SegmentSpan {
  std::uint64_t first, end;
};

constexpr const char* kTexts[10] = {"id",         "source",  "type", "user_id",        "session_id",
                                    "request_id", "surface", "kind", "transaction_id", "currency"};

// The records of one segment and hour, written batch by batch.
class HourFile {
 public:
  HourFile(FileSystem& fs, std::string folder, std::string name)
      : fs_(fs), folder_(std::move(folder)), name_(std::move(name)) {
    batch_.push_back({"log_offset", std::vector<std::int64_t>()});
    batch_.push_back({"arrival_ms", std::vector<std::int64_t>()});
    batch_.push_back({"time_ms", std::vector<std::int64_t>()});
    batch_.push_back({"value", std::vector<double>()});
    for (int t = 0; t < 10; ++t) batch_.push_back({kTexts[t], Texts(), /*is_unique=*/t == 0});
    batch_.push_back({"item_ids", TextLists()});
    batch_.push_back({"event", Texts(), /*is_unique=*/true});
  }

  Status Add(const LogRecord& r) {
    const Event& e = r.event;
    Column<std::vector<std::int64_t>>(0).push_back(static_cast<std::int64_t>(r.offset));
    Column<std::vector<std::int64_t>>(1).push_back(r.arrival_ms);
    Column<std::vector<std::int64_t>>(2).push_back(e.time_ms);
    Column<std::vector<double>>(3).push_back(e.value);
    const std::string_view texts[10] = {
        e.id,      e.source, EventTypeName(e.type), e.user_id, e.session_id, e.request_id,
        e.surface, e.kind,   e.transaction_id,      e.currency};
    for (std::size_t t = 0; t < 10; ++t) Column<Texts>(4 + t).Add(texts[t]);
    auto& items = Column<TextLists>(14);
    for (const EventItem& item : e.items) items.texts.Add(item.item_id);
    items.End();
    auto& json = Column<Texts>(15);
    AppendEventJson(e, &json.bytes);
    json.End();
    return json.size() < kBatchRows && json.bytes.size() < kBatchBytes ? Status() : Flush();
  }
  Status Close() {
    GFR_TRY(Flush());
    return file_ ? file_->Close() : Status();
  }

 private:
  static constexpr std::size_t kBatchRows = 1u << 16, kBatchBytes = 64u << 20;

  template <typename Values>
  Values& Column(std::size_t k) {
    return std::get<Values>(batch_[k].values);
  }
  Status Flush() {
    if (Column<Texts>(15).size() == 0) return {};
    if (!file_) {
      GFR_TRY(fs_.MakeFolders(folder_));
      std::vector<NamedColumn> schema;
      for (const NamedColumn& column : batch_) {
        schema.push_back({column.name, {}, column.is_unique});
        std::visit([&](const auto& values) { schema.back().values = std::decay_t<decltype(values)>(); }, column.values);
      }
      GFR_ASSIGN(file_, ParquetWriter::Open(fs_, JoinPath(folder_, name_), schema));
    }
    GFR_TRY(file_->Append(batch_));
    for (NamedColumn& column : batch_) std::visit([](auto& values) { values.clear(); }, column.values);
    return {};
  }

  FileSystem& fs_;
  const std::string folder_, name_;
  std::vector<NamedColumn> batch_;
  std::unique_ptr<ParquetWriter> file_;
};

// The segment from offset `first` to before `end`.
Status SealSegment(LocalLog& log, const std::string& lake_folder, std::uint64_t first, std::uint64_t end) {
  FileSystem& fs = log.fs();
  const std::string segment = SegmentName(first), stem = segment.substr(0, segment.size() - 4);
  GFR_ASSIGN(const auto reader, log.Open({first}, {.until = Positions{end}}));
  std::optional<HourFile> file;
  std::int64_t hour = 0;
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    // Arrival only rises, so an hour that has passed is whole.
    if (!file || record.arrival_ms / kHourMs != hour) {
      if (file) GFR_TRY(file->Close());
      hour = record.arrival_ms / kHourMs;
      const std::string text = FormatTime(hour * kHourMs);
      file.emplace(fs, lake_folder + "/date=" + text.substr(0, 10) + "/hour=" + text.substr(11, 2), stem + ".parquet");
    }
    GFR_TRY(file->Add(record));
  }
  if (file) GFR_TRY(file->Close());
  const std::string markers = JoinPath(lake_folder, "_sealed");
  GFR_TRY(fs.MakeFolders(markers));
  return PublishFile(fs, JoinPath(markers, stem), "");
}

}  // namespace

Result<int> SealSegments(LocalLog& log, const std::string& lake_folder, int threads) {
  GFR_ASSIGN(const auto segments, log.Segments());
  std::vector<SegmentSpan> open;
  for (std::size_t s = 0; s + 1 < segments.size(); ++s) {
    const std::string stem = segments[s].substr(0, segments[s].size() - 4);
    if (!log.fs().Exists(JoinPath(JoinPath(lake_folder, "_sealed"), stem)))
      open.push_back({std::stoull(stem), std::stoull(segments[s + 1])});
  }
  std::atomic<std::size_t> next = 0;
  Mutex mutex;
  Status status;
  const auto work = [&] {
    for (std::size_t s = 0; (s = next++) < open.size();) {
      const Status sealed = SealSegment(log, lake_folder, open[s].first, open[s].end);
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
  return static_cast<int>(open.size());
}

Result<std::vector<std::string>> UnsealSegment(FileSystem& fs, const std::string& lake_folder,
                                               const std::string& segment, bool dry_run) {
  const std::string stem = segment.substr(0, segment.size() - 4), markers = JoinPath(lake_folder, "_sealed");
  if (!dry_run && fs.Exists(JoinPath(markers, stem))) {
    GFR_TRY(fs.Remove(JoinPath(markers, stem)));
    GFR_TRY(fs.SyncDirectory(markers));
  }
  std::vector<std::string> paths;
  GFR_ASSIGN(const auto dates, fs.List(lake_folder));
  for (const std::string& date : dates) {
    if (!date.starts_with("date=")) continue;
    GFR_ASSIGN(const auto hours, fs.List(JoinPath(lake_folder, date)));
    for (const std::string& hour : hours) {
      const std::string path = JoinPath(JoinPath(JoinPath(lake_folder, date), hour), stem + ".parquet");
      if (fs.Exists(path)) paths.push_back(path);
      if (dry_run) continue;
      GFR_TRY(fs.Remove(path + ".tmp"));  // Of a seal that was cut off.
      GFR_TRY(fs.Remove(path));
    }
  }
  return paths;
}

}  // namespace gfr
