#include "dataset/export_dataset.h"

#include "table/parquet_writer.h"

namespace gfr {

Status ExportDataset(const Dataset& data, const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
                     const std::string& folder) {
  GFR_TRY(PosixFileSystem().MakeFolders(folder));
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    const ObjectiveRows& rows = data.objectives[o];
    std::vector<NamedColumn> columns;
    for (std::size_t k = 0; k < data.columns; ++k) {
      std::vector<float> values(rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i) values[i] = rows.features[i * data.columns + k];
      columns.push_back({features.features[k].view->spec().name, std::move(values)});
    }
    columns.push_back({"label", rows.label});
    columns.push_back({"user", rows.user});
    columns.push_back({"arrival_ms", rows.arrival_ms});
    columns.push_back({"log_offset", rows.offset});
    GFR_TRY(WriteParquet(JoinPath(folder, objectives[o].name + ".parquet"), columns));
  }
  return {};
}

}  // namespace gfr
