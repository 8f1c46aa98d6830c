#include "event/property_value.h"

#include "base/number_text.h"

namespace gfr {
namespace {

template <typename T>
Property OfWhole(std::string name, T value) {
  constexpr T kExact = T{1} << 53;
  const bool exact = value <= kExact && (std::is_unsigned_v<T> || value >= T{0} - kExact);
  if (exact) return {.name = std::move(name), .number = static_cast<double>(value)};
  return {.name = std::move(name), .text = std::to_string(value)};
}

}  // namespace

Property PropertyOfText(std::string name, std::string text) {
  Property p{.name = std::move(name)};
  double number = 0;
  if (ParseNumber(text, &number) && NumberText(number) == text)
    p.number = number;
  else
    p.text = std::move(text);
  return p;
}

Property PropertyOfWhole(std::string name, std::int64_t value) { return OfWhole(std::move(name), value); }
Property PropertyOfWhole(std::string name, std::uint64_t value) { return OfWhole(std::move(name), value); }

std::string CategoryText(const Property& p) { return p.text.empty() ? NumberText(p.number) : p.text; }

double NumberOf(const Property& p) {
  double number = p.number;
  if (!p.text.empty() && !ParseNumber(p.text, &number)) return std::numeric_limits<double>::quiet_NaN();
  return number;
}

}  // namespace gfr
