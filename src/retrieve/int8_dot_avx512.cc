// Compiled with AVX-512F and BW; called only where the processor has them.
#include <immintrin.h>

#include "retrieve/int8_dot.h"

namespace gfr {

void Int8DotsAvx512(const std::int8_t* query, const std::int8_t* rows, std::size_t count, std::size_t stride,
                    std::int32_t* dots) {
  const auto wide = [](const std::int8_t* at) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
  };
  for (std::size_t i = 0; i < count; ++i, rows += stride) {
    __m512i a = _mm512_setzero_si512(), b = a;
    for (std::size_t k = 0; k < stride; k += 64) {
      a = _mm512_add_epi32(a, _mm512_madd_epi16(wide(query + k), wide(rows + k)));
      b = _mm512_add_epi32(b, _mm512_madd_epi16(wide(query + k + 32), wide(rows + k + 32)));
    }
    dots[i] = _mm512_reduce_add_epi32(_mm512_add_epi32(a, b));
  }
}

}  // namespace gfr
