#include "feed/item_condition.h"

#include <utility>

namespace gfr {

Result<ItemCondition> ItemCondition::Parse(std::string_view text, const std::vector<ConditionName>& names) {
  constexpr auto kCondition = Expression::Type::kCondition;
  std::vector<Expression::Name> all, used;
  for (const ConditionName& name : names) all.push_back({name.name, name.type});
  GFR_ASSIGN(const Expression whole, Expression::Parse(text, kCondition, all));
  ItemCondition condition;
  for (const std::uint32_t n : whole.used()) {
    used.push_back(all[n]);
    condition.columns_.push_back(names[n]);
    condition.reads_features_ |= names[n].source == ConditionName::Source::kFeature;
  }
  GFR_ASSIGN(condition.expression_, Expression::Parse(text, kCondition, used));  // Columns of these alone.
  return condition;
}

}  // namespace gfr
