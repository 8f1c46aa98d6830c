// ByteWriter: what ByteReader (byte_reader.h) reads, appended to a string. Thread safety: a plain value.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace gfr {

struct ByteWriter {
  std::string* out;

  template <typename T>
  void Number(T number) {
    static_assert(std::is_arithmetic_v<T>);
    out->append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void Byte(std::uint8_t b) { out->push_back(static_cast<char>(b)); }
  void Varint(std::uint64_t v) {
    for (; v >= 128; v >>= 7) Byte(static_cast<std::uint8_t>(v | 128));
    Byte(static_cast<std::uint8_t>(v));
  }
  void Signed(std::int64_t v) { Varint(static_cast<std::uint64_t>(v) << 1 ^ static_cast<std::uint64_t>(v >> 63)); }
  void String(std::string_view s) {
    Varint(s.size());
    out->append(s);
  }
  void Floats(std::span<const float> v) {
    Varint(v.size());
    out->append(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(float));
  }
};

}  // namespace gfr
