#include "dataset/export_dataset.h"

#include <algorithm>

#include "dataset/dataset_fingerprint.h"

namespace gfr {
namespace {

constexpr std::size_t kBatchBytes = 16u << 20;  // Of an objective's batch.

template <typename T>
std::vector<T>& Values(NamedColumn& column) {
  return std::get<std::vector<T>>(column.values);
}

}  // namespace

ParquetMetadata DefinitionsOf(const FeatureSet& features) {
  ParquetMetadata metadata{{"gfr.fingerprint", std::to_string(features.fingerprint)}};
  for (const BoundFeature& f : features.features)
    metadata.emplace_back("gfr.definition." + f.view->spec().name, std::to_string(f.view->spec().fingerprint));
  return metadata;
}

Result<std::unique_ptr<DatasetExport>> DatasetExport::Open(FileSystem& fs, const std::string& folder,
                                                           const FeatureSet& features,
                                                           const std::vector<ObjectiveConfig>& objectives) {
  auto made = std::make_unique<DatasetExport>(objectives);
  made->columns_ = features.columns();
  made->batch_rows_ = std::clamp<std::size_t>(kBatchBytes / (features.columns() * 4 + 36), 256, 1 << 18);
  made->files_.resize(objectives.size());
  made->fs_ = &fs;
  made->folder_ = folder;
  if (folder.empty()) return made;
  ParquetMetadata metadata = DefinitionsOf(features);
  metadata.emplace_back("gfr.dataset", std::to_string(DatasetFingerprint(features, objectives)));
  GFR_TRY(fs.MakeFolders(folder));
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    File& file = made->files_[o];
    for (const BoundFeature& f : features.features) file.batch.push_back({f.view->spec().name, std::vector<float>()});
    file.batch.push_back({"label", std::vector<float>()});
    file.batch.push_back({"user", std::vector<std::uint64_t>()});
    file.batch.push_back({"arrival_ms", std::vector<std::int64_t>()});
    file.batch.push_back({"log_offset", std::vector<std::uint64_t>()});
    file.batch.push_back({"request", std::vector<std::uint64_t>()});
    if (objectives[o].early_window_ms > 0) file.batch.push_back({"whole_label", std::vector<float>()});
    GFR_ASSIGN(file.writer,
               ParquetWriter::Open(fs, JoinPath(folder, objectives[o].name + ".parquet"), file.batch, metadata));
  }
  return made;
}

void DatasetExport::Row(std::size_t objective, const RowPlace& place, bool label, std::span<const float> features) {
  File& file = files_[objective];
  ++file.rows;
  file.positives += label;
  sheet_.Row(objective, place, label);
  if (!file.writer || !status.ok()) return;
  for (std::size_t k = 0; k < columns_; ++k) Values<float>(file.batch[k]).push_back(features[k]);
  Values<float>(file.batch[columns_]).push_back(LabelOf(place, label));
  Values<std::uint64_t>(file.batch[columns_ + 1]).push_back(place.user);
  Values<std::int64_t>(file.batch[columns_ + 2]).push_back(place.arrival_ms);
  Values<std::uint64_t>(file.batch[columns_ + 3]).push_back(place.offset);
  Values<std::uint64_t>(file.batch[columns_ + 4]).push_back(RequestOf(place));
  if (file.batch.size() > columns_ + 5) Values<float>(file.batch[columns_ + 5]).push_back(place.whole);
  if (++file.batched >= batch_rows_) status = Flush(file);
}

Status DatasetExport::Flush(File& file) const {
  GFR_TRY(file.writer->Append(file.batch));
  for (NamedColumn& column : file.batch) std::visit([](auto& values) { values.clear(); }, column.values);
  file.batched = 0;
  return {};
}

Status DatasetExport::Finish(const Dataset& about) {
  GFR_TRY(status);
  for (File& file : files_) {
    if (!file.writer) continue;
    GFR_TRY(Flush(file));
    GFR_TRY(file.writer->Close());
  }
  if (folder_.empty()) return {};
  GFR_TRY(PublishFile(*fs_, JoinPath(folder_, "datasheet.md"), sheet_.ToMarkdown(about)));
  return PublishFile(*fs_, JoinPath(folder_, "datasheet.json"), sheet_.ToJson(about));
}

}  // namespace gfr
