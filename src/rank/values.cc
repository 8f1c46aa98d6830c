#include "rank/values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <utility>

#include "state/state_rows.h"

namespace gfr {

std::vector<std::vector<double>> FormulaProperties(const RankInput& in, const Draft& draft) {
  return FormulaProperties(in, draft.items, draft.lease.items);
}

std::vector<std::vector<double>> FormulaProperties(const RankInput& in, std::span<const EventItem> items,
                                                   std::span<const std::byte* const> rows) {
  const std::vector<std::uint32_t>& wanted = in.config.value.properties();
  std::vector<std::vector<double>> columns(wanted.size(), std::vector<double>(items.size()));
  if (wanted.empty()) return columns;
  const PropertySchema& schema = in.store.features().schema;
  std::vector<PropertyValue> values(schema.item_names.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::byte* item = rows[i];
    std::ranges::fill(values, PropertyValue{});
    if (item) std::ranges::copy(in.store.shared().Properties(item), values.begin());
    OverrideItem(items[i], schema, values);
    for (std::size_t c = 0; c < wanted.size(); ++c) columns[c][i] = values[wanted[c]].number;
  }
  return columns;
}

namespace {

bool HasObjective(const Model& model, const std::string& objective) {
  return std::ranges::find(model.objectives, objective, &ObjectiveModel::name) != model.objectives.end();
}

bool LacksObjective(const Model& model, const FeedConfig& config) {
  return std::ranges::any_of(config.value.objectives(), [&](std::uint32_t objective) {
    return !HasObjective(model, config.objectives[objective]);
  });
}

}  // namespace

std::vector<float> ModelValues(const Model& model, const FeedConfig& config,
                               const std::vector<std::vector<float>>& scores,
                               const std::vector<std::vector<double>>& properties, std::size_t count) {
  if (LacksObjective(model, config)) {
    const auto has = std::ranges::find_if(config.objectives, [&](const auto& o) { return HasObjective(model, o); });
    if (has != config.objectives.end()) return scores[static_cast<std::size_t>(has - config.objectives.begin())];
  }
  std::vector<std::vector<double>> numbers;
  for (const std::uint32_t o : config.value.objectives()) numbers.emplace_back(scores[o].begin(), scores[o].end());
  std::vector<Expression::Column> columns;
  for (const auto& column : numbers) columns.push_back({.numbers = column.data()});
  for (const auto& column : properties) columns.push_back({.numbers = column.data()});
  std::vector<double> out(count);
  config.value.Evaluate(columns, out);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = RowValue(out[i]);
  return values;
}

bool LacksObjective(const RankInput& in) { return in.model && LacksObjective(in.model->model(), in.config); }

void ComputeValues(const RankInput& in, Draft* draft) {
  const std::size_t n = draft->items.size();
  if (in.model) {
    draft->value = ModelValues(in.model->model(), in.config, draft->scores, FormulaProperties(in, *draft), n);
    return;
  }
  draft->value.assign(n, kMissing);
  for (std::size_t i = 0; i < draft->items.size(); ++i) {
    const std::byte* item = draft->lease.items[i];
    draft->value[i] = item ? RowValue(SharedState::Summary(item).popularity) : 0.0f;
  }
}

std::vector<std::size_t> OrderByValue(const std::vector<float>& value, std::size_t first) {
  // Value and index as one number, least first: no two are equal, and no comparison looks anything up.
  std::vector<std::uint64_t> keys(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(value[i] == 0 ? 0.0f : value[i]);
    const std::uint32_t rising = bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
    const std::uint32_t falling = std::isnan(value[i]) ? 0xffffffffu : ~rising;
    keys[i] = std::uint64_t{falling} << 32 | i;
  }
  first = std::min(first, keys.size());
  if (const auto end = keys.begin() + static_cast<std::ptrdiff_t>(first); end != keys.end())
    std::ranges::nth_element(keys, end);
  std::sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(first));
  std::vector<std::size_t> order(first);
  for (std::size_t k = 0; k < first; ++k) order[k] = static_cast<std::uint32_t>(keys[k]);
  return order;
}

std::vector<std::size_t> OrderByValue(const std::vector<float>& value, const std::vector<std::uint8_t>& ineligible,
                                      std::size_t first) {
  if (ineligible.empty()) return OrderByValue(value, first);
  std::vector<std::size_t> order = OrderByValue(value);
  std::erase_if(order, [&](std::size_t i) { return ineligible[i] != 0; });
  order.resize(std::min(first, order.size()));
  return order;
}

}  // namespace gfr
