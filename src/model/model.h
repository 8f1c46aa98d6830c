// Model: what a trained version is: its columns and their dictionaries, and for each objective a forest and a
// calibrator.
//
// As files: model.json, and for each objective NAME.ubj or NAME.lightgbm.txt (the forest as its engine wrote it) and
// NAME.calibration.json.
// docs/formats/model.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/calibrator.h"
#include "model/forest.h"

namespace gfr {

struct ObjectiveModel {
  std::string name;      // "pctr"
  bool softmax = false;  // A margin is read by the softmax link (softmax_link.h), else as it is.
  // The link "mean": a prediction is the mean of an amount (seconds, money), not a probability, and a margin its
  // logarithm before calibration.
  bool mean = false;
  Forest forest;
  std::string forest_bytes;
  Calibrator calibrator;
  // With an early window (ObjectiveConfig) forest and calibrators speak of labels within it, which are `maturation` of
  // those within the whole window; 0 and 1 without.
  std::int64_t early_window_ms = 0;
  double maturation = 1;
  // In its stead, those of rows with one of these codes (the model's own) in this column; -1: there are none.
  int slice_column = -1;
  std::map<float, Calibrator> slice_calibrators;

  const Calibrator& CalibratorFor(float code) const {  // NaN: of a row without a code.
    const auto own = code == code ? slice_calibrators.find(code) : slice_calibrators.end();
    return own == slice_calibrators.end() ? calibrator : own->second;
  }
  // Of the whole window, of what a calibrator gives.
  double Whole(double calibrated) const {
    return mean ? calibrated / maturation : std::min(1.0, calibrated / maturation);
  }
  // `row`: as the forest reads it.
  double Probability(double margin, const float* row) const {
    return Whole((slice_column < 0 ? calibrator : CalibratorFor(row[slice_column])).Apply(margin));
  }
  // What orders rows: the margin, which ties in fewer places than the probability; with calibrators of slices, which
  // change the order, the probability. REQUIRES: these are not of a softmax link.
  double Score(double margin, const float* row) const {
    return slice_calibrators.empty() ? margin : Probability(margin, row);
  }
};

struct Model {
  std::string name, version;
  std::uint64_t feature_fingerprint = 0;
  std::vector<std::string> columns;
  std::vector<std::uint64_t> column_fingerprints;  // One a column; empty: of format 1 to 4, they are not known.
  std::vector<std::uint8_t> categorical;           // One a column.
  std::vector<std::map<float, float>> categories;  // One a column: raw category code to this model's own.
  // Texts of raw category codes that the dictionaries have, whatever the column, where the training knew them.
  std::map<float, std::string> category_names;
  std::vector<ObjectiveModel> objectives;
  // The column of the place shown, and what is read there when ranking (FeatureSet::position_column); -1: none.
  int position_column = -1;
  float position_reference = 0;
  std::map<std::string, std::string> card;
  // The tables of gfr.toml that it was trained with, as TOML: items, users, features, objectives, feeds. Never [serve]
  // or credentials. Empty: not known (format 1 to 4).
  std::string configuration;
  // Of a model that was bound to rows of other columns (bind_columns.h): where each column that the forests' bytes read
  // lies in `columns`. Empty: they are the same.
  std::vector<std::uint32_t> forest_columns;
};

// REQUIRES: the model's forest_columns are empty.
std::map<std::string, std::string> ModelToFiles(const Model& model);
Result<Model> ModelFromFiles(const std::map<std::string, std::string>& files, const std::string& name,
                             const std::string& version);

}  // namespace gfr
