// A number in a report's JSON.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>

namespace gfr {

// The number, or null where it is not finite: JSON has no NaN.
inline nlohmann::ordered_json JsonNumber(double x) {
  return std::isfinite(x) ? nlohmann::ordered_json(x) : nlohmann::ordered_json(nullptr);
}

}  // namespace gfr
