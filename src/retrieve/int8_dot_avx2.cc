// Compiled with AVX2; called only where the processor has it.
#include <immintrin.h>

#include "retrieve/int8_dot.h"

namespace gfr {

void Int8DotsAvx2(const std::int8_t* query, const std::int8_t* rows, std::size_t count, std::size_t stride,
                  std::int32_t* dots) {
  const auto wide = [](const std::int8_t* at) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  };
  for (std::size_t i = 0; i < count; ++i, rows += stride) {
    __m256i a = _mm256_setzero_si256(), b = a;
    for (std::size_t k = 0; k < stride; k += 32) {
      a = _mm256_add_epi32(a, _mm256_madd_epi16(wide(query + k), wide(rows + k)));
      b = _mm256_add_epi32(b, _mm256_madd_epi16(wide(query + k + 16), wide(rows + k + 16)));
    }
    a = _mm256_add_epi32(a, b);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    dots[i] = _mm_cvtsi128_si32(sum);
  }
}

}  // namespace gfr
