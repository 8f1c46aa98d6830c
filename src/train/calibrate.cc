#include "train/calibrate.h"

#include <algorithm>
#include <map>
#include <vector>

#include "evaluate/predict.h"
#include "evaluate/slices.h"
#include "train/fit_calibrator.h"
#include "train/fit_mean_calibrator.h"

namespace gfr {

Status Calibrate(const ObjectiveConfig& config, const SelectedRows& rows, const Forest& forest,
                 ObjectiveModel* objective) {
  GFR_ASSIGN(const std::vector<float> margins, Margins(forest, rows));
  if (config.mean()) {
    objective->calibrator = FitMeanCalibrator(margins, rows.labels, rows.users);
    return {};
  }
  objective->calibrator = FitCalibrator(margins, rows.labels, rows.users);
  objective->slice_column = -1;
  objective->slice_calibrators.clear();
  const auto column = std::ranges::find(rows.model->columns, config.calibrate_by);
  if (config.calibrate_by.empty() || column == rows.model->columns.end()) return {};
  const auto k = static_cast<std::size_t>(column - rows.model->columns.begin());
  std::vector<float> codes(rows.size());
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = rows.Value(i, k);
  objective->slice_calibrators = FitSliceCalibrators(objective->calibrator, margins, rows.labels, rows.users, codes);
  if (!objective->slice_calibrators.empty()) objective->slice_column = static_cast<int>(k);
  return {};
}

std::string DescribeCalibration(const Model& model, const Dataset& data, const ObjectiveModel& objective) {
  std::string text = CalibratorName(objective.calibrator.kind);
  if (objective.slice_calibrators.empty()) return text;
  const auto k = static_cast<std::size_t>(objective.slice_column);
  std::map<float, std::string> own;
  for (const auto& [raw, code] : model.categories[k]) {
    const auto at = objective.slice_calibrators.find(code);
    if (at != objective.slice_calibrators.end())
      own[code] = CategoryName(data, raw, code) + " " + CalibratorName(at->second.kind);
  }
  text += "; by " + model.columns[k] + ":";
  for (const auto& [code, name] : own) text += (code == own.begin()->first ? " " : ", ") + name;
  return text;
}

}  // namespace gfr
