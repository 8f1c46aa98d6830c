// FieldWriter and FieldReader: fields of structs, each written against the one before of its kind. Two bytes say which
// of up to 16 fields differ; of those follow numbers as differences, floats as they are, and keys by their place among
// the keys so far, a new one with its bytes. docs/formats/kept-rows.md has the bytes.
//
// Both have the same calls, so that one function can say the order of a struct's fields for writing and reading:
// Begin, a field a call, End. `last` becomes the field's value; a reader pays no heed to `now`. Thread safety: none.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/hash.h"

namespace gfr {

class FieldWriter {
 public:
  explicit FieldWriter(std::string* out) : out_{out} {}

  void Begin() {
    begin_ = out_.out->size();
    differs_ = 0;
    field_ = 0;
    out_.out->append(2, 0);
  }
  template <typename T>
  void Number(T& last, T now) {
    if (Differs(last != now)) out_.Signed(static_cast<std::int64_t>(Wide(now) - Wide(last)));
    last = now;
  }
  void Real(float& last, float now) {
    if (Differs(std::bit_cast<std::uint32_t>(last) != std::bit_cast<std::uint32_t>(now))) out_.Number(now);
    last = now;
  }
  void Name(Key& last, Key now) {
    if (Differs(last != now)) {
      const auto [at, is_new] = places_.try_emplace(now, places_.size());
      out_.Varint(at->second);
      if (is_new) out_.Number(now);
    }
    last = now;
  }
  void End() {
    (*out_.out)[begin_] = static_cast<char>(differs_ & 255);
    (*out_.out)[begin_ + 1] = static_cast<char>(differs_ >> 8);
  }

 private:
  template <typename T>
  static std::uint64_t Wide(T number) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(number));
  }
  bool Differs(bool differs) {
    differs_ |= static_cast<unsigned>(differs) << field_++;
    return differs;
  }

  ByteWriter out_;
  std::unordered_map<Key, std::uint64_t> places_;
  std::size_t begin_ = 0;
  unsigned differs_ = 0, field_ = 0;
};

class FieldReader {
 public:
  // Reads from `in`, which is bad after bytes that no FieldWriter wrote.
  explicit FieldReader(ByteReader* in) : in_(*in) {}

  void Begin() {
    differs_ = in_.Number<std::uint16_t>();
    differ_ = differs_ != 0;
  }
  template <typename T>
  void Number(T& last, T /*now*/) {
    if (Differs()) last = static_cast<T>(static_cast<std::uint64_t>(last) + static_cast<std::uint64_t>(in_.Signed()));
  }
  void Real(float& last, float /*now*/) {
    if (Differs()) last = in_.Number<float>();
  }
  void Name(Key& last, Key /*now*/) {
    if (!Differs()) return;
    const std::uint64_t place = in_.Varint();
    if (place == keys_.size()) keys_.push_back(in_.Number<Key>());
    if (place < keys_.size())
      last = keys_[place];
    else
      in_.bad = true;
  }
  void End() {}
  // Whether any of the struct's fields differs from the one before.
  bool differ() const { return differ_; }

 private:
  bool Differs() {
    const bool differs = (differs_ & 1u) != 0;
    differs_ >>= 1;
    return differs;
  }

  ByteReader& in_;
  std::vector<Key> keys_;
  unsigned differs_ = 0;
  bool differ_ = false;
};

}  // namespace gfr
