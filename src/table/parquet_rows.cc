#include "table/parquet_rows.h"

#include <arrow/api.h>
#include <parquet/arrow/reader.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "base/number_text.h"
#include "base/time.h"
#include "table/open_parquet.h"

namespace gfr {
namespace {

using arrow::Type;

// --- Paths ---

struct Step {
  enum class Kind { kField, kEach, kEntry } kind;
  int field = 0;    // kField: of the struct.
  std::string key;  // kEntry: of a list of structs with a field `key`, or of a map.
};
struct Path {
  std::string name;
  int column = 0;
  std::vector<Step> steps;
  bool is_list = false;
};

bool IsList(const arrow::DataType& type) {
  return type.id() == Type::LIST || type.id() == Type::LARGE_LIST || type.id() == Type::FIXED_SIZE_LIST;
}
const arrow::DataType& ElementOf(const arrow::DataType& list) { return *list.field(0)->type(); }

// A value that has a text of one meaning: a duration or an interval is a number of what nobody knows.
bool IsPlain(const arrow::DataType& type) {
  if (type.id() == Type::DICTIONARY) return IsPlain(*static_cast<const arrow::DictionaryType&>(type).value_type());
  if (type.id() == Type::DURATION || arrow::is_interval(type.id())) return false;
  return !arrow::is_nested(type.id()) && type.id() != Type::EXTENSION && !arrow::is_union(type.id());
}

Error Nested(const std::string& name, const arrow::DataType& type, const std::string& path) {
  std::string text = type.ToString();
  if (text.size() > 200) text = text.substr(0, 197) + "...";
  std::string valid = "plain columns, lists of plain values, and paths to them";
  if (type.id() == Type::STRUCT && type.num_fields() > 0)
    valid = "its fields, as '" + name + "." + type.field(0)->name() + "'";
  if (IsList(type) && ElementOf(type).id() == Type::STRUCT && ElementOf(type).num_fields() > 0)
    valid = "fields of its elements, as '" + name + "." + ElementOf(type).field(0)->name() + "'";
  if (type.id() == Type::MAP) valid = "one entry, as '" + name + "[KEY]'";
  return Error{ErrorCode::kInvalidArgument, "column '" + name + "' is " + text + "; valid are " + valid, {path, 0}};
}

// The path that `name` names; nothing: there is no such column.
class PathReader {
 public:
  PathReader(const arrow::Schema& schema, std::string file) : schema_(schema), file_(std::move(file)) {}

  Result<std::optional<Path>> Read(const std::string& name) const {
    Path path{.name = name};
    path.column = schema_.GetFieldIndex(name);
    if (path.column >= 0) return Finish(path, *schema_.field(path.column)->type());
    std::string_view left = name;
    const std::string first = Segment(&left, &path.steps);
    path.column = schema_.GetFieldIndex(first);
    if (path.column < 0) return std::optional<Path>();
    const arrow::DataType* type = schema_.field(path.column)->type().get();
    std::vector<Step> entries = std::move(path.steps);
    path.steps.clear();
    for (;;) {
      for (Step& entry : entries) {
        const arrow::DataType* value = EntryOf(*type);
        if (!value) return Nested(name, *type, file_);
        path.steps.push_back(std::move(entry));
        type = value;
      }
      if (left.empty()) return Finish(path, *type);
      if (IsList(*type) && !path.is_list) {
        path.is_list = true;
        path.steps.push_back({.kind = Step::Kind::kEach, .key = {}});
        type = &ElementOf(*type);
      }
      entries.clear();
      const std::string field = Segment(&left, &entries);
      if (type->id() != Type::STRUCT) return std::optional<Path>();
      const int index = static_cast<const arrow::StructType&>(*type).GetFieldIndex(field);
      if (index < 0) return std::optional<Path>();
      path.steps.push_back({.kind = Step::Kind::kField, .field = index, .key = {}});
      type = type->field(index)->type().get();
    }
  }

 private:
  Result<std::optional<Path>> Finish(Path path, const arrow::DataType& type) const {
    const arrow::DataType* last = &type;
    if (IsList(*last) && !path.is_list) {
      path.is_list = true;
      path.steps.push_back({.kind = Step::Kind::kEach, .key = {}});
      last = &ElementOf(*last);
    }
    if (!IsPlain(*last)) return Nested(path.name, type, file_);
    return std::optional(std::move(path));
  }

  // The next name before a dot, and its entries in brackets.
  static std::string Segment(std::string_view* left, std::vector<Step>* entries) {
    const std::size_t end = std::min(left->find_first_of(".["), left->size());
    std::string name(left->substr(0, end));
    left->remove_prefix(end);
    while (left->starts_with('[')) {
      const std::size_t close = std::min(left->find(']'), left->size());
      entries->push_back({.kind = Step::Kind::kEntry, .key = std::string(left->substr(1, close - 1))});
      left->remove_prefix(std::min(close + 1, left->size()));
    }
    if (left->starts_with('.')) left->remove_prefix(1);
    return name;
  }

  // What an entry of the column is: of a list the struct with its key, of a map the value; null: it has none.
  static const arrow::DataType* EntryOf(const arrow::DataType& type) {
    if (type.id() == Type::MAP) return static_cast<const arrow::MapType&>(type).item_type().get();
    if (!IsList(type) || ElementOf(type).id() != Type::STRUCT) return nullptr;
    return static_cast<const arrow::StructType&>(ElementOf(type)).GetFieldIndex("key") < 0 ? nullptr : &ElementOf(type);
  }

  const arrow::Schema& schema_;
  const std::string file_;
};

// --- Values ---

std::string TimeText(const arrow::Array& array, std::int64_t i) {
  const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
  const std::int64_t value = static_cast<const arrow::TimestampArray&>(array).Value(i);
  const auto floor = [](std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); };
  const std::int64_t ms = type.unit() == arrow::TimeUnit::SECOND  ? value * 1000
                          : type.unit() == arrow::TimeUnit::MILLI ? value
                          : type.unit() == arrow::TimeUnit::MICRO ? floor(value, 1000)
                                                                  : floor(value, 1000000);
  std::string text = FormatTime(ms);
  // A timestamp without a zone keeps that it has none.
  if (type.timezone().empty() && text.ends_with('Z')) text.pop_back();
  return text;
}

template <typename Array>
std::string View(const arrow::Array& array, std::int64_t i) {
  return std::string(static_cast<const Array&>(array).GetView(i));
}

// As every number is written: 38.50 is "38.5", and 5.00 is "5". No digit is lost.
std::string DecimalText(std::string text) {
  if (text.find_first_of("eE") != std::string::npos) {
    double number = 0;
    return ParseNumber(text, &number) ? NumberText(number) : text;
  }
  if (text.find('.') != std::string::npos) text.resize(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string Text(const arrow::Array& array, std::int64_t i) {
  if (array.IsNull(i)) return "";
  switch (array.type_id()) {
    case Type::STRING:
      return View<arrow::StringArray>(array, i);
    case Type::LARGE_STRING:
      return View<arrow::LargeStringArray>(array, i);
    case Type::BINARY:
      return View<arrow::BinaryArray>(array, i);
    case Type::LARGE_BINARY:
      return View<arrow::LargeBinaryArray>(array, i);
    case Type::FIXED_SIZE_BINARY:
      return View<arrow::FixedSizeBinaryArray>(array, i);
    case Type::DOUBLE:
      return NumberText(static_cast<const arrow::DoubleArray&>(array).Value(i));
    case Type::FLOAT:
      return NumberText(static_cast<const arrow::FloatArray&>(array).Value(i));
    case Type::TIMESTAMP:
      return TimeText(array, i);
    case Type::DICTIONARY: {
      const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
      return Text(*coded.dictionary(), coded.GetValueIndex(i));
    }
    case Type::INT32:
      return std::to_string(static_cast<const arrow::Int32Array&>(array).Value(i));
    case Type::INT64:
      return std::to_string(static_cast<const arrow::Int64Array&>(array).Value(i));
    case Type::UINT64:
      return std::to_string(static_cast<const arrow::UInt64Array&>(array).Value(i));
    default: {
      const auto scalar = array.GetScalar(i);
      if (!scalar.ok()) return "";
      const std::string text = (*scalar)->ToString();
      return arrow::is_decimal(array.type_id()) ? DecimalText(text) : text;
    }
  }
}

struct Range {
  const arrow::Array* values;
  std::int64_t from, to;
};
Range ElementsOf(const arrow::Array& array, std::int64_t i) {
  if (array.IsNull(i)) return {nullptr, 0, 0};
  if (array.type_id() == Type::LARGE_LIST) {
    const auto& list = static_cast<const arrow::LargeListArray&>(array);
    return {list.values().get(), list.value_offset(i), list.value_offset(i + 1)};
  }
  if (array.type_id() == Type::FIXED_SIZE_LIST) {
    const auto& list = static_cast<const arrow::FixedSizeListArray&>(array);
    return {list.values().get(), list.value_offset(i), list.value_offset(i) + list.value_length(i)};
  }
  const auto& list = static_cast<const arrow::ListArray&>(array);  // A map is one too.
  return {list.values().get(), list.value_offset(i), list.value_offset(i + 1)};
}

// The values at the end of a path.
void Walk(const arrow::Array& array, std::int64_t i, const std::vector<Step>& steps, std::size_t step,
          std::vector<std::string>* out) {
  if (step == steps.size()) {
    out->push_back(Text(array, i));
    return;
  }
  if (array.IsNull(i)) {
    out->emplace_back();
    return;
  }
  const Step& s = steps[step];
  if (s.kind == Step::Kind::kField) {
    // The child itself: GetFieldByName and field() of a sliced struct differ in their offset.
    const auto child = static_cast<const arrow::StructArray&>(array).field(s.field);
    return Walk(*child, i, steps, step + 1, out);
  }
  const Range range = ElementsOf(array, i);
  if (s.kind == Step::Kind::kEach) {
    for (std::int64_t k = range.from; k < range.to; ++k) Walk(*range.values, k, steps, step + 1, out);
    return;
  }
  const auto& entries = static_cast<const arrow::StructArray&>(*range.values);
  const bool is_map = array.type_id() == Type::MAP;
  const auto keys = is_map ? entries.field(0) : entries.GetFieldByName("key");
  const std::shared_ptr<arrow::Array> of_map = is_map ? entries.field(1) : nullptr;
  const arrow::Array& values = is_map ? *of_map : static_cast<const arrow::Array&>(entries);
  for (std::int64_t k = range.from; k < range.to; ++k) {
    if (Text(*keys, k) == s.key) return Walk(values, k, steps, step + 1, out);
  }
  out->emplace_back();
}

class ParquetRows final : public RowSource {
 public:
  // `reads`: of each column of the rows, its path in the batches; nothing: it is not read.
  ParquetRows(std::string path, std::shared_ptr<parquet::arrow::FileReader> file,
              std::shared_ptr<arrow::RecordBatchReader> batches, std::vector<std::string> columns,
              std::vector<std::optional<Path>> reads)
      : path_(std::move(path)),
        file_(std::move(file)),
        batches_(std::move(batches)),
        columns_(std::move(columns)),
        reads_(std::move(reads)) {}
  const std::vector<std::string>& columns() const override { return columns_; }
  std::uint64_t line() const override { return line_; }
  Result<bool> Next(std::vector<Cell>* row) override {
    while (!batch_ || at_ == batch_->num_rows()) {
      if (const auto status = batches_->ReadNext(&batch_); !status.ok()) return CorruptParquet(path_, status);
      if (!batch_) return false;
      at_ = 0;
    }
    row->assign(columns_.size(), {});
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!reads_[c]) continue;
      const arrow::Array& array = *batch_->column(reads_[c]->column);
      Cell& cell = (*row)[c];
      cell.is_list = reads_[c]->is_list;
      if (reads_[c]->steps.empty()) {
        cell.text = Text(array, at_);
        continue;
      }
      std::vector<std::string> values;
      if (!cell.is_list || !array.IsNull(at_)) Walk(array, at_, reads_[c]->steps, 0, &values);
      if (cell.is_list)
        cell.list = std::move(values);
      else if (!values.empty())
        cell.text = std::move(values[0]);
    }
    ++at_;
    ++line_;
    return true;
  }

 private:
  const std::string path_;
  const std::shared_ptr<parquet::arrow::FileReader> file_;  // The batches read through it.
  const std::shared_ptr<arrow::RecordBatchReader> batches_;
  const std::vector<std::string> columns_;
  const std::vector<std::optional<Path>> reads_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t at_ = 0;
  std::uint64_t line_ = 0;
};

// Adds the paths to plain values and lists of such below a column.
void AddPaths(const std::string& name, const arrow::DataType& type, bool in_list, std::vector<std::string>* paths) {
  const arrow::DataType* at = &type;
  const bool list = IsList(*at);
  if (list && !in_list) at = &ElementOf(*at);
  if (IsPlain(*at)) {
    paths->push_back(name);
  } else if (at->id() == Type::STRUCT) {
    for (const auto& field : at->fields()) AddPaths(name + "." + field->name(), *field->type(), in_list || list, paths);
  }
}

}  // namespace

Result<std::vector<std::string>> ParquetColumns(const std::string& path) {
  GFR_ASSIGN(const ParquetFile file, OpenParquetFile(path));
  std::vector<std::string> paths;
  for (const auto& field : file.schema->fields()) AddPaths(field->name(), *field->type(), false, &paths);
  return paths;
}

Result<std::unique_ptr<RowSource>> OpenParquet(const std::string& path, const std::vector<std::string>& wanted) {
  GFR_ASSIGN(const ParquetFile file, OpenParquetFile(path));
  const auto& schema = file.schema;

  // Cells for every column of the file, and behind them the paths.
  std::vector<std::string> columns = schema->field_names();
  std::vector<std::optional<Path>> reads(columns.size());
  const PathReader paths(*schema, path);
  for (const std::string& name : wanted.empty() ? schema->field_names() : wanted) {
    GFR_ASSIGN(auto found, paths.Read(name));
    if (!found) continue;
    if (found->name == schema->field(found->column)->name()) {
      reads[static_cast<std::size_t>(found->column)] = std::move(found);
    } else {
      columns.push_back(name);
      reads.push_back(std::move(found));
    }
  }
  // Only the columns that are read are decoded: leaves by the field they are of.
  std::vector<int> leaves;
  const auto& descriptor = *file.reader->parquet_reader()->metadata()->schema();
  std::map<int, int> batch_column;  // Of a column of the schema, its index in the batches.
  for (const auto& read : reads) {
    if (read) batch_column[read->column] = 0;
  }
  for (int leaf = 0; leaf < descriptor.num_columns(); ++leaf) {
    if (batch_column.contains(descriptor.group_node()->FieldIndex(*descriptor.GetColumnRoot(leaf))))
      leaves.push_back(leaf);
  }
  int next = 0;
  for (auto& [column, index] : batch_column) index = next++;
  for (auto& read : reads) {
    if (read) read->column = batch_column[read->column];
  }
  std::vector<int> groups(static_cast<std::size_t>(file.reader->num_row_groups()));
  std::iota(groups.begin(), groups.end(), 0);
  auto batches = file.reader->GetRecordBatchReader(groups, leaves);
  if (!batches.ok()) return CorruptParquet(path, batches.status());
  return std::unique_ptr<RowSource>(
      std::make_unique<ParquetRows>(path, file.reader, std::shared_ptr<arrow::RecordBatchReader>(std::move(*batches)),
                                    std::move(columns), std::move(reads)));
}

}  // namespace gfr
