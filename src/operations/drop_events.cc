#include "operations/drop_events.h"

#include "base/time.h"
#include "dataset/kept_rows.h"
#include "log/cut_torn_tail.h"
#include "log/seal.h"
#include "store/kept_snapshots.h"
#include "workspace/log_counts_paths.h"

namespace gfr {
namespace {

// The folders "date=2026-01-31" below `folder` of that day and later.
Status FindDates(FileSystem& fs, const std::string& folder, const std::string& from, int depth,
                 std::vector<std::string>* found) {
  if (depth > 6) return {};
  const auto names = fs.List(folder);
  if (!names.ok()) return {};  // A file.
  for (const std::string& name : names.value()) {
    const std::string path = JoinPath(folder, name);
    if (!name.starts_with("date="))
      GFR_TRY(FindDates(fs, path, from, depth + 1, found));
    else if (name.substr(5) >= from)
      found->push_back(path);
  }
  return {};
}

}  // namespace

Result<DropReport> DropEvents(const Workspace& workspace, const DropCriteria& criteria, bool dry_run) {
  FileSystem& fs = workspace.fs();
  if (!dry_run) GFR_TRY(CutTornTail(fs, workspace.clock(), workspace.log_folder(), "drop"));
  LocalLog log(fs, workspace.log_folder());
  DropReport report;
  const auto unseal = [&](const std::string& segment) -> Status {
    GFR_ASSIGN(const auto files, UnsealSegment(log, workspace.lake_folder(), segment, dry_run));
    report.lake_files.insert(report.lake_files.end(), files.begin(), files.end());
    return {};
  };
  // What was made of the log goes first: after a crash there is none that is of the log as it was.
  GFR_ASSIGN(const DroppedRecords plan,
             DropRecords(log, criteria, workspace.clock().now_ms(), /*dry_run=*/true, unseal));
  if (plan.any()) {
    if (fs.Exists(workspace.snapshot_path())) report.removed.push_back(workspace.snapshot_path());
    for (const std::string& file : LogCountsPaths(workspace)) {
      if (fs.Exists(file)) report.removed.push_back(file);
    }
    if (const std::string rows = KeptRowsFolder(workspace.log_folder()); fs.Exists(rows))
      report.removed.push_back(rows);
    GFR_ASSIGN(const auto kept, RemoveKeptSnapshots(fs, workspace.kept_snapshots_folder(), plan.changed_from, dry_run));
    report.removed.insert(report.removed.end(), kept.begin(), kept.end());
    GFR_TRY(
        FindDates(fs, workspace.offline_folder(), FormatTime(plan.changed_from_ms).substr(0, 10), 0, &report.removed));
  }
  if (dry_run) {
    report.log = plan;
    for (const std::string& segment : plan.segments) GFR_TRY(unseal(segment));
    return report;
  }
  for (const std::string& path : report.removed)
    GFR_TRY(path == workspace.snapshot_path() ? fs.Remove(path) : fs.RemoveTree(path));
  GFR_ASSIGN(report.log, DropRecords(log, criteria, workspace.clock().now_ms(), /*dry_run=*/false, unseal));
  const auto sealed = SealSegments(log, workspace.lake_folder());
  return sealed.ok() ? Result<DropReport>(std::move(report)) : sealed.error();
}

}  // namespace gfr
