#include "retrieve/int8_dot.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gfr {

void Int8DotsPortable(const std::int8_t* query, const std::int8_t* rows, std::size_t count, std::size_t stride,
                      std::int32_t* dots) {
  for (std::size_t i = 0; i < count; ++i, rows += stride) {
    std::int32_t sum = 0;
    for (std::size_t k = 0; k < stride; ++k) sum += std::int32_t{query[k]} * rows[k];
    dots[i] = sum;
  }
}

float QuantizeInt8(std::span<const float> vector, std::int8_t* bytes) {
  float greatest = 0;
  for (const float v : vector) greatest = std::max(greatest, std::fabs(v));
  if (!(greatest > 0) || !std::isfinite(greatest)) return 0;
  const float scale = greatest / 127;
  for (std::size_t k = 0; k < vector.size(); ++k)
    bytes[k] = static_cast<std::int8_t>(std::clamp(std::nearbyint(vector[k] / scale), -127.0f, 127.0f));
  return scale;
}

float DotProduct(const float* a, const float* b, std::size_t size) {
  std::array<float, 16> sums = {};
  std::size_t k = 0;
  for (; k + 16 <= size; k += 16) {
    for (std::size_t l = 0; l < 16; ++l) sums[l] += a[k + l] * b[k + l];
  }
  for (std::size_t l = 0; k < size; ++k, ++l) sums[l] += a[k] * b[k];
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t l = 0; l < half; ++l) sums[l] += sums[l + half];
  }
  return sums[0];
}

bool IsSupported(Int8Kernel kernel) {
  __builtin_cpu_init();
  if (kernel == Int8Kernel::kAvx2) return __builtin_cpu_supports("avx2");
  if (kernel == Int8Kernel::kAvx512) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  return true;
}

Int8Dots Int8DotsOf(Int8Kernel kernel) {
  return kernel == Int8Kernel::kAvx512 ? Int8DotsAvx512 : kernel == Int8Kernel::kAvx2 ? Int8DotsAvx2 : Int8DotsPortable;
}

Int8Dots BestInt8Dots() {
  static const Int8Dots best = Int8DotsOf(IsSupported(Int8Kernel::kAvx512) ? Int8Kernel::kAvx512
                                          : IsSupported(Int8Kernel::kAvx2) ? Int8Kernel::kAvx2
                                                                           : Int8Kernel::kPortable);
  return best;
}

}  // namespace gfr
