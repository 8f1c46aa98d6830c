#include "serve/row_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

#include "base/decimal.h"
#include "base/truth_text.h"
#include "serve/binary_tensor.h"
#include "serve/number_list.h"
#include "serve/plain_body.h"

namespace gfr {
namespace {

namespace json = simdjson::ondemand;

constexpr double kMissingNumber = std::numeric_limits<double>::quiet_NaN();
constexpr int kMostDimensions = 8;

Error WrongRows(std::string why) { return {ErrorCode::kInvalidArgument, std::move(why)}; }
Error NotJson(simdjson::error_code code) {
  return WrongRows(std::string("the body is not valid JSON: ") + simdjson::error_message(code));
}
std::string RowName(std::size_t row) { return "row " + std::to_string(row); }

// The parser looks a few bytes beyond the text.
simdjson::simdjson_result<json::document> OpenJson(std::string& body, std::size_t json_bytes) {
  thread_local json::parser parser;
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  return parser.iterate(simdjson::padded_string_view(body.data(), json_bytes, body.capacity()));
}
simdjson::simdjson_result<json::document> OpenJson(std::string& body) { return OpenJson(body, body.size()); }

bool IsAtEnd(json::document& document) { return document.current_location().error() == simdjson::OUT_OF_BOUNDS; }

// What is no number of JSON, and stands for one all the same.
bool AddWord(json::value value, RowMatrix* rows) {
  const std::string_view word = value.raw_json_token();
  const auto is = [&](std::string_view known) {
    return word.starts_with(known) && word.find_first_not_of(" \t\r\n", known.size()) == std::string_view::npos;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (is("null") || is("NaN"))
    rows->Add(kMissingNumber);
  else if (is("true") || is("false"))
    rows->Add(is("true") ? 1 : 0);
  else if (is("Infinity") || is("-Infinity"))
    rows->Add(is("Infinity") ? kInfinity : -kInfinity);
  else
    return false;
  return true;
}

// A number is read by ReadJsonNumber too: simdjson 3.0.1 reads some of more than 19 digits wrong ("0." and 22 digits).
bool AddNumber(json::value value, RowMatrix* rows) {
  double number = 0;
  const std::string_view token = value.raw_json_token();  // With the blanks behind it.
  const char* const end = token.data() + token.size();
  const char* const behind = ReadJsonNumber(token.data(), end, &number);
  if (behind == nullptr || std::any_of(behind, end, [](char c) { return !IsJsonBlank(c); }))
    return AddWord(value, rows);
  rows->Add(number);
  return true;
}

bool AddPlainNumbers(std::string_view text, RowMatrix* rows) {
  const char *const at = text.data() + 1, *const end = text.data() + text.size();  // Behind the bracket.
  return (rows->doubles ? ReadNumberList(at, end, &rows->f64) : ReadNumberList(at, end, &rows->f32)) != nullptr;
}

// The numbers of a list as its text has them: most bodies are nothing else. False: something stands there that the
// parser must judge; the list is read on by it, and `rows` is as it was.
bool AddPlainNumbers(json::array& list, RowMatrix* rows) {
  std::string_view text;
  if (list.raw_json().get(text) == simdjson::SUCCESS && !text.empty() && AddPlainNumbers(text, rows)) return true;
  list.reset();
  return false;
}

// All numbers of a list, however deep they lie.
Status AddNumbers(json::array list, RowMatrix* rows, int depth = 0) {
  if (AddPlainNumbers(list, rows)) return {};
  for (auto element : list) {
    json::value value;
    if (const auto code = element.get(value)) return NotJson(code);
    json::array inner;
    if (value.get_array().get(inner) == simdjson::SUCCESS) {
      if (depth == kMostDimensions) return WrongRows("a list of numbers is too deep");
      GFR_TRY(AddNumbers(inner, rows, depth + 1));
    } else if (!AddNumber(value, rows)) {
      return WrongRows("value " + std::to_string(rows->values()) + " is no number");
    }
  }
  return {};
}

// Reads rows in any of their forms.
class RowsOfJson {
 public:
  // `most_values`: that the body can have; a matrix of more is refused before it is made.
  RowsOfJson(const ForestModel& model, RowMatrix* rows, std::size_t most_values)
      : model_(model), rows_(rows), most_values_(most_values), seen_(model.columns(), 0) {}

  Status AddRow(json::value value) {
    json::array list;
    json::object object;
    if (value.get_array().get(list) == simdjson::SUCCESS) return AddList(list);
    if (value.get_object().get(object) == simdjson::SUCCESS) return AddObject(object);
    if (!AddNumber(value, rows_)) return WrongRows(RowName(row_) + " is neither a list of numbers nor an object");
    return EndRow(1);
  }
  Status AddRows(json::value value, const char* what) {
    json::array list;
    if (value.get_array().get(list)) return WrongRows(std::string(what) + " is not a list of rows");
    for (auto element : list) {
      json::value row;
      if (const auto code = element.get(row)) return NotJson(code);
      GFR_TRY(AddRow(row));
    }
    return {};
  }
  // {"columns": [...], "data": [...]}, in any order; other members are passed over.
  Status AddSplit(json::value value) {
    json::object split;
    if (value.get_object().get(split)) return WrongRows("dataframe_split is not an object");
    std::vector<int> places;
    bool has_data = false, has_columns = false;
    for (auto field : split) {
      std::string_view key;
      json::value member;
      if (const auto code = field.unescaped_key().get(key)) return NotJson(code);
      const bool is_columns = key == "columns", is_data = key == "data";
      if (const auto code = field.value().get(member)) return NotJson(code);
      if ((is_columns && has_columns) || (is_data && has_data))
        return WrongRows("dataframe_split has columns or data twice");
      if (is_columns) {
        GFR_TRY(ReadNames(member, &places));
        has_columns = true;
      } else if (is_data) {
        GFR_TRY(AddRows(member, "dataframe_split.data"));
        has_data = true;
      }
    }
    if (!has_data) return WrongRows("dataframe_split has no data");
    if (has_columns) Permute(places);
    return {};
  }
  // {NAME: [NUMBER, ...], ...}
  Status AddColumns(json::object columns) {
    for (auto field : columns) {
      std::string_view key;
      json::value member;
      if (const auto code = field.unescaped_key().get(key)) return NotJson(code);
      const std::string name(key);
      if (const auto code = field.value().get(member)) return NotJson(code);
      GFR_ASSIGN(const int place, PlaceOf(name));
      RowMatrix values;
      values.Clear(1, rows_->doubles);
      json::array list;
      if (member.get_array().get(list)) return WrongRows("inputs." + name.substr(0, 100) + " is not a list of numbers");
      GFR_TRY(AddNumbers(list, &values));
      GFR_TRY(SetColumn(static_cast<std::size_t>(place), name, values));
    }
    return EndColumns();
  }
  Status SetColumn(std::size_t place, const std::string& name, const RowMatrix& values) {
    if (columns_set_ == 0) {
      row_ = values.values();
      if (row_ > most_values_ / model_.columns())
        return WrongRows("column '" + name.substr(0, 100) + "' has " + std::to_string(row_) +
                         " values; the other columns have fewer");
      rows_->Resize(row_ * model_.columns());
    }
    if (values.values() != row_)
      return WrongRows("column '" + name.substr(0, 100) + "' has " + std::to_string(values.values()) +
                       " values, another one " + std::to_string(row_));
    if (seen_[place]++ != 0) return WrongRows("column '" + name.substr(0, 100) + "' stands twice");
    ++columns_set_;
    for (std::size_t i = 0; i < row_; ++i)
      rows_->Set(i * model_.columns() + place, values.doubles ? values.f64[i] : static_cast<double>(values.f32[i]));
    return {};
  }
  Status EndColumns() const {
    if (columns_set_ == model_.columns()) return {};
    return WrongRows(std::to_string(columns_set_) + " columns; the model reads " + std::to_string(model_.columns()));
  }
  Result<int> PlaceOf(const std::string& name) const {
    const int place = model_.FindColumn(name);
    if (place >= 0) return place;
    if (model_.forest().column_names.empty())
      return WrongRows("the model's file names no columns: rows are lists of " + std::to_string(model_.columns()) +
                       " numbers in its order");
    return WrongRows("the model has no column '" + name.substr(0, 100) + "'; its first is '" +
                     model_.forest().column_names.front() + "'");
  }

 private:
  Status EndRow(std::size_t count) {
    if (count != model_.columns())
      return WrongRows(RowName(row_) + " has " + std::to_string(count) + " values; the model reads " +
                       std::to_string(model_.columns()));
    ++row_;
    return {};
  }
  Status AddList(json::array list) {
    const std::size_t before = rows_->values();
    if (AddPlainNumbers(list, rows_)) return EndRow(rows_->values() - before);
    std::size_t count = 0;
    for (auto element : list) {
      json::value value;
      if (const auto code = element.get(value)) return NotJson(code);
      if (!AddNumber(value, rows_))
        return WrongRows(RowName(row_) + ": value " + std::to_string(count) + " is no number");
      ++count;
    }
    return EndRow(count);
  }
  Status AddObject(json::object object) {
    bool is_record = false, is_list = false;
    std::size_t set = 0;
    const std::size_t base = row_ * model_.columns();
    for (auto field : object) {
      std::string_view key;
      json::value value;
      if (const auto code = field.unescaped_key().get(key)) return NotJson(code);
      json::array list;
      const bool is_features = !is_record && key == "features";
      const int place = is_features || is_list ? -1 : Guess(key, set);
      const std::string name(place < 0 ? key : std::string_view());
      if (const auto code = field.value().get(value)) return NotJson(code);
      if (is_list) continue;  // Of SageMaker's other members nothing is read.
      if (is_features && value.get_array().get(list) == simdjson::SUCCESS) {
        GFR_TRY(AddList(list));
        is_list = true;
        continue;
      }
      if (!is_record) rows_->Resize(base + model_.columns());
      is_record = true;
      int at = place;
      if (at < 0) {
        GFR_ASSIGN(at, PlaceOf(name));
      }
      const auto column = static_cast<std::size_t>(at);
      if (seen_[column] == row_ + 1) return WrongRows(RowName(row_) + " has a column twice");
      seen_[column] = row_ + 1;
      one_.Clear(1, rows_->doubles);
      if (!AddNumber(value, &one_))
        return WrongRows(RowName(row_) + ": value " + std::to_string(set) + " is no number");
      rows_->Set(base + column, one_.doubles ? one_.f64[0] : static_cast<double>(one_.f32[0]));
      ++set;
    }
    return is_list ? Status() : EndRow(set);
  }
  // Rows mostly have their names in the same order; -1: it must be looked up.
  int Guess(std::string_view key, std::size_t nth) {
    if (nth < order_.size() && order_[nth] >= 0 &&
        model_.forest().column_names[static_cast<std::size_t>(order_[nth])] == key)
      return order_[nth];
    const int place = model_.FindColumn(key);
    if (nth >= order_.size() && nth < model_.columns()) order_.resize(nth + 1, -1);
    if (nth < order_.size()) order_[nth] = place;
    return place;
  }
  Status ReadNames(json::value value, std::vector<int>* places) {
    json::array names;
    if (value.get_array().get(names)) return WrongRows("dataframe_split.columns is not a list of names");
    std::size_t count = 0;
    std::vector<std::uint8_t> seen(model_.columns(), 0);
    for (auto element : names) {
      json::value name;
      std::string_view text;
      if (const auto code = element.get(name)) return NotJson(code);
      ++count;
      if (model_.forest().column_names.empty()) continue;  // By their order.
      if (name.get_string().get(text)) return WrongRows("dataframe_split.columns holds what is no name");
      GFR_ASSIGN(const int place, PlaceOf(std::string(text)));
      if (seen[static_cast<std::size_t>(place)]++ != 0)
        return WrongRows("column '" + std::string(text.substr(0, 100)) + "' stands twice");
      places->push_back(place);
    }
    if (count != model_.columns())
      return WrongRows(std::to_string(count) + " columns; the model reads " + std::to_string(model_.columns()));
    return {};
  }
  // From the order of `places` to the model's.
  void Permute(const std::vector<int>& places) {
    if (std::ranges::is_sorted(places)) return;
    const auto permute = [&](auto& values) {
      auto row = std::vector(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(places.size()));
      for (std::size_t base = 0; base < values.size(); base += places.size()) {
        for (std::size_t k = 0; k < places.size(); ++k) row[static_cast<std::size_t>(places[k])] = values[base + k];
        std::ranges::copy(row, values.begin() + static_cast<std::ptrdiff_t>(base));
      }
    };
    if (row_ == 0) return;
    rows_->doubles ? permute(rows_->f64) : permute(rows_->f32);
  }

  const ForestModel& model_;
  RowMatrix* const rows_;
  const std::size_t most_values_;
  RowMatrix one_;
  std::size_t row_ = 0, columns_set_ = 0;
  std::vector<std::size_t> seen_;  // The last row, from 1, that had the column.
  std::vector<int> order_;         // Of the names in the rows before.
};

// A number of CSV, to the nearest one.
template <typename T>
bool ReadCell(std::string_view cell, T* out) {
  while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t')) cell.remove_prefix(1);
  while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t')) cell.remove_suffix(1);
  if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
  *out = std::numeric_limits<T>::quiet_NaN();
  if (cell.empty() || cell == "NA") return true;
  if (cell.front() == '+' && cell.size() > 1 && cell[1] != '-') cell.remove_prefix(1);
  const char* const cell_end = cell.data() + cell.size();
  if (ReadDecimal(cell.data(), cell_end, out) == cell_end) return true;
  const auto [end, code] = std::from_chars(cell.data(), cell_end, *out);
  if (code == std::errc::result_out_of_range && end == cell_end) {  // Infinity or zero is nearest.
    const std::string text(cell);
    *out = sizeof(T) == 4 ? static_cast<T>(std::strtof(text.c_str(), nullptr))
                          : static_cast<T>(std::strtod(text.c_str(), nullptr));
    return true;
  }
  if (code == std::errc{} && end == cell_end) return true;
  const auto truth = TruthOf(cell);
  if (truth) *out = *truth ? T{1} : T{0};
  return truth.has_value();
}

// Whether a line is the model's column names.
bool IsHeader(std::string_view line, const ForestModel& model) {
  const auto& names = model.forest().column_names;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const std::size_t end = std::min(line.find(','), line.size());
    if (line.substr(0, end) != names[k]) return false;
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return !names.empty() && line.empty();
}

Status AddCsvLine(std::string_view line, std::size_t number, const ForestModel& model, RowMatrix* rows) {
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    const std::size_t end = line.find(',');
    const std::string_view cell = line.substr(0, end);
    more = end != std::string_view::npos;
    if (more) line.remove_prefix(end + 1);
    bool is_number = false;
    if (rows->doubles) {
      is_number = ReadCell(cell, &rows->f64.emplace_back());
    } else {
      is_number = ReadCell(cell, &rows->f32.emplace_back());
    }
    if (!is_number)
      return WrongRows("line " + std::to_string(number) + ", column " + std::to_string(count + 1) + " is '" +
                       std::string(cell.substr(0, 40)) + "'; valid is a number, or nothing where it is missing");
  }
  if (count == model.columns()) return {};
  return WrongRows("line " + std::to_string(number) + " has " + std::to_string(count) + " columns; the model reads " +
                   std::to_string(model.columns()));
}

Status ReadInferText(json::value value, const char* what, std::string* out) {
  std::string_view text;
  if (value.get_string().get(text)) return WrongRows(std::string(what) + " is not a string");
  *out = text.substr(0, 1024);
  return {};
}

struct InferTensor {
  std::string name, datatype;
  std::vector<std::size_t> shape;
  RowMatrix values;
  bool has_data = false;
  std::optional<std::size_t> binary_bytes;
};

// What of a request's data does not stand in its document.
struct InferData {
  BodyWithoutData* taken = nullptr;  // One tensor's, if it was read before.
  std::string_view binary;           // Behind the document; tensors take theirs from its front.
};

// Gives `take` each member's name, of which 40 bytes are enough to know it, and its value.
template <typename Take>
Status ForEachMember(json::object object, Take take) {
  for (auto field : object) {
    std::string_view key;
    json::value value;
    if (const auto code = field.unescaped_key().get(key)) return NotJson(code);
    const std::string name(key.substr(0, 40));
    if (const auto code = field.value().get(value)) return NotJson(code);
    GFR_TRY(take(name, value));
  }
  return {};
}

// Gives `take` the member `key` of {"parameters": {...}}, if it is there.
template <typename Take>
Status ReadParameter(json::value parameters, std::string_view key, Take take) {
  json::object object;
  if (parameters.get_object().get(object)) return WrongRows("parameters is not an object");
  return ForEachMember(
      object, [&](const std::string& name, json::value value) { return name == key ? take(value) : Status(); });
}

// A request's or an output's wish; `key` is true in {"parameters": {key: true}}.
Status ReadInferFlag(json::value parameters, const std::string& key, bool* out) {
  return ReadParameter(parameters, key, [&](json::value value) {
    return value.get_bool().get(*out) ? WrongRows(key + " is neither true nor false") : Status();
  });
}

Status ReadBinaryBytes(json::value parameters, std::optional<std::size_t>* bytes) {
  return ReadParameter(parameters, "binary_data_size", [&](json::value value) -> Status {
    std::uint64_t size = 0;
    if (value.get_uint64().get(size)) return WrongRows("binary_data_size is not a whole number");
    *bytes = static_cast<std::size_t>(size);
    return {};
  });
}

// {"name", "parameters"}
Status ReadInferOutput(json::value value, InferRequest* request) {
  json::object output;
  if (value.get_object().get(output)) return WrongRows("an output is not an object");
  bool has_name = false;
  GFR_TRY(ForEachMember(output, [&](const std::string& name, json::value member) -> Status {
    if (name == "parameters") return ReadInferFlag(member, "binary_data", &request->binary_output);
    if (name != "name") return {};
    if (std::exchange(has_name, true)) return WrongRows("an output has its name twice");
    return ReadInferText(member, "the name of an output", &request->outputs.emplace_back());
  }));
  return has_name ? Status() : WrongRows("an output has no name");
}

Status ReadInferOutputs(json::value value, InferRequest* request) {
  json::array list;
  if (value.get_array().get(list)) return WrongRows("outputs is not a list");
  for (auto element : list) {
    json::value output;
    if (const auto code = element.get(output)) return NotJson(code);
    GFR_TRY(ReadInferOutput(output, request));
  }
  return {};
}

Status ReadInferShape(json::value value, std::vector<std::size_t>* shape) {
  json::array list;
  if (value.get_array().get(list)) return WrongRows("shape is not a list of whole numbers");
  for (auto element : list) {
    std::uint64_t size = 0;
    if (element.get_uint64().get(size) || size > (1ull << 31) || shape->size() == kMostDimensions)
      return WrongRows("shape is not a list of at most 8 whole numbers");
    shape->push_back(static_cast<std::size_t>(size));
  }
  return {};
}

// The values of a tensor in binary form, from the front of what is left.
Status TakeBinary(InferTensor* tensor, std::string_view* binary) {
  const std::size_t bytes = *tensor->binary_bytes;
  if (tensor->has_data) return WrongRows("input '" + tensor->name + "' has both data and binary_data_size");
  if (bytes > binary->size())
    return WrongRows("input '" + tensor->name + "' has binary_data_size " + std::to_string(bytes) + "; " +
                     std::to_string(binary->size()) + " bytes are left of the body");
  GFR_TRY(AppendBinaryValues(tensor->datatype, binary->substr(0, bytes), &tensor->values));
  binary->remove_prefix(bytes);
  tensor->has_data = true;
  return {};
}

Status ReadInferValues(json::value value, InferData* beside, RowMatrix* values) {
  BodyWithoutData* const taken = beside->taken;
  if (taken != nullptr && value.raw_json_token().data() == taken->text.data() + taken->list_at) {
    std::swap(*values, taken->values);
    taken->is_used = true;
    return {};
  }
  json::array list;
  if (value.get_array().get(list)) return WrongRows("data is not a list of numbers");
  return AddNumbers(list, values);
}

Status ReadInferTensor(json::value value, InferData* beside, InferTensor* tensor) {
  json::object object;
  if (value.get_object().get(object)) return WrongRows("an input is not an object");
  GFR_TRY(ForEachMember(object, [&](const std::string& name, json::value member) -> Status {
    if (name == "name") return ReadInferText(member, "the name of an input", &tensor->name);
    if (name == "datatype") return ReadInferText(member, "datatype", &tensor->datatype);
    if (name == "shape") return ReadInferShape(member, &tensor->shape);
    if (name == "parameters") return ReadBinaryBytes(member, &tensor->binary_bytes);
    if (name != "data") return {};
    tensor->has_data = true;
    return ReadInferValues(member, beside, &tensor->values);
  }));
  if (!IsNumericDatatype(tensor->datatype))
    return WrongRows("datatype of '" + tensor->name + "' is '" + tensor->datatype + "'; valid are those of numbers");
  if (tensor->binary_bytes) GFR_TRY(TakeBinary(tensor, &beside->binary));
  if (!tensor->has_data) return WrongRows("input '" + tensor->name + "' has neither data nor binary_data_size");
  std::size_t values = 1;
  for (const std::size_t size : tensor->shape) {
    values *= size;
    if (values > tensor->values.values()) break;  // Also so that it cannot wrap around.
  }
  if (tensor->shape.empty() || values != tensor->values.values())
    return WrongRows("the shape of '" + tensor->name + "' is not that of its " +
                     std::to_string(tensor->values.values()) + " values");
  return {};
}

Status ReadInferInputs(json::value value, InferData* beside, std::vector<InferTensor>* tensors, RowMatrix* rows) {
  json::array list;
  if (value.get_array().get(list)) return WrongRows("inputs is not a list");
  for (auto element : list) {
    json::value input;
    if (const auto code = element.get(input)) return NotJson(code);
    InferTensor& tensor = tensors->emplace_back();
    if (tensors->size() == 1) std::swap(tensor.values, *rows);  // Whose memory it takes, and gives back.
    tensor.values.Clear(1, tensors->front().values.doubles);
    GFR_TRY(ReadInferTensor(input, beside, &tensor));
  }
  return {};
}

Status RowsOfTensors(const ForestModel& model, std::vector<InferTensor>* tensors, RowMatrix* rows) {
  const std::size_t columns = model.columns();
  if (tensors->empty()) return WrongRows("inputs is missing or empty");
  InferTensor& first = tensors->front();
  const bool is_matrix = first.shape.size() == 2 && first.shape[1] == columns;
  if (tensors->size() == 1 && (is_matrix || (columns == 1 && first.shape.size() == 1))) {
    std::swap(first.values, *rows);
    rows->columns = columns;
    return {};
  }
  if (tensors->size() != columns)
    return WrongRows("the model reads one input of shape [rows, " + std::to_string(columns) + "], or " +
                     std::to_string(columns) + " of shape [rows]");
  rows->Clear(columns, first.values.doubles);
  std::size_t all_values = 0;
  for (const InferTensor& t : *tensors) {
    if (t.values.values() != first.values.values())
      return WrongRows("column '" + t.name.substr(0, 100) + "' has " + std::to_string(t.values.values()) +
                       " values, another one " + std::to_string(first.values.values()));
    all_values += t.values.values();
  }
  RowsOfJson by_column(model, rows, all_values);
  const bool by_name =
      std::ranges::all_of(*tensors, [&](const InferTensor& t) { return model.FindColumn(t.name) >= 0; });
  for (std::size_t k = 0; k < tensors->size(); ++k) {
    const InferTensor& t = (*tensors)[k];
    if (t.shape.size() > 2 || (t.shape.size() == 2 && t.shape[1] != 1))
      return WrongRows("the shape of '" + t.name + "' is neither [rows] nor [rows, 1]");
    GFR_TRY(by_column.SetColumn(by_name ? static_cast<std::size_t>(model.FindColumn(t.name)) : k, t.name, t.values));
  }
  return by_column.EndColumns();
}

Status ReadInferDocument(std::string& body, std::size_t json_bytes, const ForestModel& model, BodyWithoutData* taken,
                         RowMatrix* rows, InferRequest* request) {
  rows->Clear(model.columns(), model.doubles());
  json::document document;
  if (const auto code = OpenJson(body, json_bytes).get(document)) return NotJson(code);
  InferData beside{.taken = taken, .binary = std::string_view(body).substr(json_bytes)};
  json::object top;
  if (document.get_object().get(top)) return WrongRows("the body is not a JSON object");
  std::vector<InferTensor> tensors;
  GFR_TRY(ForEachMember(top, [&](const std::string& name, json::value value) -> Status {
    if (name == "id") return ReadInferText(value, "id", &request->id);
    if (name == "parameters") return ReadInferFlag(value, "binary_data_output", &request->binary_output);
    if (name == "outputs") return ReadInferOutputs(value, request);
    if (name != "inputs") return {};
    if (!tensors.empty()) return WrongRows("inputs stands twice");
    return ReadInferInputs(value, &beside, &tensors, rows);
  }));
  if (!IsAtEnd(document)) return WrongRows("the body is not valid JSON: something stands behind the object");
  if (!beside.binary.empty())
    return WrongRows(std::to_string(beside.binary.size()) + " bytes behind the tensors belong to none of them");
  return RowsOfTensors(model, &tensors, rows);
}

}  // namespace

Status ReadCsvRows(std::string_view body, const ForestModel& model, RowMatrix* rows) {
  rows->Clear(model.columns(), model.doubles());
  for (std::size_t number = 1; !body.empty(); ++number) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() && (model.columns() > 1 || body.empty())) continue;
    if (number == 1 && IsHeader(line, model)) continue;
    GFR_TRY(AddCsvLine(line, number, model, rows));
  }
  return {};
}

Status ReadJsonRows(std::string& body, const ForestModel& model, RowMatrix* rows) {
  rows->Clear(model.columns(), model.doubles());
  if (ReadPlainRows(body, rows)) return {};
  json::document document;
  if (const auto code = OpenJson(body).get(document)) return NotJson(code);
  json::object top;
  if (document.get_object().get(top)) return WrongRows("the body is not a JSON object");
  RowsOfJson reader(model, rows, body.size() / 2);  // A value and what parts it from the next one.
  int found = 0;
  for (auto field : top) {
    std::string_view key;
    json::value value;
    if (const auto code = field.unescaped_key().get(key)) return NotJson(code);
    const std::string name(key.substr(0, 40));
    if (const auto code = field.value().get(value)) return NotJson(code);
    const bool is_rows = name == "instances" || name == "inputs" || name == "dataframe_records";
    if (!is_rows && name != "dataframe_split") continue;
    if (++found > 1) break;
    json::object columns;
    if (name == "dataframe_split") {
      GFR_TRY(reader.AddSplit(value));
    } else if (name == "inputs" && value.get_object().get(columns) == simdjson::SUCCESS) {
      GFR_TRY(reader.AddColumns(columns));
    } else {
      GFR_TRY(reader.AddRows(value, name.c_str()));
    }
  }
  if (found != 1)
    return WrongRows("the body has " + std::string(found == 0 ? "none" : "more than one") +
                     " of instances, inputs, dataframe_split and dataframe_records");
  if (!IsAtEnd(document)) return WrongRows("the body is not valid JSON: something stands behind the object");
  return {};
}

Status ReadJsonLineRows(std::string& body, const ForestModel& model, RowMatrix* rows) {
  rows->Clear(model.columns(), model.doubles());
  RowsOfJson reader(model, rows, body.size() / 2);
  thread_local json::parser parser;
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  std::size_t at = 0;
  for (std::size_t number = 1; at < body.size(); ++number) {
    const std::size_t end = std::min(body.find('\n', at), body.size());
    const std::string_view line(body.data() + at, end - at);
    at = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    json::document document;
    json::value value;
    const simdjson::padded_string_view padded(line.data(), line.size(),
                                              static_cast<std::size_t>(body.data() + body.capacity() - line.data()));
    auto code = parser.iterate(padded).get(document);
    if (!code) code = document.get_value().get(value);
    if (code)
      return WrongRows("line " + std::to_string(number) + " is not valid JSON: " + simdjson::error_message(code));
    if (const Status added = reader.AddRow(value); !added.ok())
      return WrongRows("line " + std::to_string(number) + ": " + added.error().message);
    if (!IsAtEnd(document)) return WrongRows("line " + std::to_string(number) + " has something behind its value");
  }
  return {};
}

Status ReadInferRequest(std::string& body, const ForestModel& model, RowMatrix* rows, InferRequest* request) {
  return ReadInferRequest(body, body.size(), model, rows, request);
}

Status ReadInferRequest(std::string& body, std::size_t json_bytes, const ForestModel& model, RowMatrix* rows,
                        InferRequest* request) {
  thread_local BodyWithoutData taken;
  if (json_bytes == body.size() && TakeData(body, model.doubles(), &taken)) {
    const Status read = ReadInferDocument(taken.text, taken.text.size(), model, &taken, rows, request);
    if (taken.is_used) return read;
    *request = {};
  }
  return ReadInferDocument(body, json_bytes, model, nullptr, rows, request);
}

}  // namespace gfr
