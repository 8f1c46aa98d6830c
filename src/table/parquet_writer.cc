#include "table/parquet_writer.h"

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

#include <algorithm>
#include <cstring>

#include "table/open_parquet.h"

namespace gfr {
namespace {

using MadeArray = arrow::Result<std::shared_ptr<arrow::Array>>;

template <typename Builder, typename T>
MadeArray NumbersOf(const std::vector<T>& values) {
  Builder builder;
  ARROW_RETURN_NOT_OK(builder.Reserve(static_cast<std::int64_t>(values.size())));
  for (const T v : values) {
    if (v == v)
      builder.UnsafeAppend(v);
    else
      builder.UnsafeAppendNull();
  }
  return builder.Finish();
}
MadeArray ArrayOf(const std::vector<float>& values) { return NumbersOf<arrow::FloatBuilder>(values); }
MadeArray ArrayOf(const std::vector<double>& values) { return NumbersOf<arrow::DoubleBuilder>(values); }
MadeArray ArrayOf(const std::vector<std::int64_t>& values) { return NumbersOf<arrow::Int64Builder>(values); }
MadeArray ArrayOf(const std::vector<std::uint64_t>& values) { return NumbersOf<arrow::UInt64Builder>(values); }
MadeArray ArrayOf(const std::vector<std::string>& values) {
  arrow::StringBuilder builder;
  for (const std::string& v : values) ARROW_RETURN_NOT_OK(v.empty() ? builder.AppendNull() : builder.Append(v));
  return builder.Finish();
}
// 0, then `ends`.
arrow::Result<std::shared_ptr<arrow::Buffer>> OffsetsOf(const std::vector<std::int32_t>& ends) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                        arrow::AllocateBuffer(static_cast<std::int64_t>((ends.size() + 1) * sizeof ends[0])));
  std::memset(buffer->mutable_data(), 0, sizeof ends[0]);
  if (!ends.empty()) std::memcpy(buffer->mutable_data() + sizeof ends[0], ends.data(), ends.size() * sizeof ends[0]);
  return buffer;
}
// An array over the texts' own bytes, which must outlive it.
MadeArray ArrayOver(const Texts& texts, bool empty_is_null) {
  const auto count = static_cast<std::int64_t>(texts.size());
  ARROW_ASSIGN_OR_RAISE(auto offsets, OffsetsOf(texts.ends));
  std::shared_ptr<arrow::Buffer> valid;
  std::int64_t nulls = 0;
  if (empty_is_null) {
    ARROW_ASSIGN_OR_RAISE(valid, arrow::AllocateEmptyBitmap(count));
    std::int32_t begin = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int32_t end = texts.ends[static_cast<std::size_t>(i)];
      if (end > begin)
        arrow::bit_util::SetBit(valid->mutable_data(), i);
      else
        ++nulls;
      begin = end;
    }
  }
  return std::make_shared<arrow::StringArray>(count, std::move(offsets),
                                              std::make_shared<arrow::Buffer>(std::string_view(texts.bytes)),
                                              nulls > 0 ? std::move(valid) : nullptr, nulls);
}
MadeArray ArrayOf(const Texts& texts) { return ArrayOver(texts, true); }
MadeArray ArrayOf(const Blobs& blobs) {
  ARROW_ASSIGN_OR_RAISE(auto offsets, OffsetsOf(blobs.ends));
  return std::make_shared<arrow::BinaryArray>(static_cast<std::int64_t>(blobs.size()), std::move(offsets),
                                              std::make_shared<arrow::Buffer>(std::string_view(blobs.bytes)));
}
MadeArray ArrayOf(const TextLists& lists) {
  ARROW_ASSIGN_OR_RAISE(const auto texts, ArrayOver(lists.texts, false));
  ARROW_ASSIGN_OR_RAISE(auto offsets, OffsetsOf(lists.ends));
  return std::make_shared<arrow::ListArray>(arrow::list(arrow::utf8()), static_cast<std::int64_t>(lists.size()),
                                            std::move(offsets), texts);
}

template <typename T>
MadeArray ArrayOf(const NumberLists<T>& lists) {
  ARROW_ASSIGN_OR_RAISE(const auto numbers, ArrayOf(lists.numbers));
  ARROW_ASSIGN_OR_RAISE(auto offsets, OffsetsOf(lists.ends));
  return std::make_shared<arrow::ListArray>(arrow::list(numbers->type()), static_cast<std::int64_t>(lists.size()),
                                            std::move(offsets), numbers);
}

arrow::Status ToArrow(const Status& status) {
  return status.ok() ? arrow::Status::OK() : arrow::Status::IOError(status.error().ToString());
}

// Arrow's stream over our file.
class FileOut final : public arrow::io::OutputStream {
 public:
  explicit FileOut(std::unique_ptr<WritableFile> file) : file_(std::move(file)) {}
  arrow::Status Write(const void* data, std::int64_t size) override {
    if (!file_) return arrow::Status::IOError("the file is closed");
    return ToArrow(file_->Append({static_cast<const char*>(data), static_cast<std::size_t>(size)}));
  }
  arrow::Status Close() override {
    if (closed()) return arrow::Status::OK();
    const arrow::Status synced = ToArrow(file_->Sync());
    file_.reset();
    return synced;
  }
  arrow::Status Abort() override {
    file_.reset();
    return arrow::Status::OK();
  }
  arrow::Result<std::int64_t> Tell() const override {
    if (!file_) return arrow::Status::IOError("the file is closed");
    return static_cast<std::int64_t>(file_->size());
  }
  bool closed() const override { return !file_; }

 private:
  std::unique_ptr<WritableFile> file_;
};

arrow::Result<std::shared_ptr<arrow::RecordBatch>> BatchOf(const std::vector<NamedColumn>& columns,
                                                           const std::shared_ptr<arrow::Schema>& schema) {
  arrow::ArrayVector arrays;
  for (const NamedColumn& column : columns) {
    ARROW_ASSIGN_OR_RAISE(auto array, std::visit([](const auto& values) { return ArrayOf(values); }, column.values));
    arrays.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(schema, arrays.empty() ? 0 : arrays[0]->length(), arrays);
}

constexpr std::int64_t kCopiedRows = 1 << 16;  // Of a row group that is put together of small ones.

// The rows of a table whose `column` is in [from, until). REQUIRES: the column rises and has no null.
arrow::Result<std::shared_ptr<arrow::Table>> RowsBetween(const std::shared_ptr<arrow::Table>& table,
                                                         const std::string& column, std::int64_t from,
                                                         std::int64_t until) {
  const auto values = table->GetColumnByName(column);
  if (!values || values->type()->id() != arrow::Type::INT64)
    return arrow::Status::Invalid("it has no column '", column, "' of int64");
  std::int64_t begin = 0, end = 0;
  for (const auto& chunk : values->chunks()) {
    const auto* numbers = chunk->data()->GetValues<std::int64_t>(1);
    begin += std::lower_bound(numbers, numbers + chunk->length(), from) - numbers;
    end += std::lower_bound(numbers, numbers + chunk->length(), until) - numbers;
  }
  return table->Slice(begin, std::max<std::int64_t>(0, end - begin));
}

}  // namespace

struct ParquetWriter::State {
  FileSystem& fs;
  const std::string path;
  std::shared_ptr<FileOut> out;
  std::shared_ptr<arrow::Schema> schema;
  std::unique_ptr<parquet::arrow::FileWriter> writer;
  std::vector<std::shared_ptr<arrow::Table>> copied;  // Small row groups, to become one.
  std::int64_t copied_rows = 0;
  bool published = false;

  arrow::Status Start(const std::vector<std::string>& unique) {
    parquet::WriterProperties::Builder builder;
    builder.compression(arrow::Compression::ZSTD);
    for (const std::string& name : unique) builder.disable_dictionary(name)->disable_statistics(name);
    const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ARROW_ASSIGN_OR_RAISE(writer, parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), out,
                                                                   builder.build(), arrow_properties));
    return arrow::Status::OK();
  }
  arrow::Status WriteCopied() {
    if (copied.empty()) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto table, arrow::ConcatenateTables(copied));
    copied.clear();
    copied_rows = 0;
    return writer->WriteTable(*table, std::max<std::int64_t>(1, table->num_rows()));
  }
  std::string beside() const { return path + ".tmp"; }
  Error Failed(const arrow::Status& status) const { return {ErrorCode::kUnavailable, status.ToString(), {path, 0}}; }
};

ParquetWriter::ParquetWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}

ParquetWriter::~ParquetWriter() {
  if (state_->published) return;
  (void)state_->out->Abort();
  state_->writer.reset();
  (void)state_->fs.Remove(state_->beside());
}

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::Open(FileSystem& fs, const std::string& path,
                                                           const std::vector<NamedColumn>& schema,
                                                           const ParquetMetadata& metadata) {
  auto state = std::make_unique<State>(State{.fs = fs, .path = path});
  GFR_ASSIGN(auto file, fs.OpenForWrite(state->beside(), /*append=*/false));
  state->out = std::make_shared<FileOut>(std::move(file));
  const auto open = [&]() -> arrow::Status {
    arrow::FieldVector fields;
    for (const NamedColumn& column : schema) {
      ARROW_ASSIGN_OR_RAISE(const auto array,
                            std::visit([](const auto& values) { return ArrayOf(values); }, column.values));
      fields.push_back(arrow::field(column.name, array->type()));
    }
    std::vector<std::string> keys, values;
    for (const auto& [key, value] : metadata) {
      keys.push_back(key);
      values.push_back(value);
    }
    state->schema = arrow::schema(
        fields, metadata.empty() ? nullptr : arrow::key_value_metadata(std::move(keys), std::move(values)));
    std::vector<std::string> unique;
    for (const NamedColumn& column : schema) {
      if (column.is_unique) unique.push_back(column.name);
    }
    return state->Start(unique);
  };
  const arrow::Status opened = open();
  std::unique_ptr<ParquetWriter> writer(new ParquetWriter(std::move(state)));
  if (!opened.ok()) return writer->state_->Failed(opened);
  return writer;
}

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::OpenLike(FileSystem& fs, const std::string& path,
                                                               const std::string& like,
                                                               const std::vector<std::string>& unique) {
  GFR_ASSIGN(const ParquetFile file, OpenParquetFile(like));
  auto state = std::make_unique<State>(State{.fs = fs, .path = path});
  GFR_ASSIGN(auto out, fs.OpenForWrite(state->beside(), /*append=*/false));
  state->out = std::make_shared<FileOut>(std::move(out));
  state->schema = file.schema;
  const arrow::Status opened = state->Start(unique);
  std::unique_ptr<ParquetWriter> writer(new ParquetWriter(std::move(state)));
  if (!opened.ok()) return writer->state_->Failed(opened);
  return writer;
}

Status ParquetWriter::AppendFile(const std::string& path, const std::string& column, std::int64_t from,
                                 std::int64_t until) {
  GFR_ASSIGN(const ParquetFile file, OpenParquetFile(path));
  State& s = *state_;
  if (!file.schema->Equals(*s.schema, /*check_metadata=*/false))
    return Error{ErrorCode::kInvalidArgument, "its columns are not those of '" + s.path + "'", {path, 0}};
  for (int g = 0; g < file.reader->num_row_groups(); ++g) {
    const auto table = file.reader->ReadRowGroup(g);
    if (!table.ok()) return CorruptParquet(path, table.status());
    const auto rows = RowsBetween(*table, column, from, until);
    if (!rows.ok()) return CorruptParquet(path, rows.status());
    if ((*rows)->num_rows() == 0) continue;
    s.copied.push_back(*rows);
    s.copied_rows += (*rows)->num_rows();
    if (s.copied_rows < kCopiedRows) continue;
    if (const auto written = s.WriteCopied(); !written.ok()) return s.Failed(written);
  }
  return {};
}

Status ParquetWriter::Append(const std::vector<NamedColumn>& batch) {
  const auto append = [&]() -> arrow::Status {
    ARROW_RETURN_NOT_OK(state_->WriteCopied());
    ARROW_ASSIGN_OR_RAISE(const auto made, BatchOf(batch, state_->schema));
    ARROW_ASSIGN_OR_RAISE(const auto table, arrow::Table::FromRecordBatches(state_->schema, {made}));
    return state_->writer->WriteTable(*table, std::max<std::int64_t>(1, table->num_rows()));
  };
  if (const arrow::Status status = append(); !status.ok()) return state_->Failed(status);
  return {};
}

Status ParquetWriter::Close() {
  State& s = *state_;
  if (const arrow::Status status = s.WriteCopied(); !status.ok()) return s.Failed(status);
  if (const arrow::Status status = s.writer->Close(); !status.ok()) return s.Failed(status);
  if (const arrow::Status status = s.out->Close(); !status.ok()) return s.Failed(status);
  GFR_TRY(s.fs.Rename(s.beside(), s.path));
  s.published = true;
  const std::size_t slash = s.path.rfind('/');
  return s.fs.SyncDirectory(slash == std::string::npos ? "." : s.path.substr(0, slash));
}

Status WriteParquet(const std::string& path, const std::vector<NamedColumn>& columns) {
  std::vector<NamedColumn> schema;
  for (const NamedColumn& column : columns) {
    std::visit(
        [&](const auto& values) {
          schema.push_back({column.name, std::decay_t<decltype(values)>(), column.is_unique});
        },
        column.values);
  }
  GFR_ASSIGN(const auto writer, ParquetWriter::Open(PosixFileSystem(), path, schema));
  GFR_TRY(writer->Append(columns));
  return writer->Close();
}

void GiveBackTableMemory() { arrow::default_memory_pool()->ReleaseUnused(); }

}  // namespace gfr
