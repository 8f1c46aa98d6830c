#include "operations/erase_users.h"

#include <unordered_set>

#include "dataset/kept_rows.h"
#include "dataset/start_at_base.h"
#include "dataset/trim_log.h"
#include "log/cut_torn_tail.h"
#include "log/erased_ids.h"
#include "log/seal.h"
#include "state/anonymiser.h"
#include "table/parquet_filter.h"
#include "workspace/log_counts_paths.h"

namespace gfr {
namespace {

using Keys = std::unordered_set<std::uint64_t>;

// The Parquet files below `folder`, but for those of the log, the lake and the models.
Status FindParquet(FileSystem& fs, const std::string& folder, const std::string& data, int depth,
                   std::vector<std::string>* paths) {
  if (depth > 8) return {};
  const auto names = fs.List(folder);
  if (!names.ok()) return {};  // A file.
  for (const std::string& name : names.value()) {
    const std::string path = JoinPath(folder, name);
    if (path == JoinPath(data, "log") || path == JoinPath(data, "events") || path == JoinPath(data, "models")) continue;
    if (name.ends_with(".parquet"))
      paths->push_back(path);
    else if (!name.starts_with('.'))
      GFR_TRY(FindParquet(fs, path, data, depth + 1, paths));
  }
  return {};
}

Status EraseRows(const Workspace& workspace, const Keys& keys, bool dry_run, EraseReport* report) {
  std::vector<std::string> paths;
  GFR_TRY(FindParquet(workspace.fs(), workspace.folder(), workspace.data_folder(), 0, &paths));
  for (const std::string& path : paths) {
    GFR_ASSIGN(const std::uint64_t rows, RemoveParquetRows(path, "user", keys, dry_run));
    if (rows > 0) report->offline_rows[path] = rows;
  }
  return {};
}

// What holds records as they were: the snapshots, a log that a rebuild replaced, what a repair cut off.
Status EraseCopies(const Workspace& workspace, bool dry_run, EraseReport* report) {
  FileSystem& fs = workspace.fs();
  const std::string data = workspace.data_folder();
  std::vector<std::string> files{workspace.snapshot_path(), workspace.snapshot_path() + ".tmp"};
  // What a server counted of users' items (serve/log_counts_watch.h): it counts again.
  for (const std::string& file : LogCountsPaths(workspace)) files.insert(files.end(), {file, file + ".tmp"});
  GFR_ASSIGN(const auto names, fs.List(workspace.log_folder()));
  for (const std::string& name : names) {
    if (name.ends_with(".cut") || name.ends_with(".tmp")) files.push_back(JoinPath(workspace.log_folder(), name));
  }
  for (const std::string& path : files) {
    if (!fs.Exists(path)) continue;
    report->removed.push_back(path);
    if (!dry_run) GFR_TRY(fs.Remove(path));
  }
  for (const std::string& folder : {workspace.kept_snapshots_folder(), KeptRowsFolder(workspace.log_folder()),
                                    JoinPath(data, "log.old"), JoinPath(data, "log.new")}) {
    if (!fs.Exists(folder)) continue;
    report->removed.push_back(folder);
    if (!dry_run) GFR_TRY(fs.RemoveTree(folder));
  }
  return {};
}

// What is to go: records, and rows and states by person.
struct ToErase {
  Erasure records;
  Keys keys;
  std::vector<Key> people;  // Without ids that are other people's too.
  std::unordered_set<Key> shared;
};

ToErase Collect(const std::vector<ErasedPerson>& people, ErasedIds* erased) {
  ToErase out;
  for (const ErasedPerson& person : people) {
    std::vector<Key> theirs;
    for (const auto& [key, id] : person.ids) {
      for (const OffsetSpan& span : id.spans) out.records.Add(key, span);
      out.keys.insert(key);
      if (!id.is_shared) theirs.push_back(key);
    }
    if (theirs.empty()) theirs.push_back(person.ids.begin()->first);
    for (const auto& [key, id] : person.ids) {
      if (!id.is_shared) continue;
      out.shared.insert(key);
      for (const OffsetSpan& span : id.spans)
        erased->AddShared(key, theirs.front(), span.from_ms,
                          span.before_ms == INT64_MAX ? person.before_ms : span.before_ms - 1);
    }
    std::erase_if(theirs, [&](Key key) { return out.shared.contains(key); });
    erased->Add(theirs, person.before_ms);
    out.people.insert(out.people.end(), theirs.begin(), theirs.end());
  }
  return out;
}

}  // namespace

Result<EraseReport> EraseUsers(const Workspace& workspace, std::shared_ptr<const FeatureSet> features,
                               const EraseOptions& options) {
  FileSystem& fs = workspace.fs();
  const std::int64_t now_ms = workspace.clock().now_ms();
  if (!options.dry_run) GFR_TRY(CutTornTail(fs, workspace.clock(), workspace.log_folder(), "erase"));
  LocalLog log(fs, workspace.log_folder());
  GFR_ASSIGN(ErasedIds erased, ErasedIds::Load(fs, workspace.erased_path()));
  EraseReport report;
  const AliasRule& rule = features->schema.alias;
  GFR_ASSIGN(const JoinedBefore before, AliasesOfBase(log));
  if (options.deleted) {
    GFR_ASSIGN(report.people, FindDeleted(log, rule, before));
  } else {
    GFR_ASSIGN(ErasedPerson person,
               FindPerson(log, rule, before, options.user, erased.TogetherWith(KeyOf(options.user))));
    person.before_ms = now_ms;
    report.people.push_back(std::move(person));
  }
  if (report.people.empty()) return report;
  const ToErase what = Collect(report.people, &erased);
  const auto unseal = [&](const std::string& segment) -> Status {
    GFR_ASSIGN(const auto files, UnsealSegment(log, workspace.lake_folder(), segment, options.dry_run));
    report.lake_files.insert(report.lake_files.end(), files.begin(), files.end());
    return {};
  };
  if (!options.dry_run) GFR_TRY(erased.Save(fs, workspace.erased_path()));
  const auto set = features;
  Anonymiser anonymiser(std::move(features), now_ms, {what.people.begin(), what.people.end()});
  const auto anonymise = [&](const LogRecord& record) { return anonymiser.Of(record); };
  GFR_ASSIGN(report.log, EraseRecords(log, what.records, options.dry_run, anonymise, unseal));
  for (const std::string& segment : options.dry_run ? report.log.segments : std::vector<std::string>())
    GFR_TRY(unseal(segment));
  if (!options.dry_run) GFR_TRY(ForgetInBase(log, set, what.people));
  GFR_TRY(EraseRows(workspace, what.keys, options.dry_run, &report));
  GFR_TRY(EraseCopies(workspace, options.dry_run, &report));
  if (!options.dry_run) {
    const auto sealed = SealSegments(log, workspace.lake_folder());
    if (!sealed.ok()) return sealed.error();
  }
  return report;
}

}  // namespace gfr
