// A dataset as Parquet: FOLDER/NAME.parquet of each objective, streamed within the memory of a batch, and its data
// sheet.
//
// Columns: the features in order, then label, user, arrival_ms, log_offset and request (RequestOf). The file's metadata
// says what they are: gfr.fingerprint of the row, and of each column NAME gfr.definition.NAME, its fingerprint.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataset/datasheet.h"
#include "dataset/row_builder.h"
#include "table/parquet_writer.h"

namespace gfr {

// The metadata of a file whose columns are these features.
ParquetMetadata DefinitionsOf(const FeatureSet& features);

// A sink that counts, and writes unless `folder` is empty. Files appear whole, in Finish.
class DatasetExport final : public RowSink {
 public:
  static Result<std::unique_ptr<DatasetExport>> Open(FileSystem& fs, const std::string& folder,
                                                     const FeatureSet& features,
                                                     const std::vector<ObjectiveConfig>& objectives);
  void Row(std::size_t objective, const RowPlace& place, bool label, std::span<const float> features) override;
  void Slate(SlateRow, std::span<const float>) override { ++slates_; }
  void Dropped(std::size_t objective, DropReason reason, std::uint64_t lines) override {
    sheet_.Dropped(objective, reason, lines);
  }
  // `about` is what BuildRows returned. REQUIRES: after the last row, once.
  Status Finish(const Dataset& about);
  explicit DatasetExport(const std::vector<ObjectiveConfig>& objectives) : sheet_(objectives) {}

  std::uint64_t rows(std::size_t objective) const { return files_[objective].rows; }
  std::uint64_t positives(std::size_t objective) const { return files_[objective].positives; }
  std::uint64_t slates() const { return slates_; }

 private:
  struct File {
    std::unique_ptr<ParquetWriter> writer;  // Null: rows are only counted.
    std::vector<NamedColumn> batch;
    std::size_t batched = 0;
    std::uint64_t rows = 0, positives = 0;
  };
  Status Flush(File& file) const;
  std::vector<File> files_;
  DataSheet sheet_;
  FileSystem* fs_ = nullptr;
  std::string folder_;
  std::size_t columns_ = 0, batch_rows_ = 0;
  std::uint64_t slates_ = 0;
};

}  // namespace gfr
