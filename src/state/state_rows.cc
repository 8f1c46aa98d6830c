#include "state/state_rows.h"

#include <cmath>
#include <limits>

namespace gfr {

void OverrideItem(const EventItem& item, const PropertySchema& schema, std::span<PropertyValue> values) {
  // Not NaN, and not what a row's float cannot hold.
  if (std::fabs(item.price) <= std::numeric_limits<float>::max()) values[0].number = item.price;
  for (const Property& p : item.properties) {
    if (const int k = schema.FindItem(p.name); k >= 0)
      values[static_cast<std::size_t>(k)] = ValueOf(p, schema.item_categorical[static_cast<std::size_t>(k)]);
  }
}

void OverrideUser(std::span<const Property> context, const PropertySchema& schema, std::span<PropertyValue> values) {
  for (const Property& p : context) {
    if (const int k = schema.FindUser(p.name); k >= 0)
      values[static_cast<std::size_t>(k)] = ValueOf(p, schema.user_categorical[static_cast<std::size_t>(k)]);
  }
}

}  // namespace gfr
