// Decimal numbers as most texts have them, read to the nearest number faster than by std::from_chars: digits with or
// without a point, at most 19 of them, no exponent. Whatever else a number may be is left to std::from_chars.
//
// Both divide the digits, taken as a whole number, by a power of ten. Where both are exact in the type of the division,
// its result is the nearest number of that type (Clinger 1990, "How to read floating point numbers accurately"). With
// more digits the division is made in 64 bits of mantissa and rounded once more; that gives the nearest number too,
// unless the first result lies halfway between two (Figueroa 1995, "When is double rounding innocuous?"), which is
// found out and left alone.
// Thread safety: pure functions.
#pragma once

#include <bit>
#include <cfloat>
#include <cstdint>
#include <cstring>
#include <type_traits>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace gfr {
namespace decimal_internal {

inline constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

inline constexpr std::uint64_t kWholePowers[] = {1, 10, 100, 1000, 10'000, 100'000, 1'000'000, 10'000'000};

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Eight digits at once (Lemire 2022, "Number parsing at a gigabyte per second"). Little endian only.
// Bytes that are no digits, from the lowest one on: its high bit is set; those behind it may be anything.
inline std::uint64_t NoDigits(std::uint64_t text) {
  return ((text + 0x4646464646464646) | (text - 0x3030303030303030)) & 0x8080808080808080;
}
inline std::uint64_t EightValues(std::uint64_t values) {  // 0 to 9 each, not their characters.
  values = values * 10 + (values >> 8);
  return (((values & 0x000000ff000000ff) * 0x000f424000000064 +
           ((values >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >>
          32) &
         0xffffffff;
}
inline std::uint64_t EightDigits(std::uint64_t text) { return EightValues(text - 0x3030303030303030); }

#ifdef __SSE2__
inline constexpr std::uint64_t kMorePowers[] = {1,
                                                10,
                                                100,
                                                1000,
                                                10'000,
                                                100'000,
                                                1'000'000,
                                                10'000'000,
                                                100'000'000,
                                                1'000'000'000,
                                                10'000'000'000,
                                                100'000'000'000,
                                                1'000'000'000'000,
                                                10'000'000'000'000,
                                                100'000'000'000'000,
                                                1'000'000'000'000'000,
                                                10'000'000'000'000'000};

// Reads on in the digits among the 16 bytes at `at`; gives how many there are.
inline int ReadSixteenDigits(const char* at, std::uint64_t* digits) {
  const __m128i values = _mm_sub_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)), _mm_set1_epi8('0'));
  const auto is_digit =
      static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values)));
  const int count = std::countr_one(is_digit);
  if (count == 0) return 0;
  const auto low = static_cast<std::uint64_t>(_mm_cvtsi128_si64(values));
  const auto high = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(values, values)));
  const unsigned __int128 text = (static_cast<unsigned __int128>(high) << 64 | low) << (128 - 8 * count);
  *digits = *digits * kMorePowers[count] + EightValues(static_cast<std::uint64_t>(text)) * 100'000'000 +
            EightValues(static_cast<std::uint64_t>(text >> 64));
  return count;
}
#endif

// Reads on in the digits at `at`; gives their end. Lengths differ from number to number, so that nothing branches on
// one.
inline const char* ReadDigits(const char* at, const char* end, std::uint64_t* digits) {
#ifdef __SSE2__
  if (end - at >= 16) {
    const int count = ReadSixteenDigits(at, digits);
    at += count;
    if (count < 16) [[likely]]
      return at;
  }
#endif
  if constexpr (std::endian::native == std::endian::little) {
    while (end - at >= 8) {
      std::uint64_t text = 0;
      std::memcpy(&text, at, sizeof text);
      const std::uint64_t no_digits = NoDigits(text);
      if (no_digits != 0) {
        const int count = std::countr_zero(no_digits) / 8;  // Fewer than 8: as many zeros are put before them.
        text = count == 0 ? 0x3030303030303030 : text << (64 - 8 * count) | 0x3030303030303030 >> (8 * count);
        *digits = *digits * kWholePowers[count] + EightDigits(text);
        return at + count;
      }
      *digits = *digits * 100'000'000 + EightDigits(text);
      at += 8;
    }
  }
  while (at < end && IsDigit(*at)) *digits = *digits * 10 + static_cast<std::uint64_t>(*at++ - '0');
  return at;
}

// digits / 10^places, to the nearest T. False: not known.
template <typename T>
bool Divide(std::uint64_t digits, std::size_t places, T* out) {
  constexpr int kSpare = 53 - (sizeof(T) == 4 ? 24 : 53);  // Bits of a double that T has not.
  if (digits < 1ull << 53) {
    const double nearest = static_cast<double>(digits) / kPowers[places];
    if constexpr (kSpare > 0) {
      constexpr std::uint64_t kHalf = 1ull << (kSpare - 1), kLow = (1ull << kSpare) - 1;
      if ((std::bit_cast<std::uint64_t>(nearest) & kLow) == kHalf) return false;
    }
    *out = static_cast<T>(nearest);
    return true;
  }
#if LDBL_MANT_DIG == 64 && defined(__x86_64__)
  const long double nearest = static_cast<long double>(digits) / static_cast<long double>(kPowers[places]);
  std::uint64_t mantissa = 0;
  std::memcpy(&mantissa, &nearest, sizeof mantissa);
  constexpr std::uint64_t kHalf = 1ull << (kSpare + 10), kLow = (1ull << (kSpare + 11)) - 1;
  if ((mantissa & kLow) == kHalf) return false;
  *out = static_cast<T>(nearest);
  return true;
#else
  return false;
#endif
}

}  // namespace decimal_internal

// The number at the beginning of [at, end), with a minus perhaps, as JSON's grammar has it ("0.5", not ".5", "00" or
// "1."). Gives its end; null: this is not such a number, or not read so (more digits, an exponent).
template <typename T>
const char* ReadDecimal(const char* at, const char* end, T* out) {
  using namespace decimal_internal;
  const bool negative = at < end && *at == '-';
  at += negative;
  const char* const begin = at;
  std::uint64_t digits = 0;
  if (at < end && IsDigit(*at)) digits = static_cast<std::uint64_t>(*at++ - '0');
  if (at < end && *at != '.')  // Before most points stands one digit: a loop is slower for it.
    while (at < end && IsDigit(*at)) digits = digits * 10 + static_cast<std::uint64_t>(*at++ - '0');
  const auto whole = static_cast<std::size_t>(at - begin);
  if (whole == 0 || (*begin == '0' && whole > 1)) return nullptr;
  std::size_t places = 0;
  if (at < end && *at == '.') {
    const char* const point = ++at;
    at = ReadDigits(at, end, &digits);
    places = static_cast<std::size_t>(at - point);
    if (places == 0) return nullptr;
  }
  // Fewer than 20 digits fit into 64 bits.
  if (whole + places > 19 || (at < end && (*at == 'e' || *at == 'E'))) return nullptr;
  T value = 0;
  if (!Divide(digits, places, &value)) return nullptr;
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  *out = std::bit_cast<T>(std::bit_cast<Bits>(value) | static_cast<Bits>(negative) << (8 * sizeof(T) - 1));
  return at;
}

}  // namespace gfr
