#include "serve/number_list.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "base/decimal.h"

namespace gfr {
namespace {

// The end of the number of JSON's grammar at the beginning of [at, end); null: there is none.
const char* EndOfNumber(const char* at, const char* end) {
  const auto digits = [&] {
    const char* const begin = at;
    while (at < end && *at >= '0' && *at <= '9') ++at;
    return at - begin;
  };
  at += at < end && *at == '-';
  const bool leads_with_zero = at < end && *at == '0';
  const auto whole = digits();
  if (whole == 0 || (leads_with_zero && whole > 1)) return nullptr;
  if (at < end && *at == '.' && (++at, digits() == 0)) return nullptr;
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    at += at < end && (*at == '-' || *at == '+');
    if (digits() == 0) return nullptr;
  }
  return at;
}

// A number that ReadDecimal leaves. Few are: it stays out of the loops that read numbers.
[[gnu::noinline]] const char* ReadOtherNumber(const char* at, const char* end, double* number) {
  const char* const behind = EndOfNumber(at, end);
  if (behind == nullptr) return nullptr;
  if (std::from_chars(at, behind, *number).ec == std::errc{}) return behind;
  *number = std::strtod(std::string(at, behind).c_str(), nullptr);  // Out of range: nearest is zero, or infinity.
  return std::isfinite(*number) ? behind : nullptr;
}

// Whether [at, end) is a number or null, with blanks around it.
[[gnu::noinline]] bool ReadElement(const char* at, const char* end, double* number) {
  while (at < end && IsJsonBlank(*at)) ++at;
  while (at < end && IsJsonBlank(end[-1])) --end;
  if (std::string_view(at, end) == "null") {
    *number = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  return at < end && ReadJsonNumber(at, end, number) == end;
}

// What is appended goes through a buffer: a vector would ask for room at each value.
template <typename T>
class BufferedTail {
 public:
  explicit BufferedTail(std::vector<T>* values) : values_(values), before_(values->size()) {}
  void Add(double value) {
    if (count_ == buffer_.size()) Flush();
    buffer_[count_++] = static_cast<T>(value);
  }
  void Flush() {
    values_->insert(values_->end(), buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(count_));
    count_ = 0;
  }
  void Drop() { values_->resize(before_); }

 private:
  std::vector<T>* const values_;
  const std::size_t before_;
  std::array<T, 64> buffer_;
  std::size_t count_ = 0;
};

#ifdef __SSE2__

constexpr std::ptrdiff_t kBlockBytes = 64;
constexpr std::ptrdiff_t kBytesBehind = 32;  // That a number at a block's end is read with.

// A bit for each of 64 bytes that is a comma or a closing bracket.
std::uint64_t EndsOfNumbers(const char* at) {
  std::uint64_t ends = 0;
  for (int k = 0; k < 4; ++k) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * k));
    const __m128i is_end =
        _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8(',')), _mm_cmpeq_epi8(text, _mm_set1_epi8(']')));
    ends |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(is_end))) << (16 * k);
  }
  return ends;
}

// `count` digits at `at`, at most 15. False: they are not all digits. REQUIRES: 16 bytes can be read.
[[gnu::always_inline]] inline bool ReadShortDigits(const char* at, unsigned count, std::uint64_t* digits) {
  using namespace decimal_internal;
  const __m128i values = _mm_sub_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)), _mm_set1_epi8('0'));
  const auto is_digit =
      static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values)));
  const auto low = static_cast<std::uint64_t>(_mm_cvtsi128_si64(values));
  const auto high = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(values, values)));
  const unsigned __int128 text = (static_cast<unsigned __int128>(high) << 64 | low) << (128 - 8 * count);
  *digits =
      EightValues(static_cast<std::uint64_t>(text)) * 100'000'000 + EightValues(static_cast<std::uint64_t>(text >> 64));
  return (~is_digit & ((1u << count) - 1)) == 0;
}

// A usual number that ends at `end`, with one blank before it perhaps. False: it is none. REQUIRES: kBytesBehind bytes
// can be read from `end` on.
[[gnu::always_inline]] inline bool ReadUsualNumber(const char* at, const char* end, double* number) {
  using namespace decimal_internal;
  at += *at == ' ';
  const bool negative = *at == '-';
  at += negative;
  const auto length = static_cast<std::size_t>(end - at);  // Huge if there is nothing.
  double value = 0;
  if (at[1] == '.' && length - 3 < 15) {
    const auto places = static_cast<unsigned>(length - 2);
    const auto whole = static_cast<std::uint64_t>(static_cast<unsigned char>(*at)) - '0';
    std::uint64_t digits = 0;
    if (!ReadShortDigits(at + 2, places, &digits) || whole > 9) return false;
    digits += whole * kMorePowers[places];
    if (digits >= 1ull << 53) return false;
    value = static_cast<double>(digits) / kPowers[places];  // Both are exact: the nearest (Clinger 1990).
  } else {
    std::uint64_t digits = 0;
    if (length - 1 >= 15 || (*at == '0' && length > 1)) return false;
    if (!ReadShortDigits(at, static_cast<unsigned>(length), &digits)) return false;
    value = static_cast<double>(digits);
  }
  *number = std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) | static_cast<std::uint64_t>(negative) << 63);
  return true;
}

#endif

}  // namespace

const char* ReadJsonNumber(const char* at, const char* end, double* number) {
  const char* const behind = ReadDecimal(at, end, number);
  return behind != nullptr ? behind : ReadOtherNumber(at, end, number);
}

template <typename T>
const char* ReadNumberList(const char* at, const char* end, std::vector<T>* values) {
  BufferedTail<T> appended(values);
  double number = 0;
#ifdef __SSE2__
  for (const char* block = at; end - block >= kBlockBytes + kBytesBehind; block += kBlockBytes) {
    for (std::uint64_t ends = EndsOfNumbers(block); ends != 0; ends &= ends - 1) {
      const char* const end_of_one = block + std::countr_zero(ends);
      if (!ReadUsualNumber(at, end_of_one, &number) && !ReadElement(at, end_of_one, &number)) {
        appended.Drop();
        return nullptr;
      }
      appended.Add(number);
      at = end_of_one + 1;
      if (*end_of_one == ']') {
        appended.Flush();
        return at;
      }
    }
  }
#endif
  while (at < end) {
    const char* end_of_one = at;
    while (end_of_one < end && *end_of_one != ',' && *end_of_one != ']') ++end_of_one;
    if (end_of_one == end || !ReadElement(at, end_of_one, &number)) break;
    appended.Add(number);
    at = end_of_one + 1;
    if (*end_of_one == ']') {
      appended.Flush();
      return at;
    }
  }
  appended.Drop();
  return nullptr;
}

template const char* ReadNumberList<float>(const char*, const char*, std::vector<float>*);
template const char* ReadNumberList<double>(const char*, const char*, std::vector<double>*);

}  // namespace gfr
