#include "experiment/targeting.h"

#include <algorithm>
#include <limits>

#include "base/hash.h"
#include "event/property_value.h"

namespace gfr {
namespace {

// As features read it, whichever call the property came by.
void Read(const Property& said, Expression::Type type, double* number, Key* category) {
  if (type == Expression::Type::kNumber) {
    *number = NumberOf(said);
    return;
  }
  const std::string text = CategoryText(said);
  *category = text.empty() ? 0 : KeyOf(text);
}

}  // namespace

Result<Targeting> Targeting::Parse(std::string_view text, std::vector<Expression::Name> names) {
  names.insert(names.begin(), {kSurface, Expression::Type::kCategory});
  GFR_ASSIGN(const Expression all, Expression::Parse(text, Expression::Type::kCondition, names));
  Targeting targeting;
  for (const std::uint32_t name : all.used()) targeting.used_.push_back(names[name]);
  GFR_ASSIGN(targeting.condition_, Expression::Parse(text, Expression::Type::kCondition, targeting.used_));
  return targeting;
}

bool Targeting::Matches(std::span<const Property> context, std::string_view surface) const {
  std::vector<double> numbers(used_.size(), std::numeric_limits<double>::quiet_NaN());
  std::vector<Key> categories(used_.size(), 0);
  std::vector<Expression::Column> columns(used_.size());
  for (std::size_t k = 0; k < used_.size(); ++k) {
    const auto said = std::ranges::find(context, used_[k].name, &Property::name);
    if (used_[k].name == kSurface)
      categories[k] = surface.empty() ? 0 : KeyOf(surface);
    else if (said != context.end())
      Read(*said, used_[k].type, &numbers[k], &categories[k]);
    columns[k] = {&numbers[k], &categories[k]};
  }
  double matches = 0;
  condition_.Evaluate(columns, {&matches, 1});
  return matches == 1;
}

}  // namespace gfr
