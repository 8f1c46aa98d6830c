// ForestModel: a model file of XGBoost or LightGBM, ready to predict rows as the program that trained it does, bit for
// bit (score/scorer.h, model/link.h).
//
// Thread safety: immutable; Predict from any thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file_system.h"
#include "model/forest.h"
#include "score/scorer.h"

namespace gfr {

// Feature rows, row-major, as a model reads them: floats for XGBoost's, doubles for LightGBM's; NaN is missing.
struct RowMatrix {
  std::size_t columns = 0;
  bool doubles = false;
  std::vector<float> f32;
  std::vector<double> f64;

  void Clear(std::size_t of_columns, bool as_doubles);
  std::size_t values() const { return doubles ? f64.size() : f32.size(); }
  std::size_t rows() const { return columns == 0 ? 0 : values() / columns; }
  void Add(double value) {
    if (doubles)
      f64.push_back(value);
    else
      f32.push_back(static_cast<float>(value));
  }
  void Set(std::size_t at, double value) {
    if (doubles)
      f64[at] = value;
    else
      f32[at] = static_cast<float>(value);
  }
  void Resize(std::size_t values);  // New ones are missing.
};

class ForestModel {
 public:
  // Errors: those of LoadForest and Scorer::Make.
  static Result<std::shared_ptr<const ForestModel>> Load(FileSystem& fs, const std::string& path, std::string name,
                                                         std::string version = "1");
  static Result<std::shared_ptr<const ForestModel>> Make(Forest forest, std::string name, std::string version = "1");

  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  const Forest& forest() const { return forest_; }
  std::size_t columns() const { return static_cast<std::size_t>(forest_.columns); }
  std::size_t predictions_per_row() const { return per_row_; }
  bool doubles() const { return forest_.engine == Forest::Engine::kLightgbm; }
  // The place of a column; -1: the model names no such one.
  int FindColumn(std::string_view name) const;
  std::size_t memory_bytes() const;  // About: forest and scorer.
  // How long a batch of `rows` takes, roughly, without its reading.
  double EstimateUs(std::size_t rows) const;

  // `out` gets predictions_per_row numbers a row; XGBoost's are floats held in doubles. REQUIRES: rows.columns is
  // columns(), rows.doubles is doubles().
  void Predict(const RowMatrix& rows, std::vector<double>* out) const;

 private:
  ForestModel(Forest forest, std::unique_ptr<const Scorer> scorer, std::string name, std::string version);
  const Forest forest_;
  const std::unique_ptr<const Scorer> scorer_;
  const std::string name_, version_;
  const std::size_t per_row_;
  std::unordered_map<std::string_view, int> places_;  // Of forest_.column_names.
};

// Appends a prediction as JSON has it: the shortest text that reads back to the same float (XGBoost) or double; null
// for one that is not finite.
void AppendPrediction(const ForestModel& model, double prediction, std::string* out);

}  // namespace gfr
