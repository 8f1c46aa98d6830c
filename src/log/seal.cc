#include "log/seal.h"

#include <map>

#include "base/time.h"
#include "event/event_json.h"
#include "log/segment.h"
#include "table/parquet_writer.h"

namespace gfr {
namespace {

struct Hour {
  std::vector<std::int64_t> offset, arrival_ms, time_ms;
  std::vector<double> value;
  std::vector<std::string> texts[10];
  std::vector<std::vector<std::string>> items;
  std::vector<std::string> event;
};
constexpr const char* kTexts[10] = {"id",         "source",  "type", "user_id",        "session_id",
                                    "request_id", "surface", "kind", "transaction_id", "currency"};

// Takes the record's texts.
void Add(LogRecord& r, Hour& hour) {
  Event& e = r.event;
  hour.offset.push_back(static_cast<std::int64_t>(r.offset));
  hour.arrival_ms.push_back(r.arrival_ms);
  hour.time_ms.push_back(e.time_ms);
  hour.value.push_back(e.value);
  hour.event.push_back(EventToJson(e));
  std::string type(EventTypeName(e.type));
  std::string* texts[10] = {&e.id,         &e.source,  &type,   &e.user_id,        &e.session_id,
                            &e.request_id, &e.surface, &e.kind, &e.transaction_id, &e.currency};
  for (int t = 0; t < 10; ++t) hour.texts[t].push_back(std::move(*texts[t]));
  hour.items.emplace_back();
  for (EventItem& item : e.items) hour.items.back().push_back(std::move(item.item_id));
}

Status Write(FileSystem& fs, const std::string& folder, const std::string& name, Hour hour) {
  GFR_TRY(fs.MakeFolders(folder));
  std::vector<NamedColumn> columns{{"log_offset", std::move(hour.offset)},
                                   {"arrival_ms", std::move(hour.arrival_ms)},
                                   {"time_ms", std::move(hour.time_ms)},
                                   {"value", std::move(hour.value)}};
  for (int t = 0; t < 10; ++t) columns.push_back({kTexts[t], std::move(hour.texts[t]), /*is_unique=*/t == 0});
  columns.push_back({"item_ids", std::move(hour.items)});
  columns.push_back({"event", std::move(hour.event), /*is_unique=*/true});
  return WriteParquet(JoinPath(folder, name), columns);
}

}  // namespace

Result<int> SealSegments(LocalLog& log, const std::string& lake_folder) {
  FileSystem& fs = log.fs();
  GFR_ASSIGN(const auto segments, log.Segments());
  int sealed = 0;
  for (std::size_t s = 0; s + 1 < segments.size(); ++s) {
    const std::string stem = segments[s].substr(0, segments[s].size() - 4),
                      marker = JoinPath(JoinPath(lake_folder, "_sealed"), stem);
    if (fs.Exists(marker)) continue;
    const std::uint64_t first = std::stoull(stem), end = std::stoull(segments[s + 1]);
    GFR_ASSIGN(const auto reader, log.Open({first}, {.until = Positions{end}}));
    std::map<std::int64_t, Hour> hours;
    for (LogRecord record;;) {
      GFR_ASSIGN(const bool more, reader->More(&record));
      if (!more) break;
      const std::int64_t hour = record.arrival_ms / kHourMs;
      // Arrival only rises, so an hour that has passed is whole.
      if (!hours.empty() && hours.begin()->first < hour) {
        const std::string text = FormatTime(hours.begin()->first * kHourMs);
        GFR_TRY(Write(fs, lake_folder + "/date=" + text.substr(0, 10) + "/hour=" + text.substr(11, 2),
                      stem + ".parquet", std::move(hours.begin()->second)));
        hours.clear();
      }
      Add(record, hours[hour]);
    }
    for (auto& [hour, rows] : hours) {
      const std::string text = FormatTime(hour * kHourMs);
      GFR_TRY(Write(fs, lake_folder + "/date=" + text.substr(0, 10) + "/hour=" + text.substr(11, 2), stem + ".parquet",
                    std::move(rows)));
    }
    GFR_TRY(fs.MakeFolders(JoinPath(lake_folder, "_sealed")));
    GFR_TRY(PublishFile(fs, marker, ""));
    ++sealed;
  }
  return sealed;
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
