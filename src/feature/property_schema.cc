#include <algorithm>
#include <cmath>
#include <limits>

#include "event/property_value.h"
#include "feature/feature_set.h"

namespace gfr {
namespace {

int Find(const std::vector<std::string>& names, std::string_view name) {
  const auto at = std::ranges::find(names, name);
  return at == names.end() ? -1 : static_cast<int>(at - names.begin());
}

}  // namespace

int PropertySchema::FindItem(std::string_view name) const { return Find(item_names, name); }
int PropertySchema::FindUser(std::string_view name) const { return Find(user_names, name); }
int PropertySchema::FindVector(std::string_view name) const { return Find(vector_names, name); }
int PropertySchema::FindRequest(std::string_view name) const { return Find(request_names, name); }
int PropertySchema::FindRequestItem(std::string_view name) const { return Find(request_item_names, name); }

std::size_t PropertySchema::ReadRequest(std::span<const Property> context, std::span<PropertyValue> values) const {
  std::ranges::fill(values, PropertyValue());
  std::size_t undeclared = 0;
  for (const Property& p : context) {
    if (const int k = FindRequest(p.name); k >= 0)
      values[static_cast<std::size_t>(k)] = ValueOf(p, request_categorical[static_cast<std::size_t>(k)]);
    else
      undeclared += FindUser(p.name) < 0;
  }
  return undeclared;
}

std::size_t PropertySchema::ReadRequestItem(std::span<const Property> properties,
                                            std::span<PropertyValue> values) const {
  std::ranges::fill(values, PropertyValue());
  std::size_t undeclared = 0;
  for (const Property& p : properties) {
    if (const int k = FindRequestItem(p.name); k >= 0)
      values[static_cast<std::size_t>(k)] = ValueOf(p, request_item_categorical[static_cast<std::size_t>(k)]);
    else
      undeclared += FindItem(p.name) < 0 && FindVector(p.name) < 0;
  }
  return undeclared;
}

bool PropertySchema::ReadVectors(std::span<const Property> properties, float* vectors) const {
  bool any = false;
  for (const Property& p : properties) {
    const int k = p.vector.empty() ? -1 : FindVector(p.name);
    if (k < 0 || p.vector.size() != vector_sizes[static_cast<std::size_t>(k)]) continue;
    std::ranges::copy(p.vector, vectors + vector_offsets[static_cast<std::size_t>(k)]);
    any = true;
  }
  return any;
}

PropertyValue ValueOf(const Property& p, bool categorical) {
  PropertyValue value;
  if (categorical) {
    value.category = p.text.empty() ? KeyOf(CategoryText(p)) : KeyOf(p.text);
  } else {  // What a row's float cannot hold is missing, NaN too.
    const double number = NumberOf(p);
    value.number = std::fabs(number) <= std::numeric_limits<float>::max() ? number : kMissing;
  }
  return value;
}

}  // namespace gfr
