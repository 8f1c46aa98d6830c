#include "operations/label_worth.h"

#include <algorithm>
#include <cmath>

#include "evaluate/predict.h"

namespace gfr {
namespace {

// The column of the feature that is this item property; none: as many as there are columns.
std::size_t ColumnOf(const FeatureSet& features, const std::string& property) {
  for (std::size_t c = 0; c < features.columns(); ++c) {
    const std::string& said = features.features[c].view->spec().canonical;
    if (said.starts_with("property/") && said.ends_with(";property=" + property)) return c;
  }
  return features.columns();
}

// The model's probability of each row; NaN of rows that it has none of.
Result<std::vector<double>> ProbabilityOf(const ObjectiveModel& objective, const Model& model,
                                          const ObjectiveRows& rows, std::int64_t from_ms, std::int64_t to_ms) {
  const SelectedRows selected = SelectRows(rows, objective.softmax, model, from_ms, to_ms);
  GFR_ASSIGN(const std::vector<float> probability, Probabilities(objective, selected));
  std::vector<double> of_row(rows.size(), std::nan(""));
  for (std::size_t i = 0; i < selected.size(); ++i) of_row[selected.indices[i]] = probability[i];
  return of_row;
}

}  // namespace

Result<LabelWorth> WorthOfLabels(const FeedConfig& feed, const FeatureSet& features, const Model& model,
                                 const std::string& objective, const ObjectiveRows& rows, std::int64_t from_ms,
                                 std::int64_t to_ms) {
  const ValueFormula& formula = feed.value;
  LabelWorth worth;
  if (std::ranges::none_of(formula.objectives(), [&](std::uint32_t o) { return feed.objectives[o] == objective; })) {
    worth.why = "the value formula does not read '" + objective + "'";
    return worth;
  }
  std::vector<std::vector<double>> columns;
  std::size_t own = 0;
  for (const std::uint32_t o : formula.objectives()) {
    const std::string& name = feed.objectives[o];
    if (name == objective) {
      own = columns.size();
      columns.emplace_back(rows.size(), 1.0);
      continue;
    }
    const auto of = std::ranges::find(model.objectives, name, &ObjectiveModel::name);
    if (of == model.objectives.end()) {
      worth.why = "the model has no objective '" + name + "', which the value formula reads";
      return worth;
    }
    GFR_ASSIGN(std::vector<double> probability, ProbabilityOf(*of, model, rows, from_ms, to_ms));
    columns.push_back(std::move(probability));
  }
  for (const std::uint32_t p : formula.properties()) {
    const std::string& name = features.schema.item_names[p];
    const std::size_t column = ColumnOf(features, name);
    if (column == features.columns()) {
      worth.why = "no feature of type \"property\" has the item property '" + name + "', which the value formula reads";
      return worth;
    }
    std::vector<double>& values = columns.emplace_back();
    for (std::size_t i = 0; i < rows.size(); ++i)
      values.push_back(static_cast<double>(rows.features[i * features.columns() + column]));
  }
  const auto evaluate = [&](double label) {
    std::ranges::fill(columns[own], label);
    std::vector<Expression::Column> bound;
    for (const std::vector<double>& column : columns) bound.push_back({.numbers = column.data()});
    std::vector<double> out(rows.size());
    formula.Evaluate(bound, out);
    return out;
  };
  const std::vector<double> with = evaluate(1), without = evaluate(0);
  for (std::size_t i = 0; i < with.size(); ++i) worth.of_row.push_back(static_cast<float>(with[i] - without[i]));
  return worth;
}

}  // namespace gfr
