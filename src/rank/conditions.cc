#include "rank/conditions.h"

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "state/state_rows.h"

namespace gfr {
namespace {

using Source = ConditionName::Source;

void Put(const PropertyValue& value, bool categorical, std::vector<double>* numbers, std::vector<Key>* categories) {
  if (categorical)
    categories->push_back(value.category);
  else
    numbers->push_back(value.number);
}

}  // namespace

std::span<const double> ConditionColumns::Evaluate(const ItemCondition& condition) {
  std::vector<Expression::Column> columns;
  for (const ConditionName& name : condition.columns()) {
    const Values& values = ColumnOf(name);
    columns.push_back({values.numbers.data(), values.categories.data()});
  }
  out_.assign(items_.size(), 0);
  condition.Evaluate(columns, out_);
  return out_;
}

const ConditionColumns::Values& ConditionColumns::ColumnOf(const ConditionName& name) {
  const auto [at, is_new] = columns_.try_emplace({name.source, name.index});
  if (!is_new) return at->second;
  switch (name.source) {
    case Source::kItem:
    case Source::kRequestItem:
    case Source::kAgeDays:
      FillItem(name, &at->second);
      break;
    case Source::kUser:
    case Source::kRequest:
      FillRequest(name, &at->second);
      break;
    case Source::kFeature:
      for (std::size_t i = 0; i < items_.size(); ++i)
        at->second.numbers.push_back(
            static_cast<double>(draft_.features[i * in_.store.features().columns() + name.index]));
      break;
  }
  return at->second;
}

// What the caller says of the item goes before what the catalogue does.
void ConditionColumns::FillItem(const ConditionName& name, Values* values) const {
  const PropertySchema& schema = in_.store.features().schema;
  const bool categorical = name.type == Expression::Type::kCategory;
  std::vector<PropertyValue> said(schema.request_item_names.size()), of_item(schema.item_names.size());
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const std::byte* row = rows_[i];
    if (name.source == Source::kAgeDays) {
      const double first_ms = row ? static_cast<double>(SharedState::Summary(row).first_seen_ms) : std::nan("");
      values->numbers.push_back((static_cast<double>(in_.request.now_ms) - first_ms) / static_cast<double>(kDayMs));
    } else if (name.source == Source::kRequestItem) {
      std::ranges::fill(said, PropertyValue{});
      if (!items_[i].properties.empty()) schema.ReadRequestItem(items_[i].properties, said);
      Put(said[name.index], categorical, &values->numbers, &values->categories);
    } else if (std::isnan(items_[i].price) && items_[i].properties.empty()) {
      Put(row ? in_.store.shared().Properties(row)[name.index] : PropertyValue{}, categorical, &values->numbers,
          &values->categories);
    } else {
      std::ranges::fill(of_item, PropertyValue{});
      if (row) std::ranges::copy(in_.store.shared().Properties(row), of_item.begin());
      OverrideItem(items_[i], schema, of_item);
      Put(of_item[name.index], categorical, &values->numbers, &values->categories);
    }
  }
}

// The same for all items: of the user, with what the context says of them over it, or of the request.
void ConditionColumns::FillRequest(const ConditionName& name, Values* values) const {
  const FeatureSet& features = in_.store.features();
  PropertyValue value;
  if (name.source == Source::kUser) {
    std::vector<PropertyValue> of_user(features.schema.user_names.size());
    if (const std::byte* row = draft_.lease.user_row)
      std::ranges::copy(RowLayout(features).UserProperties(row), of_user.begin());
    OverrideUser(in_.request.context, features.schema, of_user);
    value = of_user[name.index];
  } else {
    std::vector<PropertyValue> of_request(features.schema.request_names.size());
    features.schema.ReadRequest(in_.request.context, of_request);
    value = of_request[name.index];
  }
  if (name.type == Expression::Type::kCategory)
    values->categories.assign(items_.size(), value.category);
  else
    values->numbers.assign(items_.size(), value.number);
}

}  // namespace gfr
