#include "dataset/trim_log.h"

#include "base/progress.h"
#include "dataset/start_at_base.h"
#include "log/rewrite_lock.h"
#include "log/seal.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

struct Segment {
  std::string name;
  std::uint64_t first;
  std::int64_t first_ms;  // Arrival of its first record.
};

// Those that have a record, and the log's last arrival.
Result<std::vector<Segment>> ReadSegments(LocalLog& log, std::int64_t* end_ms) {
  GFR_ASSIGN(const auto names, log.Segments());
  std::vector<Segment> segments;
  LogRecord record;
  for (const std::string& name : names) {
    const std::uint64_t first = std::stoull(name);
    GFR_ASSIGN(const auto reader, log.Open({first}));
    GFR_ASSIGN(const bool any, reader->More(&record));
    if (any) segments.push_back({name, first, record.arrival_ms});
  }
  if (segments.empty()) return segments;
  GFR_ASSIGN(const auto reader, log.Open({segments.back().first}));
  for (;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return segments;
    *end_ms = record.arrival_ms;
  }
}

Status WriteBase(LocalLog& log, std::shared_ptr<const FeatureSet> features, std::uint64_t begin,
                 const std::string& path) {
  OnlineStore store(std::move(features));
  GFR_TRY(StartAtBase(log, &store));
  const auto from = static_cast<std::uint64_t>(store.next_offset());
  GFR_ASSIGN(const auto reader, log.Open({from}, {.until = Positions{begin}}));
  Progress progress("make the base", begin - from, "events");
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    store.Fold(record);
    progress.Update(record.offset + 1 - from);
  }
  store.Share();
  store.Publish();
  return Snapshot::Take(store).Write(log.fs(), path);
}

}  // namespace

Result<TrimReport> TrimLog(LocalLog& log, const std::string& lake_folder, std::shared_ptr<const FeatureSet> features,
                           std::int64_t keep_ms, bool dry_run) {
  FileSystem& fs = log.fs();
  std::unique_ptr<FileLock> lock;
  if (!dry_run) {
    GFR_ASSIGN(lock, LockRewriting(log));
  }
  TrimReport report;
  GFR_ASSIGN(const std::vector<Segment> segments, ReadSegments(log, &report.end_ms));
  GFR_ASSIGN(const Positions begin, log.Begin());
  // All before the last segment that begins so early is older than what is kept.
  std::size_t kept = 0;
  while (kept + 1 < segments.size() && segments[kept + 1].first_ms <= report.end_ms - keep_ms) ++kept;
  if (segments.empty()) return report;
  report.begin = std::max(segments[kept].first, begin[0]);
  report.begin_ms = segments[kept].first_ms;
  for (std::size_t s = 0; s < kept; ++s) {
    GFR_ASSIGN(const auto file, fs.OpenForRead(JoinPath(log.folder(), segments[s].name)));
    GFR_ASSIGN(const std::uint64_t bytes, file->size());
    report.bytes += bytes;
    report.segments.push_back(segments[s].name);
  }
  if (report.segments.empty()) return report;
  report.records = report.begin - segments[0].first;
  report.base = JoinPath(log.folder(), LocalLog::BaseName(report.begin));
  if (dry_run) return report;
  const auto exported = SealSegments(log, lake_folder);
  if (!exported.ok()) return exported.error();
  if (report.begin > begin[0]) GFR_TRY(WriteBase(log, std::move(features), report.begin, report.base));
  for (const std::string& name : report.segments) GFR_TRY(fs.Remove(JoinPath(log.folder(), name)));
  GFR_ASSIGN(const auto names, fs.List(log.folder()));
  for (const std::string& name : names) {
    if (name.ends_with(".base") && JoinPath(log.folder(), name) != report.base)
      GFR_TRY(fs.Remove(JoinPath(log.folder(), name)));
  }
  GFR_TRY(fs.SyncDirectory(log.folder()));
  return report;
}

Status ForgetInBase(LocalLog& log, std::shared_ptr<const FeatureSet> features, const std::vector<Key>& users) {
  GFR_ASSIGN(const auto base, log.OpenBase());
  if (base == nullptr) return {};
  OnlineStore store(std::move(features));
  GFR_TRY(StartAtBase(log, &store));
  for (const Key user : users) ForgetUser(user, &store);
  store.Share();
  store.Publish();
  GFR_ASSIGN(const Positions begin, log.Begin());
  return Snapshot::Take(store).Write(log.fs(), JoinPath(log.folder(), LocalLog::BaseName(begin[0])));
}

}  // namespace gfr
