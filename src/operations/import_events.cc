#include "operations/import_events.h"

#include <algorithm>

#include "base/progress.h"
#include "log/erased_ids.h"
#include "log/event_log.h"
#include "log/seal.h"
#include "operations/import_mapped.h"

namespace gfr {
namespace {

Result<ImportReport> ReadFiles(const EventImportOptions& options, const ImportSink& sink) {
  if (options.format == "trivago") return ImportTrivago(options.files, sink);
  if (options.format == "ndjson") return ImportNdjson(options.files, sink);
  if (options.format == "csv" || options.format == "parquet")
    return ImportMapped(options.format, options.files, options.map, sink);
  return Error{ErrorCode::kInvalidArgument,
               "format is '" + options.format + "'; valid are trivago, ndjson, csv and parquet"};
}

Status RebuildLog(const Workspace& workspace, std::vector<Event> events, Imported* imported) {
  FileSystem& fs = workspace.fs();
  const std::string fresh = JoinPath(workspace.data_folder(), "log.new"),
                    old = JoinPath(workspace.data_folder(), "log.old");
  GFR_ASSIGN(const auto held, EventLog::Open(fs, workspace.clock(),
                                             {.folder = workspace.log_folder()}));  // No server may write meanwhile.
  GFR_ASSIGN(const auto reader, held->source().OpenAll());
  std::vector<Event> all;
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    record.event.served = {};  // Its as_of names a place in the old log.
    all.push_back(std::move(record.event));
  }
  all.insert(all.end(), std::make_move_iterator(events.begin()), std::make_move_iterator(events.end()));
  GFR_TRY(fs.RemoveTree(fresh));
  {
    GFR_ASSIGN(const auto log, EventLog::Open(fs, workspace.clock(), {.folder = fresh}));
    GFR_TRY(log->AppendImported(
        std::move(all), [](std::uint64_t) {}, &imported->duplicates));
    imported->log_events = log->next_offset();
  }
  GFR_TRY(fs.Remove(workspace.snapshot_path()));
  GFR_TRY(fs.RemoveTree(workspace.lake_folder()));  // It is of the old log; the new one is sealed again.
  GFR_TRY(fs.RemoveTree(old));
  GFR_TRY(fs.Rename(workspace.log_folder(), old));
  GFR_TRY(fs.Rename(fresh, workspace.log_folder()));
  GFR_TRY(fs.SyncDirectory(workspace.data_folder()));
  LocalLog remade(fs, workspace.log_folder());
  const auto sealed = SealSegments(remade, workspace.lake_folder());
  return sealed.ok() ? Status() : sealed.error();
}

}  // namespace

Result<Imported> ImportEvents(const Workspace& workspace, const EventImportOptions& options) {
  Imported imported;
  std::vector<Event> events;
  const ImportSink sink = [&](Event&& e) -> Status {
    if (!options.dry_run) events.push_back(std::move(e));
    return {};
  };
  GFR_ASSIGN(imported.report, ReadFiles(options, sink));
  if (options.dry_run) return imported;
  GFR_ASSIGN(const ErasedIds erased, ErasedIds::Load(workspace.fs(), workspace.erased_path()));
  imported.erased = std::erase_if(events, [&](const Event& e) { return erased.Covers(e); });
  if (options.rebuild)
    GFR_TRY(RebuildLog(workspace, std::move(events), &imported));
  else
    GFR_TRY(AppendHistory(workspace, std::move(events), &imported));
  return imported;
}

Status AppendHistory(const Workspace& workspace, std::vector<Event> events, Imported* imported) {
  GFR_ASSIGN(const auto log, EventLog::Open(workspace.fs(), workspace.clock(), {.folder = workspace.log_folder()}));
  Progress progress("write the log", events.size(), "events");
  GFR_TRY(log->AppendImported(
      std::move(events), [&](std::uint64_t done) { progress.Update(done); }, &imported->duplicates));
  imported->log_events = log->next_offset();
  const auto sealed = SealSegments(log->source(), workspace.lake_folder());
  return sealed.ok() ? Status() : sealed.error();
}

}  // namespace gfr
