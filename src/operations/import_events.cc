#include "operations/import_events.h"

#include <algorithm>

#include "base/progress.h"
#include "base/sync.h"
#include "dataset/kept_rows.h"
#include "log/erased_ids.h"
#include "log/event_log.h"
#include "log/log_currency.h"
#include "log/seal.h"
#include "operations/import_sort.h"
#include "workspace/log_counts_paths.h"

namespace gfr {
namespace {

Status Append(EventLog& log, ImportSort& sort, Imported* imported) {
  Progress progress("write the log", sort.events(), "events");
  GFR_TRY(log.AppendImported([&](Event* event, std::int64_t* arrival_ms) { return sort.Next(event, arrival_ms); },
                             [&](std::uint64_t done) { progress.Update(done); }, &imported->duplicates));
  imported->log_events = log.next_offset();
  imported->last_arrival_ms = log.last_arrival_ms();
  return {};
}

Status Seal(LocalLog& log, const Workspace& workspace) {
  // Several segments at once, within what the sort of the import had.
  const auto sealed = SealSegments(log, workspace.lake_folder(), std::min(HardwareThreads(), 4));
  return sealed.ok() ? Status() : sealed.error();
}

// What the log holds, before the files.
Status AddLog(EventLog& held, ImportSort* sort) {
  GFR_ASSIGN(const auto reader, held.source().OpenAll());
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return {};
    record.event.served = {};  // Its as_of names a place in the old log.
    GFR_TRY(sort->AddOld(record.event, record.arrival_ms));
  }
}

Status ReplaceLog(const Workspace& workspace, ImportSort& sort, Imported* imported) {
  FileSystem& fs = workspace.fs();
  const std::string fresh = JoinPath(workspace.data_folder(), "log.new"),
                    old = JoinPath(workspace.data_folder(), "log.old");
  GFR_TRY(fs.RemoveTree(fresh));
  {
    GFR_ASSIGN(const auto log, EventLog::Open(fs, workspace.clock(), {.folder = fresh}));
    GFR_TRY(Append(*log, sort, imported));
  }
  GFR_TRY(fs.Remove(workspace.snapshot_path()));
  GFR_TRY(fs.RemoveTree(workspace.kept_snapshots_folder()));
  GFR_TRY(fs.RemoveTree(KeptRowsFolder(workspace.log_folder())));
  GFR_TRY(fs.Remove(workspace.currency_path()));
  for (const std::string& file : LogCountsPaths(workspace)) GFR_TRY(fs.Remove(file));
  GFR_TRY(fs.RemoveTree(workspace.lake_folder()));  // It is of the old log; the new one is sealed again.
  GFR_TRY(fs.RemoveTree(old));
  GFR_TRY(fs.Rename(workspace.log_folder(), old));
  GFR_TRY(fs.Rename(fresh, workspace.log_folder()));
  GFR_TRY(fs.SyncDirectory(workspace.data_folder()));
  LocalLog remade(fs, workspace.log_folder());
  return Seal(remade, workspace);
}

void Count(const ImportSort& sort, Imported* imported) {
  for (int t = 1; t < kEventTypes; ++t) {
    if (const std::uint64_t n = sort.by_type()[static_cast<std::size_t>(t)])
      imported->by_type[std::string(EventTypeName(static_cast<EventType>(t)))] = n;
  }
  imported->clicks = sort.shown().clicks();
  imported->clicks_in_slate = sort.shown().in_slate();
  imported->clicks_are_sample = sort.shown().is_sample();
}

}  // namespace

Result<Imported> ImportEvents(const Workspace& workspace, const EventImportOptions& options) {
  Imported imported;
  GFR_ASSIGN(const ErasedIds erased, ErasedIds::Load(workspace.fs(), workspace.erased_path()));
  GFR_ASSIGN(const auto sort,
             ImportSort::Open(workspace.fs(), JoinPath(workspace.data_folder(), "import.tmp"), options.memory_bytes));
  // No server may write meanwhile.
  std::unique_ptr<EventLog> held;
  if (!options.dry_run) {
    GFR_ASSIGN(held, EventLog::Open(workspace.fs(), workspace.clock(), {.folder = workspace.log_folder()}));
    if (options.rebuild) {
      GFR_ASSIGN(const Positions begin, held->source().Begin());
      if (std::ranges::any_of(begin, [](std::uint64_t offset) { return offset > 0; }))
        return Error{ErrorCode::kInvalidArgument,
                     "--rebuild writes the whole log anew, and the first part of this one was trimmed away "
                     "([log] keep): what its base remembers would be lost"};
      GFR_TRY(AddLog(*held, sort.get()));
    }
  }
  if (options.rules.currency.empty()) {
    LocalLog before(workspace.fs(), workspace.log_folder());
    GFR_ASSIGN(imported.report.currency,
               CurrencyOf(workspace.fs(), before, options.dry_run ? "" : workspace.currency_path()));
  }
  const std::uint64_t old_events = sort->events();
  const ImportSink sink = [&](Event&& e) -> Status {
    if (!erased.Covers(e)) return sort->Add(e);
    ++imported.erased;
    return {};
  };
  const ImportSettings settings{.rules = options.rules, .now_ms = workspace.clock().now_ms()};
  GFR_TRY(ReadInputs(options.inputs, settings, sink, &imported.report));
  GFR_TRY(sort->Sort());
  if (options.dry_run) {
    for (LogRecord record;; ++record.offset) {
      GFR_ASSIGN(const bool more, sort->Next(&record.event, &record.arrival_ms));
      if (!more) break;
      if (options.sees) options.sees(record);
    }
  } else if (sort->events() == old_events) {
    imported.log_events = held->next_offset();  // Nothing came of the files, and nothing is written.
  } else if (options.rebuild) {
    GFR_TRY(ReplaceLog(workspace, *sort, &imported));
  } else {
    GFR_TRY(Append(*held, *sort, &imported));
    GFR_TRY(Seal(held->source(), workspace));
  }
  imported.duplicates += imported.report.repeated_rows;
  imported.report.events -= sort->left_out();
  Count(*sort, &imported);
  return imported;
}

Status AppendHistory(const Workspace& workspace, std::vector<Event> events, Imported* imported) {
  GFR_ASSIGN(const auto log, EventLog::Open(workspace.fs(), workspace.clock(), {.folder = workspace.log_folder()}));
  Progress progress("write the log", events.size(), "events");
  GFR_TRY(log->AppendImported(
      std::move(events), [&](std::uint64_t done) { progress.Update(done); }, &imported->duplicates));
  imported->log_events = log->next_offset();
  imported->last_arrival_ms = log->last_arrival_ms();
  return Seal(log->source(), workspace);
}

}  // namespace gfr
