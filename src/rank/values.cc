#include "rank/values.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "state/state_rows.h"

namespace gfr {

std::vector<std::vector<double>> FormulaProperties(const RankInput& in, const Draft& draft) {
  const std::vector<std::uint32_t>& wanted = in.config.value.properties();
  std::vector<std::vector<double>> columns(wanted.size(), std::vector<double>(draft.items.size()));
  if (wanted.empty()) return columns;
  const PropertySchema& schema = in.store.features().schema;
  std::vector<PropertyValue> values(schema.item_names.size());
  for (std::size_t i = 0; i < draft.items.size(); ++i) {
    const std::byte* item = draft.lease.items[i];
    std::ranges::fill(values, PropertyValue{});
    if (item) std::ranges::copy(in.store.shared().Properties(item), values.begin());
    OverrideItem(draft.items[i], schema, values);
    for (std::size_t c = 0; c < wanted.size(); ++c) columns[c][i] = values[wanted[c]].number;
  }
  return columns;
}

namespace {

void ByFormula(const RankInput& in, Draft* draft) {
  const ValueFormula& formula = in.config.value;
  std::vector<std::vector<double>> numbers;
  for (const std::uint32_t o : formula.objectives())
    numbers.emplace_back(draft->scores[o].begin(), draft->scores[o].end());
  for (auto& column : FormulaProperties(in, *draft)) numbers.push_back(std::move(column));
  std::vector<Expression::Column> columns;
  for (const auto& column : numbers) columns.push_back({.numbers = column.data()});
  std::vector<double> out(draft->items.size());
  formula.Evaluate(columns, out);
  for (std::size_t i = 0; i < out.size(); ++i) draft->value[i] = RowValue(out[i]);
}

bool HasObjective(const RankInput& in, std::size_t objective) {
  return std::ranges::find(in.model->model().objectives, in.config.objectives[objective], &ObjectiveModel::name) !=
         in.model->model().objectives.end();
}

}  // namespace

bool LacksObjective(const RankInput& in) {
  return in.model && std::ranges::any_of(in.config.value.objectives(),
                                         [&](std::uint32_t objective) { return !HasObjective(in, objective); });
}

void ComputeValues(const RankInput& in, Draft* draft) {
  draft->value.assign(draft->items.size(), kMissing);
  if (in.model && LacksObjective(in)) {
    for (std::size_t o = 0; o < in.config.objectives.size(); ++o) {
      if (!HasObjective(in, o)) continue;
      draft->value = draft->scores[o];
      return;
    }
  }
  if (in.model) return ByFormula(in, draft);
  for (std::size_t i = 0; i < draft->items.size(); ++i) {
    const std::byte* item = draft->lease.items[i];
    draft->value[i] = item ? RowValue(SharedState::Summary(item).popularity) : 0.0f;
  }
}

std::vector<std::size_t> OrderByValue(const std::vector<float>& value) {
  std::vector<std::size_t> order(value.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    if (std::isnan(value[a]) || std::isnan(value[b])) return !std::isnan(value[a]) && std::isnan(value[b]);
    return value[a] > value[b];
  });
  return order;
}

}  // namespace gfr
