#include "evaluate/slices.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>

#include "evaluate/predict.h"
#include "evaluate/replicates.h"

namespace gfr {
namespace {

constexpr std::size_t kSliceValues = 8, kSliceRows = 50;

struct SliceRows {
  std::vector<float> labels, predicted;
  std::vector<float>
      by_pooled;  // As the calibrator of all rows gives it; only of the column that calibrators are cut by.
  std::vector<Key> users;
};

// Which slice of column k each row is in, as its name; empty: in none.
std::vector<std::string> SliceNames(const Model& model, const Dataset& data, const SelectedRows& rows, std::size_t k) {
  std::vector<std::string> names(rows.size());
  const auto value = [&](std::size_t i) { return rows.Value(i, k); };
  if (model.categorical[k]) {
    std::vector<std::string> of_code(kSliceValues);
    for (const auto& [raw, code] : model.categories[k]) {
      if (code < kSliceValues) of_code[static_cast<std::size_t>(code)] = CategoryName(data, raw, code);
    }
    for (std::size_t i = 0; i < names.size(); ++i)
      names[i] = value(i) != value(i)      ? "missing or new"
                 : value(i) < kSliceValues ? of_code[static_cast<std::size_t>(value(i))]
                                           : "others";
    return names;
  }
  std::vector<float> sorted;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (value(i) == value(i)) sorted.push_back(value(i));
  }
  if (sorted.empty()) return names;
  std::ranges::sort(sorted);
  const float cuts[] = {sorted[sorted.size() / 4], sorted[sorted.size() / 2], sorted[sorted.size() * 3 / 4]};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (value(i) != value(i)) continue;
    const auto quarter = std::ranges::upper_bound(cuts, value(i)) - std::begin(cuts);
    char name[64];
    std::snprintf(name, sizeof name, "quarter %d: %s%g", static_cast<int>(quarter) + 1,
                  quarter == 0 ? "below " : "from ", static_cast<double>(cuts[quarter == 0 ? 0 : quarter - 1]));
    names[i] = name;
  }
  return names;
}

}  // namespace

std::string CategoryName(const Dataset& data, float raw, float code) {
  const auto name = data.category_names.find(raw);
  return name == data.category_names.end() ? "code " + std::to_string(static_cast<int>(code)) : name->second;
}

Result<std::vector<SliceReport>> MeasureSlices(const Model& model, const Dataset& data, const ObjectiveModel& objective,
                                               const SelectedRows& rows, const std::vector<float>& probability) {
  std::vector<SliceReport> slices;
  std::vector<float> pooled;  // With calibrators of slices: what that of all rows would give.
  if (objective.slice_column >= 0) {
    GFR_ASSIGN(pooled, Margins(objective.forest, rows));
    for (float& p : pooled) p = static_cast<float>(objective.Whole(objective.calibrator.Apply(p)));
  }
  for (std::size_t k = 0; k < model.columns.size(); ++k) {
    if (!model.categorical[k] && model.columns[k] != "price" && model.columns[k] != "supplied_rank" &&
        static_cast<int>(k) != model.position_column)
      continue;
    const std::vector<std::string> names = SliceNames(model, data, rows, k);
    std::map<std::string, SliceRows> slices_by_name;
    const bool own = static_cast<int>(k) == objective.slice_column;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].empty()) continue;
      SliceRows& slice = slices_by_name[names[i]];
      slice.labels.push_back(rows.labels[i]);
      slice.users.push_back(rows.users[i]);
      slice.predicted.push_back(probability[i]);
      if (own) slice.by_pooled.push_back(pooled[i]);
    }
    for (const auto& [name, slice] : slices_by_name) {
      if (slice.labels.size() < kSliceRows) continue;
      SliceReport& report = slices.emplace_back(SliceReport{.feature = model.columns[k], .value = name});
      if (objective.mean) {
        const MeanMetrics mean = MeasureMean({slice.predicted, slice.labels, slice.users}, 50, kSeed);
        report.metrics.rows = mean.rows;
        report.metrics.positives = mean.positives;
        report.metrics.observed_over_expected = mean.observed_over_expected;
        continue;
      }
      report.metrics = MeasureBinary({slice.predicted, slice.labels, slice.users}, 50, kSeed);
      if (own && slice.predicted != slice.by_pooled)
        slices.back().pooled = MeasureBinary({slice.by_pooled, slice.labels, slice.users}, 0, kSeed);
    }
  }
  return slices;
}

}  // namespace gfr
