#include "base/number_text.h"

#include <charconv>
#include <cmath>

namespace gfr {
namespace {

template <typename T>
std::string TextOf(T x) {
  if (std::isnan(x)) return "";
  char text[64];
  // A whole number: fixed, which is exact; -0 is 0.
  const bool whole = std::fabs(x) < static_cast<T>(1e21) && std::trunc(x) == x;
  const auto end = whole ? std::to_chars(text, text + sizeof text, x == 0 ? T{0} : x, std::chars_format::fixed, 0).ptr
                         : std::to_chars(text, text + sizeof text, x).ptr;
  return {text, end};
}

}  // namespace

std::string NumberText(double x) { return TextOf(x); }
std::string NumberText(float x) { return TextOf(x); }

bool ParseNumber(std::string_view text, double* value) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return false;
  *value = number;
  return true;
}

}  // namespace gfr
