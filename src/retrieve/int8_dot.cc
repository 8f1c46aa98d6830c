#include "retrieve/int8_dot.h"

namespace gfr {

void Int8DotsPortable(const std::int8_t* query, const std::int8_t* rows, std::size_t count, std::size_t stride,
                      std::int32_t* dots) {
  for (std::size_t i = 0; i < count; ++i, rows += stride) {
    std::int32_t sum = 0;
    for (std::size_t k = 0; k < stride; ++k) sum += std::int32_t{query[k]} * rows[k];
    dots[i] = sum;
  }
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
