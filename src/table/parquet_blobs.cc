#include "table/parquet_blobs.h"

#include <arrow/api.h>
#include <parquet/arrow/reader.h>
#include <parquet/statistics.h>

#include "table/open_parquet.h"

namespace gfr {

struct ParquetBlobs::State {
  const std::string path;
  ParquetFile file;
  std::vector<int> columns;  // Of the file's leaves: the numbers, then the blobs.
  int next_group = 0;
};

ParquetBlobs::ParquetBlobs(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetBlobs::~ParquetBlobs() = default;

Result<std::unique_ptr<ParquetBlobs>> ParquetBlobs::Open(const std::string& path,
                                                         const std::vector<std::string>& numbers,
                                                         const std::string& blobs) {
  GFR_ASSIGN(ParquetFile file, OpenParquetFile(path));
  auto state = std::make_unique<State>(State{.path = path, .file = std::move(file), .columns = {}});
  std::vector<std::string> names = numbers;
  names.push_back(blobs);
  for (const std::string& name : names) {
    const auto field = state->file.schema->GetFieldByName(name);
    const auto type = name == blobs ? arrow::Type::BINARY : arrow::Type::INT64;
    if (!field || field->type()->id() != type)
      return Error{ErrorCode::kCorrupt,
                   "it has no column '" + name + "' of type " + (name == blobs ? "binary" : "int64"),
                   {path, 0}};
    state->columns.push_back(state->file.reader->parquet_reader()->metadata()->schema()->ColumnIndex(name));
  }
  std::unique_ptr<ParquetBlobs> made(new ParquetBlobs(std::move(state)));
  made->numbers_.resize(numbers.size());
  return made;
}

void ParquetBlobs::SkipBefore(std::int64_t value) {
  const auto metadata = state_->file.reader->parquet_reader()->metadata();
  for (int& g = state_->next_group; g < state_->file.reader->num_row_groups(); ++g) {
    const auto column = metadata->RowGroup(g)->ColumnChunk(state_->columns[0]);
    const auto statistics = std::dynamic_pointer_cast<parquet::Int64Statistics>(column->statistics());
    if (!statistics || !statistics->HasMinMax() || statistics->max() >= value) return;
  }
}

Result<bool> ParquetBlobs::Next() {
  State& s = *state_;
  rows_ = 0;
  if (s.next_group >= s.file.reader->num_row_groups()) return false;
  for (auto& numbers : numbers_) numbers.clear();
  bytes_.clear();
  ends_.clear();
  for (std::size_t c = 0; c < s.columns.size(); ++c) {
    std::shared_ptr<arrow::ChunkedArray> column;
    if (const auto read = s.file.reader->RowGroup(s.next_group)->Column(s.columns[c])->Read(&column); !read.ok())
      return CorruptParquet(s.path, read);
    if (column->null_count() > 0)
      return Error{
          ErrorCode::kCorrupt, "a value of row group " + std::to_string(s.next_group) + " is null", {s.path, 0}};
    for (const auto& chunk : column->chunks()) {
      if (c < numbers_.size()) {
        const auto* values = chunk->data()->GetValues<std::int64_t>(1);
        numbers_[c].insert(numbers_[c].end(), values, values + chunk->length());
        continue;
      }
      const auto& blobs = static_cast<const arrow::BinaryArray&>(*chunk);
      for (std::int64_t i = 0; i < blobs.length(); ++i) {
        bytes_ += blobs.GetView(i);
        ends_.push_back(static_cast<std::int32_t>(bytes_.size()));
      }
    }
  }
  ++s.next_group;
  rows_ = ends_.size();
  return true;
}

}  // namespace gfr
