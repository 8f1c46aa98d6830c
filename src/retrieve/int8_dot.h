// Dot products of one vector of 8-bit integers with many: the kernel of an exhaustive search (embedding_index.h).
//
// One source an instruction set, chosen when the program runs; sums are exact integers, so all give equal bits. Thread
// safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gfr {

// Vectors are padded with zeros to a multiple of so many bytes.
inline constexpr std::size_t kInt8Step = 64;
// The longest vector whose sums fit: 127 * 127 * kInt8Longest < 2^31.
inline constexpr std::size_t kInt8Longest = 1 << 16;

enum class Int8Kernel : std::uint8_t { kPortable, kAvx2, kAvx512 };

// dots[i] = the sum over `stride` bytes of query[k] * rows[i * stride + k], for i in [0, count). REQUIRES: `stride` is
// a multiple of kInt8Step and at most kInt8Longest; no byte is -128.
using Int8Dots = void (*)(const std::int8_t* query, const std::int8_t* rows, std::size_t count, std::size_t stride,
                          std::int32_t* dots);

bool IsSupported(Int8Kernel kernel);  // By this processor.
// REQUIRES: IsSupported(kernel).
Int8Dots Int8DotsOf(Int8Kernel kernel);
Int8Dots BestInt8Dots();

// Writes a vector as 8-bit integers and gives the scale that they are to be taken times; 0 for a vector of zeros, or of
// numbers that are not finite. REQUIRES: room for as many bytes as numbers.
float QuantizeInt8(std::span<const float> vector, std::int8_t* bytes);

// Of two vectors of floats. Sums in 16 lanes, so that compilers may use vectors of any width, and all give equal bits.
float DotProduct(const float* a, const float* b, std::size_t size);

// Of int8_dot_*.cc.
void Int8DotsPortable(const std::int8_t*, const std::int8_t*, std::size_t, std::size_t, std::int32_t*);
void Int8DotsAvx2(const std::int8_t*, const std::int8_t*, std::size_t, std::size_t, std::int32_t*);
void Int8DotsAvx512(const std::int8_t*, const std::int8_t*, std::size_t, std::size_t, std::int32_t*);

}  // namespace gfr
