// What window views take from a [[feature]]: the window's shape, and `of`, what a line adds to a sum.
#pragma once

#include "feature/feature_types.h"
#include "feature/window.h"

namespace gfr {

// Whole numbers: money in hundredths, quantity, or a number property in hundredths.
struct LineAmount {
  enum class Of : std::uint8_t { kMoney, kQuantity, kProperty };
  Of of = Of::kMoney;
  int item_property = -1;
  double scale() const { return of == Of::kQuantity ? 1.0 : 100.0; }
  // kNoMoney: the line has none.
  std::int64_t operator()(const EventLine& line) const noexcept {
    if (of == Of::kMoney) return line.money_minor;
    if (of == Of::kQuantity) return line.quantity;
    if (static_cast<std::size_t>(item_property) >= line.item_properties.size()) return kNoMoney;
    const double x = line.item_properties[static_cast<std::size_t>(item_property)].number * 100.0;
    if (!(x > -9e15 && x < 9e15)) return kNoMoney;
    return static_cast<std::int64_t>(x < 0 ? x - 0.5 : x + 0.5);
  }
};

Result<LineAmount> AmountOfConfig(const FeatureConfig&);
Result<WindowShape> ShapeOf(const FeatureConfig&);
// How much a line of a type weighs.
std::array<std::int32_t, kEventTypes> WeightsOf(const FeatureConfig&);

}  // namespace gfr
