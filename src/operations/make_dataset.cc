#include "operations/make_dataset.h"

#include "dataset/export_dataset.h"
#include "dataset/kept_rows.h"
#include "dataset/row_builder.h"
#include "log/lake_log.h"
#include "log/local_log.h"

namespace gfr {
namespace {

// Of a replay by partitions, made and removed.
std::string ScratchFolder(const Workspace& workspace) { return workspace.log_folder() + ".scratch"; }

std::unique_ptr<EventSource> SourceOf(const Workspace& workspace, const DatasetSettings& settings) {
  if (settings.from_lake) return std::make_unique<LakeLog>(workspace.fs(), workspace.lake_folder());
  return std::make_unique<LocalLog>(workspace.fs(), workspace.log_folder());
}

// Null: everything is read, and nothing kept.
std::unique_ptr<KeptRows> KeptRowsOf(const Workspace& workspace, const DatasetSettings& settings,
                                     const DatasetOptions& options) {
  const bool all = options.from_ms == INT64_MIN && options.to_ms == INT64_MAX;
  if (!settings.incremental || settings.from_lake || !all) return nullptr;
  return std::make_unique<KeptRows>(workspace.fs(), workspace.log_folder(), KeptRowsFolder(workspace.log_folder()));
}

}  // namespace

Result<Dataset> MakeDataset(const Workspace& workspace, const DatasetSettings& settings,
                            const DatasetOptions& options) {
  DatasetOptions with = options;
  with.leave_out = settings.leave_out;
  with.scratch_folder = ScratchFolder(workspace);
  const auto kept = KeptRowsOf(workspace, settings, options);
  with.kept = kept.get();
  const auto log = SourceOf(workspace, settings);
  return BuildDataset(workspace.fs(), *log, settings.features, settings.objectives, with);
}

Result<ExportedDataset> ExportDataset(const Workspace& workspace, const DatasetSettings& settings,
                                      const DatasetOptions& options, const std::string& folder) {
  const auto open = [&] {
    return DatasetExport::Open(workspace.fs(), folder, *settings.features, settings.objectives);
  };
  GFR_ASSIGN(auto sink, open());
  DatasetOptions with = options;
  with.leave_out = settings.leave_out;
  with.scratch_folder = ScratchFolder(workspace);
  const auto kept = KeptRowsOf(workspace, settings, options);
  with.kept = kept.get();
  const auto log = SourceOf(workspace, settings);
  auto built = BuildRows(workspace.fs(), *log, settings.features, settings.objectives, with, *sink);
  if (!built.ok() && kept != nullptr && kept->missed()) {
    GFR_TRY(kept->StartOver(kept->why_missed()));
    GFR_ASSIGN(sink, open());
    built = BuildRows(workspace.fs(), *log, settings.features, settings.objectives, with, *sink);
  }
  GFR_ASSIGN(const Dataset about, std::move(built));
  GFR_TRY(sink->Finish(about));
  ExportedDataset out{
      .events = about.records, .slates = sink->slates(), .columns = settings.features->columns(), .objectives = {}};
  for (std::size_t o = 0; o < settings.objectives.size(); ++o)
    out.objectives.push_back({settings.objectives[o].name, sink->rows(o), sink->positives(o)});
  return out;
}

}  // namespace gfr
