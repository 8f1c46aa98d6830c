// ByteReader: numbers and pieces from bytes of any origin, never past their end.
//
// A read past the end gives zeros or nothing and sets `bad`, so that one check at the end is enough; a count of things
// that follow is bounded by the bytes that are left. Integers and floats are little-endian, as this machine's. Thread
// safety: a plain value.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gfr {

struct ByteReader {
  std::string_view left;
  bool bad = false;

  std::string_view Take(std::uint64_t size) {
    if (size > left.size()) {
      bad = true;
      return {};
    }
    const std::string_view taken = left.substr(0, size);
    left.remove_prefix(size);
    return taken;
  }
  template <typename T>
  T Number() {
    static_assert(std::is_arithmetic_v<T>);
    T number{};
    if (const std::string_view bytes = Take(sizeof number); !bytes.empty())
      std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }
  // Bytes with their length (u64) in front.
  std::string_view Text() { return Take(Number<std::uint64_t>()); }

  // LEB128, and zigzag for signed numbers; the length of strings and lists is one.
  std::uint64_t Varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto b = Number<std::uint8_t>();
      v |= std::uint64_t{b & 127u} << shift;
      if (b < 128) return v;
    }
    bad = true;
    return 0;
  }
  std::int64_t Signed() {
    const std::uint64_t v = Varint();
    return static_cast<std::int64_t>(v >> 1 ^ (~(v & 1) + 1));
  }
  // How many things of at least `bytes_each` follow.
  std::size_t Count(std::size_t bytes_each) {
    const std::uint64_t n = Varint();
    if (n > left.size() / bytes_each) {
      bad = true;
      return 0;
    }
    return static_cast<std::size_t>(n);
  }
  std::string_view String() { return Take(Count(1)); }
  std::vector<float> Floats() {
    std::vector<float> v(Count(sizeof(float)));
    if (const std::string_view bytes = Take(v.size() * sizeof(float)); !bytes.empty())
      std::memcpy(v.data(), bytes.data(), bytes.size());
    return v;
  }
};

}  // namespace gfr
