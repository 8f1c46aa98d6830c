#include "table/parquet_columns.h"

#include <arrow/api.h>
#include <arrow/util/float16.h>
#include <parquet/arrow/reader.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "table/open_parquet.h"

namespace gfr {
namespace {

using arrow::Type;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

bool IsNumber(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || arrow::is_floating(type.id()) || arrow::is_decimal(type.id()) ||
         type.id() == Type::BOOL || type.id() == Type::NA;
}
bool IsText(const arrow::DataType& type) {
  return type.id() == Type::STRING || type.id() == Type::LARGE_STRING || type.id() == Type::BINARY ||
         type.id() == Type::LARGE_BINARY;
}

// Numbers that a double may not hold.
bool MayBeInexact(const arrow::DataType& type) {
  return type.id() == Type::INT64 || type.id() == Type::UINT64 || arrow::is_decimal(type.id());
}

// Values [from, to) of an array whose type IsNumber.
template <typename Array>
void AppendValues(const arrow::Array& array, std::int64_t from, std::int64_t to, std::vector<double>* out) {
  const auto& values = static_cast<const Array&>(array);
  if (array.null_count() == 0) {
    for (std::int64_t i = from; i < to; ++i) out->push_back(static_cast<double>(values.Value(i)));
    return;
  }
  for (std::int64_t i = from; i < to; ++i)
    out->push_back(values.IsNull(i) ? kMissing : static_cast<double>(values.Value(i)));
}

Status AppendNumbers(const arrow::Array& array, std::int64_t from, std::int64_t to, std::vector<double>* out) {
  switch (array.type_id()) {
    case Type::BOOL:
      AppendValues<arrow::BooleanArray>(array, from, to, out);
      return {};
    case Type::INT8:
      AppendValues<arrow::Int8Array>(array, from, to, out);
      return {};
    case Type::UINT8:
      AppendValues<arrow::UInt8Array>(array, from, to, out);
      return {};
    case Type::INT16:
      AppendValues<arrow::Int16Array>(array, from, to, out);
      return {};
    case Type::UINT16:
      AppendValues<arrow::UInt16Array>(array, from, to, out);
      return {};
    case Type::INT32:
      AppendValues<arrow::Int32Array>(array, from, to, out);
      return {};
    case Type::UINT32:
      AppendValues<arrow::UInt32Array>(array, from, to, out);
      return {};
    case Type::INT64:
      AppendValues<arrow::Int64Array>(array, from, to, out);
      return {};
    case Type::UINT64:
      AppendValues<arrow::UInt64Array>(array, from, to, out);
      return {};
    case Type::FLOAT:
      AppendValues<arrow::FloatArray>(array, from, to, out);
      return {};
    case Type::DOUBLE:
      AppendValues<arrow::DoubleArray>(array, from, to, out);
      return {};
    case Type::NA:
      out->resize(out->size() + static_cast<std::size_t>(to - from), kMissing);
      return {};
    case Type::HALF_FLOAT:
      for (std::int64_t i = from; i < to; ++i) {
        const auto& halves = static_cast<const arrow::HalfFloatArray&>(array);
        out->push_back(halves.IsNull(i) ? kMissing : arrow::util::Float16::FromBits(halves.Value(i)).ToDouble());
      }
      return {};
    default:  // Decimals: the nearest double.
      for (std::int64_t i = from; i < to; ++i) {
        if (array.IsNull(i)) {
          out->push_back(kMissing);
          continue;
        }
        const auto scalar = array.GetScalar(i);
        if (!scalar.ok()) return Error{ErrorCode::kCorrupt, scalar.status().ToString()};
        out->push_back(std::strtod((*scalar)->ToString().c_str(), nullptr));
      }
      return {};
  }
}

template <typename Array>
void AppendViews(const arrow::Array& array, std::int64_t from, std::int64_t to, std::vector<std::string>* out) {
  const auto& values = static_cast<const Array&>(array);
  for (std::int64_t i = from; i < to; ++i) {
    if (values.IsNull(i))
      out->emplace_back();
    else
      out->emplace_back(values.GetView(i));
  }
}

// Values of a type that MayBeInexact, with all their digits.
template <typename Array>
void AppendDigits(const arrow::Array& array, std::int64_t from, std::int64_t to, std::vector<std::string>* out) {
  const auto& values = static_cast<const Array&>(array);
  for (std::int64_t i = from; i < to; ++i) {
    if constexpr (requires { values.FormatValue(i); })
      out->push_back(values.IsNull(i) ? std::string() : values.FormatValue(i));
    else
      out->push_back(values.IsNull(i) ? std::string() : std::to_string(values.Value(i)));
  }
}

void AppendTexts(const arrow::Array& array, std::int64_t from, std::int64_t to, std::vector<std::string>* out) {
  if (array.type_id() == Type::INT64)
    AppendDigits<arrow::Int64Array>(array, from, to, out);
  else if (array.type_id() == Type::UINT64)
    AppendDigits<arrow::UInt64Array>(array, from, to, out);
  else if (array.type_id() == Type::DECIMAL128)
    AppendDigits<arrow::Decimal128Array>(array, from, to, out);
  else if (array.type_id() == Type::DECIMAL256)
    AppendDigits<arrow::Decimal256Array>(array, from, to, out);
  else if (array.type_id() == Type::STRING)
    AppendViews<arrow::StringArray>(array, from, to, out);
  else if (array.type_id() == Type::LARGE_STRING)
    AppendViews<arrow::LargeStringArray>(array, from, to, out);
  else if (array.type_id() == Type::BINARY)
    AppendViews<arrow::BinaryArray>(array, from, to, out);
  else
    AppendViews<arrow::LargeBinaryArray>(array, from, to, out);
}

// Values [from, to) of any column that Select takes.
Status Append(const arrow::Array& array, std::int64_t from, std::int64_t to, SourceColumn* out) {
  if (array.type_id() != Type::DICTIONARY) {
    if (!out->is_text) return AppendNumbers(array, from, to, &out->numbers);
    AppendTexts(array, from, to, &out->texts);
    return {};
  }
  const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
  SourceColumn words{.is_text = out->is_text, .numbers = {}, .texts = {}};
  GFR_TRY(Append(*coded.dictionary(), 0, coded.dictionary()->length(), &words));
  for (std::int64_t i = from; i < to; ++i) {
    const auto code = coded.IsNull(i) ? std::size_t{0} : static_cast<std::size_t>(coded.GetValueIndex(i));
    if (out->is_text)
      out->texts.push_back(coded.IsNull(i) ? std::string() : words.texts[code]);
    else
      out->numbers.push_back(coded.IsNull(i) ? kMissing : words.numbers[code]);
  }
  return {};
}

class ParquetColumnSource final : public ColumnSource {
 public:
  ParquetColumnSource(std::string path, ParquetFile file)
      : path_(std::move(path)), file_(std::move(file)), columns_(file_.schema->field_names()) {}
  const std::vector<std::string>& columns() const override { return columns_; }
  std::uint64_t line(std::size_t i) const override { return first_ + i + 1; }

  Status SelectIds(std::size_t column) override {
    ids_ = true;
    return Select({column});
  }
  Status Select(std::vector<std::size_t> wanted) override {
    std::map<int, int> place;  // Of a column of the file in the batches.
    for (const std::size_t k : wanted) {
      const auto& field = *file_.schema->field(static_cast<int>(k));
      const arrow::DataType* type = field.type().get();
      if (type->id() == Type::DICTIONARY) type = static_cast<const arrow::DictionaryType&>(*type).value_type().get();
      if (!IsNumber(*type) && !IsText(*type))
        return Error{ErrorCode::kInvalidArgument,
                     "column '" + field.name() + "' is " + field.type()->ToString().substr(0, 200) +
                         "; valid are numbers, booleans, texts and dictionaries of these",
                     {path_, 0}};
      is_text_.push_back(IsText(*type) || (ids_ && MayBeInexact(*type)));
      place[static_cast<int>(k)] = 0;
    }
    int next = 0;
    for (auto& [column, index] : place) index = next++;
    for (const std::size_t k : wanted) place_.push_back(place[static_cast<int>(k)]);
    std::vector<int> leaves, groups(static_cast<std::size_t>(file_.reader->num_row_groups()));
    const auto& schema = *file_.reader->parquet_reader()->metadata()->schema();
    for (int leaf = 0; leaf < schema.num_columns(); ++leaf) {
      if (place.contains(schema.group_node()->FieldIndex(*schema.GetColumnRoot(leaf)))) leaves.push_back(leaf);
    }
    std::iota(groups.begin(), groups.end(), 0);
    auto batches = file_.reader->GetRecordBatchReader(groups, leaves);
    if (!batches.ok()) return CorruptParquet(path_, batches.status());
    batches_ = std::move(*batches);
    return {};
  }

  Result<std::size_t> Next(std::size_t max, std::vector<SourceColumn>* out) override {
    out->resize(place_.size());
    for (std::size_t k = 0; k < place_.size(); ++k) {
      (*out)[k].is_text = is_text_[k];
      (*out)[k].numbers.clear();
      (*out)[k].texts.clear();
    }
    first_ += read_;
    read_ = 0;
    while (read_ < max) {
      while (!batch_ || at_ == batch_->num_rows()) {
        if (const auto status = batches_->ReadNext(&batch_); !status.ok()) return CorruptParquet(path_, status);
        at_ = 0;
        if (!batch_) return read_;
      }
      const std::int64_t to = std::min(batch_->num_rows(), at_ + static_cast<std::int64_t>(max - read_));
      for (std::size_t k = 0; k < place_.size(); ++k) {
        if (const Status status = Append(*batch_->column(place_[k]), at_, to, &(*out)[k]); !status.ok())
          return Error{status.error().code, status.error().message, {path_, 0}};
      }
      read_ += static_cast<std::size_t>(to - at_);
      at_ = to;
    }
    return read_;
  }

 private:
  const std::string path_;
  const ParquetFile file_;  // The batches read through it.
  const std::vector<std::string> columns_;
  std::vector<int> place_;  // Of each wanted column, in the batches.
  std::vector<bool> is_text_;
  bool ids_ = false;  // By SelectIds.
  std::shared_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t at_ = 0;
  std::size_t first_ = 0, read_ = 0;  // Rows before the last batch that Next gave, and in it.
};

}  // namespace

Result<std::unique_ptr<ColumnSource>> OpenParquetColumns(const std::string& path) {
  GFR_ASSIGN(ParquetFile file, OpenParquetFile(path));
  return std::unique_ptr<ColumnSource>(std::make_unique<ParquetColumnSource>(path, std::move(file)));
}

}  // namespace gfr
