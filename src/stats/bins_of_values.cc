#include "stats/bins_of_values.h"

#include <bit>
#include <cstring>

namespace gfr {
namespace {

constexpr std::size_t kTogether = 8;
// As many lanes as values, of whatever vectors the caller's target has; comparisons give -1 a lane.
using EightFloats = float __attribute__((vector_size(4 * kTogether)));
using EightIntegers = std::int32_t __attribute__((vector_size(4 * kTogether)));

// REQUIRES: at most kTogether values; those behind `count` are read as 0.
[[gnu::always_inline]] inline void BinEight(const Bins& bins, const float* values, std::size_t count, std::uint8_t* out,
                                            std::size_t stride) {
  EightFloats v = {};
  std::memcpy(&v, values, count * sizeof(float));
  EightIntegers bin = v < bins.least;
  bin = bin + 1;  // 0 is below.
  // What is below the least is above no end.
  for (const float upper : bins.uppers) bin -= v > upper;
  const auto missing = static_cast<std::int32_t>(bins.missing());
  bin = v == v ? bin : EightIntegers{} + missing;
  for (std::size_t i = 0; i < count; ++i) out[i * stride] = static_cast<std::uint8_t>(bin[i]);
}

[[gnu::always_inline]] inline void BinNumbersOf(const Bins& bins, const float* values, std::size_t count,
                                                std::uint8_t* out, std::size_t stride) {
  for (; count >= kTogether; values += kTogether, out += kTogether * stride, count -= kTogether)
    BinEight(bins, values, kTogether, out, stride);
  if (count > 0) BinEight(bins, values, count, out, stride);
}

using BinFunction = void (*)(const Bins&, const float*, std::size_t, std::uint8_t*, std::size_t);
void BinPortable(const Bins& bins, const float* values, std::size_t count, std::uint8_t* out, std::size_t stride) {
  BinNumbersOf(bins, values, count, out, stride);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) void BinAvx2(const Bins& bins, const float* values, std::size_t count,
                                             std::uint8_t* out, std::size_t stride) {
  BinNumbersOf(bins, values, count, out, stride);
}
#endif

BinFunction BestBin() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return BinAvx2;
#endif
  return BinPortable;
}

}  // namespace

void BinsOfValues(const Bins& bins, const float* values, std::size_t count, std::uint8_t* out, std::size_t stride) {
  static const BinFunction best = BestBin();
  // What a request has is the same in all of its rows.
  bool same = true;
  for (std::size_t i = 1; i < count; ++i)
    same &= std::bit_cast<std::uint32_t>(values[i]) == std::bit_cast<std::uint32_t>(values[0]);
  if (same && count > 0) {
    const auto bin = static_cast<std::uint8_t>(bins.Of(values[0]));
    for (std::size_t i = 0; i < count; ++i) out[i * stride] = bin;
  } else if (!bins.categorical) {
    best(bins, values, count, out, stride);
  } else {
    for (std::size_t i = 0; i < count; ++i) out[i * stride] = static_cast<std::uint8_t>(bins.Of(values[i]));
  }
}

}  // namespace gfr
