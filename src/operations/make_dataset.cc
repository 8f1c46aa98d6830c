#include "operations/make_dataset.h"

#include "dataset/export_dataset.h"
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

}  // namespace

Result<Dataset> MakeDataset(const Workspace& workspace, const DatasetSettings& settings,
                            const DatasetOptions& options) {
  DatasetOptions with = options;
  with.leave_out = settings.leave_out;
  with.scratch_folder = ScratchFolder(workspace);
  const auto log = SourceOf(workspace, settings);
  return BuildDataset(workspace.fs(), *log, settings.features, settings.objectives, with);
}

Result<ExportedDataset> ExportDataset(const Workspace& workspace, const DatasetSettings& settings,
                                      const DatasetOptions& options, const std::string& folder) {
  GFR_ASSIGN(const auto sink, DatasetExport::Open(workspace.fs(), folder, *settings.features, settings.objectives));
  DatasetOptions with = options;
  with.leave_out = settings.leave_out;
  with.scratch_folder = ScratchFolder(workspace);
  const auto log = SourceOf(workspace, settings);
  GFR_ASSIGN(const Dataset about, BuildRows(workspace.fs(), *log, settings.features, settings.objectives, with, *sink));
  GFR_TRY(sink->Finish(about));
  ExportedDataset out{
      .events = about.records, .slates = sink->slates(), .columns = settings.features->columns(), .objectives = {}};
  for (std::size_t o = 0; o < settings.objectives.size(); ++o)
    out.objectives.push_back({settings.objectives[o].name, sink->rows(o), sink->positives(o)});
  return out;
}

}  // namespace gfr
