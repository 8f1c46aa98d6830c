#include "serve/forest_model.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "model/link.h"
#include "model/load_forest.h"

namespace gfr {

void RowMatrix::Clear(std::size_t of_columns, bool as_doubles) {
  columns = of_columns;
  doubles = as_doubles;
  f32.clear();
  f64.clear();
}

void RowMatrix::Resize(std::size_t values) {
  if (doubles)
    f64.resize(values, std::numeric_limits<double>::quiet_NaN());
  else
    f32.resize(values, std::numeric_limits<float>::quiet_NaN());
}

ForestModel::ForestModel(Forest forest, std::unique_ptr<const Scorer> scorer, std::string name, std::string version)
    : forest_(std::move(forest)),
      scorer_(std::move(scorer)),
      name_(std::move(name)),
      version_(std::move(version)),
      per_row_(PredictionsPerRow(forest_)) {
  for (std::size_t k = 0; k < forest_.column_names.size(); ++k)
    places_.emplace(forest_.column_names[k], static_cast<int>(k));
}

Result<std::shared_ptr<const ForestModel>> ForestModel::Load(FileSystem& fs, const std::string& path, std::string name,
                                                             std::string version) {
  GFR_ASSIGN(Forest forest, LoadForest(fs, path));
  return Make(std::move(forest), std::move(name), std::move(version));
}

Result<std::shared_ptr<const ForestModel>> ForestModel::Make(Forest forest, std::string name, std::string version) {
  GFR_ASSIGN(auto scorer, Scorer::Make(forest));
  return std::shared_ptr<const ForestModel>(
      new ForestModel(std::move(forest), std::move(scorer), std::move(name), std::move(version)));
}

int ForestModel::FindColumn(std::string_view name) const {
  const auto at = places_.find(name);
  return at == places_.end() ? -1 : at->second;
}

std::size_t ForestModel::memory_bytes() const {
  constexpr std::size_t kBytesANode = 4 + 4 + 4 + 8 + 1 + 1 + 4;  // Of Forest's arrays.
  return scorer_->memory_bytes() + forest_.feature.size() * kBytesANode + forest_.categories.size() * 4;
}

double ForestModel::EstimateUs(std::size_t rows) const {
  constexpr double kUsARowAndTree = 0.004;  // Of a few rows; large batches take a tenth of it.
  return static_cast<double>(rows) * static_cast<double>(forest_.trees()) * kUsARowAndTree;
}

void ForestModel::Predict(const RowMatrix& rows, std::vector<double>* out) const {
  const std::size_t count = rows.rows(), classes = static_cast<std::size_t>(forest_.classes);
  out->resize(count * classes);
  if (count == 0) return;
  scorer_->Margins(
      rows.doubles ? Rows(rows.f64.data(), count, rows.columns) : Rows(rows.f32.data(), count, rows.columns),
      out->data());
  ApplyLink(forest_, out->data(), count);
  if (per_row_ == classes) return;
  for (std::size_t i = 0; i < count; ++i) {  // The class itself: the first number of each row.
    for (std::size_t k = 0; k < per_row_; ++k) (*out)[i * per_row_ + k] = (*out)[i * classes + k];
  }
  out->resize(count * per_row_);
}

void AppendPrediction(const ForestModel& model, double prediction, std::string* out) {
  if (!std::isfinite(prediction)) {
    out->append("null");
    return;
  }
  char text[32];
  char* const end = model.doubles() ? std::to_chars(text, text + sizeof text, prediction).ptr
                                    : std::to_chars(text, text + sizeof text, static_cast<float>(prediction)).ptr;
  out->append(text, end);
}

}  // namespace gfr
