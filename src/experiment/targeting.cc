#include "experiment/targeting.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/hash.h"

namespace gfr {
namespace {

Key CategoryOf(const Property& p) {
  if (!p.text.empty()) return KeyOf(p.text);
  // A number given for a category is its whole part in text, as features read it.
  return std::fabs(p.number) < 9.2e18 ? KeyOf(std::to_string(static_cast<std::int64_t>(p.number))) : 0;
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
      (used_[k].type == Expression::Type::kNumber ? void(numbers[k] = said->number)
                                                  : void(categories[k] = CategoryOf(*said)));
    columns[k] = {&numbers[k], &categories[k]};
  }
  double matches = 0;
  condition_.Evaluate(columns, {&matches, 1});
  return matches == 1;
}

}  // namespace gfr
