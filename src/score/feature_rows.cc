#include "score/feature_rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string_view>

#include "base/number_text.h"
#include "base/text.h"
#include "base/truth_text.h"

namespace gfr {
namespace {

template <typename T>
bool ReadNumber(const std::string& cell, T* out) {
  const std::size_t begin = cell.find_first_not_of(" \t"), last = cell.find_last_not_of(" \t");
  if (begin == std::string::npos || cell.compare(begin, last + 1 - begin, "NA") == 0) {
    *out = std::numeric_limits<T>::quiet_NaN();
    return true;
  }
  const char *at = cell.data() + begin, *end = cell.data() + last + 1;
  if (*at == '+' && end - at > 1 && at[1] != '-') ++at;
  const auto [stop, code] = std::from_chars(at, end, *out);
  if (code == std::errc::result_out_of_range && stop == end) {  // Infinity or zero is nearest.
    const std::string text(at, end);
    *out = sizeof(T) == 4 ? static_cast<T>(std::strtof(text.c_str(), nullptr))
                          : static_cast<T>(std::strtod(text.c_str(), nullptr));
    return true;
  }
  if (code == std::errc{} && stop == end) return true;
  const auto truth = TruthOf(std::string_view(cell).substr(begin, last + 1 - begin));
  if (truth) *out = *truth ? T{1} : T{0};
  return truth.has_value();
}

// Names as they are compared: exactly, without blanks around them, as LightGBM stores them.
enum class Spelling { kExact, kTrimmed, kUnderscores };
std::string Spelled(const std::string& name, Spelling how) {
  if (how == Spelling::kExact) return name;
  std::string text(Trimmed(name));
  if (how == Spelling::kUnderscores) std::ranges::replace(text, ' ', '_');
  return text;
}

// The table's column of that name; nothing: there is none. Errors: it has several.
Result<std::optional<std::size_t>> FindColumn(const std::vector<std::string>& columns, const std::string& name,
                                              Forest::Engine engine, const std::string& path) {
  for (const Spelling how : {Spelling::kExact, Spelling::kTrimmed, Spelling::kUnderscores}) {
    if (how == Spelling::kUnderscores && engine != Forest::Engine::kLightgbm) break;
    const std::string wanted = Spelled(name, how);
    const auto is = [&](const std::string& column) { return Spelled(column, how) == wanted; };
    const auto at = std::ranges::find_if(columns, is);
    if (at == columns.end()) continue;
    if (std::find_if(at + 1, columns.end(), is) != columns.end())
      return Error{
          ErrorCode::kInvalidArgument, "two columns are named '" + name + "', which the model reads", {path, 1}};
    return std::optional(static_cast<std::size_t>(at - columns.begin()));
  }
  return std::optional<std::size_t>();
}

// Whether the names are a row of values: all are numbers, and not 0, 1, 2 and so on, as a frame without names writes
// them; or, `mixed`, some are no names that anybody gives, as 0.5 and -1, or half of them are numbers.
bool LooksLikeARow(const std::vector<std::string>& columns, bool mixed) {
  bool places = true, unlikely = false;
  std::size_t numbers = 0;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    double number = 0;
    const std::string_view name = Trimmed(columns[k]);
    const bool is_number = ReadNumber(columns[k], &number);
    numbers += is_number;
    places = places && name == std::to_string(k);
    unlikely = unlikely || (is_number && std::isfinite(number) && name.find_first_of(".-") != std::string_view::npos);
  }
  if (numbers == columns.size()) return !places;
  return mixed && (unlikely || 2 * numbers > columns.size());
}

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (text.size() > 200) return text + ", ...";
    text += (text.empty() ? "'" : ", '") + name + "'";
  }
  return text;
}

std::vector<std::string> Sorted(std::vector<std::string> names) {
  std::ranges::sort(names);
  return names;
}

// One a column of the forest: its column in the table.
Result<std::vector<std::size_t>> MatchColumns(const std::vector<std::string>& columns, const Forest& forest,
                                              const std::string& path, bool by_order) {
  const auto wanted = static_cast<std::size_t>(forest.columns);
  const std::vector<std::string> sorted = Sorted(forest.column_names);
  if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end() && !by_order)
    return Error{ErrorCode::kInvalidArgument,
                 "the model names two of its columns '" + *twice + "' (--by-order takes columns in their order)",
                 {path, 1}};
  std::vector<std::size_t> places;
  std::vector<std::string> missing;
  for (const std::string& name : forest.column_names) {
    GFR_ASSIGN(const auto place, FindColumn(columns, name, forest.engine, path));
    if (place)
      places.push_back(*place);
    else
      missing.push_back(name);
  }
  if (places.size() == wanted && !by_order) return places;
  if (!by_order && !places.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "there is no column " + Listed(missing) + ", which the model reads; the table has " + Listed(columns) +
                     " (--by-order takes columns in their order)",
                 {path, 1}};
  // On request a header may have any names, but for numbers alone.
  if (LooksLikeARow(columns, !by_order && columns.size() == wanted))
    return Error{ErrorCode::kInvalidArgument,
                 "the first line is numbers where the columns' names are wanted (--no-header reads it as a row" +
                     std::string(LooksLikeARow(columns, false) ? ")" : ", --by-order as names)"),
                 {path, 1}};
  if (columns.size() != wanted)
    return Error{ErrorCode::kInvalidArgument,
                 std::to_string(columns.size()) + " columns; the model reads " + std::to_string(wanted) +
                     ", by name where all are there, by order where none is" +
                     (forest.column_names.empty() ? "" : ": " + Listed(forest.column_names)),
                 {path, 1}};
  places.resize(wanted);
  for (std::size_t k = 0; k < wanted; ++k) places[k] = k;
  return places;
}

}  // namespace

Result<FeatureRows> FeatureRows::Make(ColumnSource& source, const Forest& forest, const std::string& path,
                                      const FeatureRowsOptions& options) {
  FeatureRows rows;
  rows.source_ = &source;
  rows.forest_ = &forest;
  rows.path_ = path;
  rows.doubles_ = forest.engine == Forest::Engine::kLightgbm;
  rows.codes_ = !options.codes && !forest.category_codes.empty();
  if (!options.codes && !forest.category_fault.empty())
    return Error{ErrorCode::kInvalidArgument,
                 forest.category_fault + "; a table whose columns of categories hold codes is read with --codes",
                 {path, 1}};
  GFR_ASSIGN(rows.place_, MatchColumns(source.columns(), forest, path, options.by_order));
  // A column of a frame with categories that no split reads may have categories whose list is not known.
  rows.passed_over_.assign(rows.place_.size(), !forest.category_codes.empty());
  for (const std::int32_t feature : forest.feature) {
    if (feature >= 0) rows.passed_over_[static_cast<std::size_t>(feature)] = false;
  }
  GFR_TRY(source.Select(rows.place_));
  return rows;
}

template <typename T>
Status FeatureRows::Read(std::size_t column, std::size_t count, std::vector<T>& rows) const {
  const SourceColumn& from = columns_[column];
  const std::size_t width = place_.size();
  T* to = rows.data() + column;
  const CategoryCodes* codes =
      codes_ && !forest_->category_codes[column].empty() ? &forest_->category_codes[column] : nullptr;
  const auto error = [&](std::size_t i, const std::string& value, const std::string& valid) {
    return Error{
        ErrorCode::kInvalidArgument,
        "column '" + source_->columns()[place_[column]] + "' is '" + value.substr(0, 40) + "'; valid is " + valid,
        {path_, static_cast<int>(source_->line(i))}};
  };
  for (std::size_t i = 0; i < count; ++i) {
    T value = std::numeric_limits<T>::quiet_NaN();
    if (codes) {
      const bool missing = from.is_text ? from.texts[i].empty() : std::isnan(from.numbers[i]);
      if (!missing) {
        const std::int32_t code = from.is_text ? codes->CodeOf(from.texts[i]) : codes->CodeOf(from.numbers[i]);
        if (code < 0 && forest_->engine == Forest::Engine::kXgboost)
          return error(i, from.is_text ? from.texts[i] : NumberText(from.numbers[i]),
                       "one of the " + std::to_string(codes->size()) + " categories that the model was trained with");
        if (code >= 0) value = static_cast<T>(code);
      }
    } else if (!from.is_text) {
      value = static_cast<T>(from.numbers[i]);
    } else if (!ReadNumber(from.texts[i], &value) && !passed_over_[column]) {
      return error(i, from.texts[i], "a number, or nothing, nan or NA where it is missing");
    }
    to[i * width] = value;
  }
  return {};
}

Result<std::size_t> FeatureRows::Next(std::size_t max) {
  count_ = 0;
  GFR_ASSIGN(const std::size_t count, source_->Next(max, &columns_));
  const std::size_t width = place_.size();
  doubles_ ? f64_.resize(count * width) : f32_.resize(count * width);
  for (std::size_t k = 0; k < width; ++k) {
    if (doubles_) {
      GFR_TRY(Read(k, count, f64_));
    } else {
      GFR_TRY(Read(k, count, f32_));
    }
  }
  count_ = count;
  return count_;
}

Rows FeatureRows::rows() const {
  if (doubles_) return Rows(f64_.data(), count_, place_.size());
  return Rows(f32_.data(), count_, place_.size());
}

}  // namespace gfr
