#include "table/parquet_filter.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

#include <cstdio>

namespace gfr {
namespace {

using Keys = std::unordered_set<std::uint64_t>;

// Of each row, whether it stays.
std::vector<bool> Staying(const arrow::ChunkedArray& column, const Keys& keys, std::uint64_t* removed) {
  std::vector<bool> stays;
  for (const auto& chunk : column.chunks()) {
    // Signed or not, the 8 bytes are the key.
    const auto* values = chunk->data()->GetValues<std::uint64_t>(1);
    for (std::int64_t i = 0; i < chunk->length(); ++i) {
      const bool goes = chunk->IsValid(i) && keys.contains(values[i]);
      *removed += goes;
      stays.push_back(!goes);
    }
  }
  return stays;
}

arrow::Status Filter(const std::string& path, const std::string& beside, const std::string& column, const Keys& keys,
                     std::uint64_t* removed) {
  ARROW_ASSIGN_OR_RAISE(const auto in, arrow::io::ReadableFile::Open(path));
  ARROW_ASSIGN_OR_RAISE(const auto reader, parquet::arrow::OpenFile(in, arrow::default_memory_pool()));
  std::shared_ptr<arrow::Schema> schema;
  ARROW_RETURN_NOT_OK(reader->GetSchema(&schema));
  const int at = schema->GetFieldIndex(column);
  if (at < 0) return {};
  const auto type = schema->field(at)->type()->id();
  if (type != arrow::Type::UINT64 && type != arrow::Type::INT64) return {};
  // First the column alone: most files have no such row.
  std::shared_ptr<arrow::ChunkedArray> users;
  const auto leaf = reader->parquet_reader()->metadata()->schema()->ColumnIndex(column);
  if (leaf < 0) return {};
  for (int g = 0; g < reader->num_row_groups(); ++g) {
    ARROW_RETURN_NOT_OK(reader->RowGroup(g)->Column(leaf)->Read(&users));
    (void)Staying(*users, keys, removed);
  }
  if (*removed == 0 || beside.empty()) return {};
  ARROW_ASSIGN_OR_RAISE(const auto out, arrow::io::FileOutputStream::Open(beside));
  const auto properties = parquet::WriterProperties::Builder().compression(arrow::Compression::ZSTD)->build();
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), out, properties));
  std::uint64_t again = 0;
  for (int g = 0; g < reader->num_row_groups(); ++g) {
    std::shared_ptr<arrow::Table> table;
    ARROW_RETURN_NOT_OK(reader->ReadRowGroup(g, &table));
    const std::vector<bool> stays = Staying(*table->column(at), keys, &again);
    std::vector<std::shared_ptr<arrow::Table>> runs{table->Slice(0, 0)};
    for (std::int64_t i = 0, n = table->num_rows(); i < n;) {
      const std::int64_t begin = i;
      while (i < n && stays[static_cast<std::size_t>(i)]) ++i;
      if (i > begin) runs.push_back(table->Slice(begin, i - begin));
      while (i < n && !stays[static_cast<std::size_t>(i)]) ++i;
    }
    ARROW_ASSIGN_OR_RAISE(const auto left, arrow::ConcatenateTables(runs));
    ARROW_RETURN_NOT_OK(writer->WriteTable(*left, 1 << 18));
  }
  ARROW_RETURN_NOT_OK(writer->Close());
  return out->Close();
}

}  // namespace

Result<std::uint64_t> RemoveParquetRows(const std::string& path, const std::string& column, const Keys& keys,
                                        bool dry_run) {
  const std::string beside = dry_run ? "" : path + ".tmp";
  std::uint64_t removed = 0;
  if (const auto status = Filter(path, beside, column, keys, &removed); !status.ok())
    return Error{status.IsIOError() ? ErrorCode::kUnavailable : ErrorCode::kCorrupt, status.ToString(), {path, 0}};
  if (removed > 0 && !dry_run && std::rename(beside.c_str(), path.c_str()) != 0)
    return Error{ErrorCode::kUnavailable, "cannot rename it into place", {path, 0}};
  return removed;
}

}  // namespace gfr
