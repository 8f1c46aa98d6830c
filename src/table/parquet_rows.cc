#include "table/parquet_rows.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>

#include "base/time.h"

namespace gfr {
namespace {

std::string Text(const arrow::Array& array, std::int64_t i) {
  if (array.IsNull(i)) return "";
  switch (array.type_id()) {
    case arrow::Type::STRING:
      return static_cast<const arrow::StringArray&>(array).GetString(i);
    case arrow::Type::LARGE_STRING:
      return static_cast<const arrow::LargeStringArray&>(array).GetString(i);
    case arrow::Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType&>(*array.type()).unit();
      const std::int64_t value = static_cast<const arrow::TimestampArray&>(array).Value(i);
      const std::int64_t ms = unit == arrow::TimeUnit::SECOND  ? value * 1000
                              : unit == arrow::TimeUnit::MILLI ? value
                              : unit == arrow::TimeUnit::MICRO ? value / 1000
                                                               : value / 1000000;
      std::string text = FormatTime(ms);
      // A timestamp without a zone keeps that it has none.
      if (static_cast<const arrow::TimestampType&>(*array.type()).timezone().empty() && text.ends_with('Z'))
        text.pop_back();
      return text;
    }
    default: {
      const auto scalar = array.GetScalar(i);
      return scalar.ok() ? (*scalar)->ToString() : "";
    }
  }
}

class ParquetRows final : public RowSource {
 public:
  ParquetRows(std::string path, std::unique_ptr<parquet::arrow::FileReader> file,
              std::shared_ptr<arrow::RecordBatchReader> batches)
      : path_(std::move(path)),
        file_(std::move(file)),
        batches_(std::move(batches)),
        columns_(batches_->schema()->field_names()) {}
  const std::vector<std::string>& columns() const override { return columns_; }
  std::uint64_t line() const override { return line_; }
  Result<bool> Next(std::vector<Cell>* row) override {
    while (!batch_ || at_ == batch_->num_rows()) {
      if (const auto status = batches_->ReadNext(&batch_); !status.ok())
        return Error{ErrorCode::kCorrupt, status.ToString(), {path_, 0}};
      if (!batch_) return false;
      at_ = 0;
    }
    row->assign(columns_.size(), {});
    for (int c = 0; c < batch_->num_columns(); ++c) {
      const arrow::Array& array = *batch_->column(c);
      Cell& cell = (*row)[static_cast<std::size_t>(c)];
      if (array.type_id() == arrow::Type::LIST || array.type_id() == arrow::Type::LARGE_LIST) {
        cell.is_list = true;
        const auto read = [&](const auto& list) {
          for (auto k = list.value_offset(at_); !array.IsNull(at_) && k < list.value_offset(at_ + 1); ++k)
            cell.list.push_back(Text(*list.values(), k));
        };
        if (array.type_id() == arrow::Type::LIST)
          read(static_cast<const arrow::ListArray&>(array));
        else
          read(static_cast<const arrow::LargeListArray&>(array));
      } else {
        cell.text = Text(array, at_);
      }
    }
    ++at_;
    ++line_;
    return true;
  }

 private:
  const std::string path_;
  const std::unique_ptr<parquet::arrow::FileReader> file_;  // The batches read through it.
  const std::shared_ptr<arrow::RecordBatchReader> batches_;
  const std::vector<std::string> columns_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t at_ = 0;
  std::uint64_t line_ = 0;
};

}  // namespace

Result<std::unique_ptr<RowSource>> OpenParquet(const std::string& path) {
  const auto input = arrow::io::ReadableFile::Open(path);
  if (!input.ok()) return Error{ErrorCode::kNotFound, input.status().ToString(), {path, 0}};
  const auto corrupt = [&](const arrow::Status& status) {
    return Error{ErrorCode::kCorrupt, status.ToString(), {path, 0}};
  };
  auto file = parquet::arrow::OpenFile(*input, arrow::default_memory_pool());
  if (!file.ok()) return corrupt(file.status());
  auto batches = (*file)->GetRecordBatchReader();
  if (!batches.ok()) return corrupt(batches.status());
  for (const auto& field : (*batches)->schema()->fields()) {
    const auto id = field->type()->id();
    if (id == arrow::Type::STRUCT || id == arrow::Type::MAP) {
      return Error{
          ErrorCode::kInvalidArgument,
          "column '" + field->name() + "' is a " + field->type()->ToString() + "; valid are plain columns and lists",
          {path, 0}};
    }
  }
  return std::unique_ptr<RowSource>(std::make_unique<ParquetRows>(
      path, std::move(*file), std::shared_ptr<arrow::RecordBatchReader>(std::move(*batches))));
}

}  // namespace gfr
