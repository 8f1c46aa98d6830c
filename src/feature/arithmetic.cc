#include <bit>
#include <cstdint>

#include "feature/feature_view.h"

namespace gfr {

double Log2(double x) {
  int exponent = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    exponent = -54;
  }
  std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  exponent += static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffffull) | 0x3ff0000000000000ull);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  // ln m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.1716: the series to s^15 leaves less than 1e-13.
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  const double series =
      1.0 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11 + z * (1.0 / 13 + z / 15))))));
  return static_cast<double>(exponent) + 2.0 * s * series * 1.4426950408889634;
}

// e^f as its series to f^11, |f| < 0.3466: what is left out is below 1e-14.
double Exp2(double x) {
  if (!(x > -1000)) return 0;
  if (x > 1000) x = 1000;
  constexpr double kWhole = 6755399441055744.0;  // 2^52 + 2^51: what is added to it has no fraction left.
  const double whole = x + kWhole - kWhole, f = (x - whole) * 0.6931471805599453;
  double sum = 1.0 / 39916800;
  for (const double c : {1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6,
                         1.0 / 2, 1.0, 1.0})
    sum = c + f * sum;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(static_cast<std::int64_t>(whole) + 1023) << 52);
}

}  // namespace gfr
