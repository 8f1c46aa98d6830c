#include "operations/check_log.h"

#include "dataset/kept_rows.h"
#include "dataset/start_at_base.h"
#include "workspace/log_counts_paths.h"

namespace gfr {

Result<LogCheck> CheckProjectLog(const Workspace& workspace, bool repair) {
  if (repair) {
    GFR_TRY(workspace.fs().Remove(workspace.snapshot_path()));
    GFR_TRY(workspace.fs().RemoveTree(workspace.kept_snapshots_folder()));
    GFR_TRY(workspace.fs().RemoveTree(KeptRowsFolder(workspace.log_folder())));
    GFR_TRY(workspace.fs().Remove(workspace.currency_path()));
    for (const std::string& file : LogCountsPaths(workspace)) GFR_TRY(workspace.fs().Remove(file));
  }
  LocalLog log(workspace.fs(), workspace.log_folder());
  return CheckLog(log, repair);
}

Result<ServedCheck> VerifyServedValues(const Workspace& workspace, std::shared_ptr<const FeatureSet> features) {
  LocalLog log(workspace.fs(), workspace.log_folder());
  GFR_ASSIGN(auto drops, ReadDrops(log));
  return VerifyServed(workspace.fs(), log, std::move(features), {.drops = std::move(drops)});
}

Result<std::unique_ptr<OnlineStore>> FoldLog(const Workspace& workspace, std::shared_ptr<const FeatureSet> features,
                                             std::int64_t until_ms) {
  auto store = std::make_unique<OnlineStore>(std::move(features));
  LocalLog log(workspace.fs(), workspace.log_folder());
  GFR_TRY(StartAtBase(log, store.get()));
  GFR_ASSIGN(const auto reader, log.OpenAll());
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more || record.arrival_ms >= until_ms) return store;
    store->Fold(record);
  }
}

}  // namespace gfr
