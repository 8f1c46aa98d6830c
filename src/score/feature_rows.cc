#include "score/feature_rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

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
  return code == std::errc{} && stop == end;
}

}  // namespace

Result<FeatureRows> FeatureRows::Make(RowSource& source, const Forest& forest, const std::string& path) {
  FeatureRows rows;
  rows.source_ = &source;
  rows.path_ = path;
  rows.doubles_ = forest.engine == Forest::Engine::kLightgbm;
  const auto& columns = source.columns();
  for (const std::string& name : forest.column_names) {
    const auto at = std::ranges::find(columns, name);
    if (at == columns.end()) break;
    rows.place_.push_back(static_cast<std::size_t>(at - columns.begin()));
  }
  const auto wanted = static_cast<std::size_t>(forest.columns);
  if (rows.place_.size() == wanted) return rows;
  if (columns.size() != wanted) {
    std::string names;
    for (const std::string& name : forest.column_names) {
      if (names.size() < 200) names += (names.empty() ? ": " : ", ") + name;
    }
    return Error{ErrorCode::kInvalidArgument,
                 std::to_string(columns.size()) + " columns; the model reads " + std::to_string(wanted) +
                     ", by name where all are there, else in order" + names,
                 {path, 1}};
  }
  rows.place_.resize(wanted);
  for (std::size_t k = 0; k < wanted; ++k) rows.place_[k] = k;
  return rows;
}

Result<std::size_t> FeatureRows::Next(std::size_t max) {
  f32_.clear();
  f64_.clear();
  count_ = 0;
  while (count_ < max) {
    GFR_ASSIGN(const bool more, source_->Next(&cells_));
    if (!more) break;
    const SourceSpan where{path_, static_cast<int>(source_->line())};
    if (cells_.size() == 1 && cells_[0].text.empty() && source_->columns().size() > 1) continue;  // An empty line.
    if (!source_->fault().empty()) return Error{ErrorCode::kInvalidArgument, source_->fault(), where};
    if (cells_.size() != source_->columns().size())
      return Error{ErrorCode::kInvalidArgument,
                   std::to_string(cells_.size()) + " cells in a table of " + std::to_string(source_->columns().size()) +
                       " columns",
                   where};
    for (const std::size_t k : place_) {
      float single = 0;
      double real = 0;
      if (cells_[k].is_list || !(doubles_ ? ReadNumber(cells_[k].text, &real) : ReadNumber(cells_[k].text, &single)))
        return Error{ErrorCode::kInvalidArgument,
                     "column '" + source_->columns()[k] + "' is '" + cells_[k].text.substr(0, 40) +
                         "'; valid is a number, or nothing, nan or NA where it is missing",
                     where};
      if (doubles_)
        f64_.push_back(real);
      else
        f32_.push_back(single);
    }
    ++count_;
  }
  return count_;
}

Rows FeatureRows::rows() const {
  if (doubles_) return Rows(f64_.data(), count_, place_.size());
  return Rows(f32_.data(), count_, place_.size());
}

}  // namespace gfr
