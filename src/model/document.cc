#include "model/document.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>

namespace gfr {
namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxValues = 8u << 20;

using Value = DocumentValue;
using Type = Value::Type;

void Push(Value& array, Value&& element) {
  if (element.type == Type::kNumber && array.type == Type::kNumbers) {
    array.numbers.push_back(element.number);
    return;
  }
  if (array.type == Type::kNumbers) {
    array.type = Type::kArray;
    for (const double number : array.numbers) array.items.push_back({.type = Type::kNumber, .number = number});
    array.numbers = {};
  }
  array.items.push_back(std::move(element));
}

// What both notations share: a place in the bytes, errors, the bounds.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

 protected:
  Error Bad(const std::string& what) const {
    return {ErrorCode::kCorrupt,
            "at byte " + std::to_string(at_) + " of " + std::to_string(bytes_.size()) + ": " + what};
  }
  std::size_t left() const { return bytes_.size() - at_; }
  Status CountValue(int depth) {
    if (depth > kMaxDepth) return Bad("values nest more than " + std::to_string(kMaxDepth) + " deep");
    if (++values_ > kMaxValues) return Bad("more than " + std::to_string(kMaxValues) + " values");
    return {};
  }

  std::string_view bytes_;
  std::size_t at_ = 0, values_ = 0;
};

class JsonReader : Cursor {
 public:
  using Cursor::Cursor;
  Result<Value> Document() {
    GFR_ASSIGN(Value value, Read(0));
    SkipSpace();
    if (left() > 0) return Bad("text after the end of the document");
    return value;
  }

 private:
  void SkipSpace() {
    while (left() > 0 && (bytes_[at_] == ' ' || bytes_[at_] == '\n' || bytes_[at_] == '\t' || bytes_[at_] == '\r'))
      ++at_;
  }
  bool Take(std::string_view word) {
    if (!bytes_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Result<Value> Read(int depth) {
    SkipSpace();
    if (left() == 0) return Bad("the text ends within a value");
    const char c = bytes_[at_];
    if (c == '{' || c == '[' || c == '"') GFR_TRY(CountValue(depth));
    if (c == '{') return Object(depth);
    if (c == '[') return Array(depth);
    if (c == '"') {
      GFR_ASSIGN(std::string text, String());
      return Value{.type = Type::kString, .text = std::move(text)};
    }
    if (Take("null")) {
      GFR_TRY(CountValue(depth));
      return Value{};
    }
    if (Take("true")) return Number(1);
    if (Take("false")) return Number(0);
    if (Take("NaN")) return Number(std::numeric_limits<double>::quiet_NaN());
    if (Take("Infinity")) return Number(std::numeric_limits<double>::infinity());
    if (Take("-Infinity")) return Number(-std::numeric_limits<double>::infinity());
    return Decimal();
  }
  static Value Number(double number) { return {.type = Type::kNumber, .number = number}; }

  Result<Value> Decimal() {
    const char* begin = bytes_.data() + at_;
    std::size_t size = 0;
    bool integer = true;
    while (size < left() && std::strchr("+-.0123456789eE", begin[size]) && begin[size] != '\0') {
      integer = integer && begin[size] != '.' && begin[size] != 'e' && begin[size] != 'E';
      ++size;
    }
    const char* end = begin + size;
    std::int64_t whole = 0;
    if (const auto [stop, code] = std::from_chars(begin, end, whole); integer && code == std::errc{} && stop == end) {
      at_ += size;
      return Number(static_cast<double>(whole));
    }
    float real = 0;
    const auto [stop, code] = std::from_chars(begin, end, real);
    if (size == 0 || code != std::errc{} || stop != end) return Bad("not a JSON value, or a number beyond float32");
    at_ += size;
    return Number(real);
  }

  Result<std::string> String() {
    std::string text;
    for (++at_;; ++at_) {
      if (left() == 0) return Bad("the text ends within a string");
      const char c = bytes_[at_];
      if (c == '"') break;
      if (c != '\\') {
        text += c;
        continue;
      }
      if (++at_; left() == 0) return Bad("the text ends within a string");
      constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
      if (const std::size_t k = kEscapes.find(bytes_[at_]); k != std::string_view::npos) {
        text += kMeanings[k];
        continue;
      }
      std::uint32_t code = 0, low = 0;
      if (!HexEscape(at_, &code)) return Bad("an escape that JSON does not have");
      at_ += 4;
      // Two escapes of a surrogate pair are one character.
      if (code >= 0xd800 && code < 0xdc00 && left() > 2 && bytes_[at_ + 1] == '\\' && HexEscape(at_ + 2, &low) &&
          low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at_ += 6;
      }
      AppendUtf8(code, &text);
    }
    ++at_;
    return text;
  }
  // The number of the escape whose u stands at byte `u`.
  bool HexEscape(std::size_t u, std::uint32_t* code) const {
    if (bytes_.size() - u < 5 || bytes_[u] != 'u') return false;
    const char* digits = bytes_.data() + u + 1;
    return std::from_chars(digits, digits + 4, *code, 16).ptr == digits + 4;
  }
  static void AppendUtf8(std::uint32_t code, std::string* text) {
    const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 63)); };
    if (code < 0x80)
      *text += static_cast<char>(code);
    else if (code < 0x800)
      *text += {static_cast<char>(0xc0 | code >> 6), tail(0)};
    else if (code < 0x10000)  // Half of a pair alone stays what it is: names are compared as bytes.
      *text += {static_cast<char>(0xe0 | code >> 12), tail(6), tail(0)};
    else
      *text += {static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
  }

  Result<Value> Array(int depth) {
    Value array{.type = Type::kNumbers};
    ++at_;
    for (bool first = true;; first = false) {
      SkipSpace();
      if (first && Take("]")) return array;
      GFR_ASSIGN(Value element, Read(depth + 1));
      Push(array, std::move(element));
      SkipSpace();
      if (Take("]")) return array;
      if (!Take(",")) return Bad("a ',' or a ']' is wanted");
    }
  }

  Result<Value> Object(int depth) {
    Value object{.type = Type::kObject};
    ++at_;
    for (bool first = true;; first = false) {
      SkipSpace();
      if (first && Take("}")) return object;
      if (left() == 0 || bytes_[at_] != '"') return Bad("a member's name is wanted");
      GFR_ASSIGN(std::string name, String());
      SkipSpace();
      if (!Take(":")) return Bad("a ':' is wanted");
      GFR_ASSIGN(Value value, Read(depth + 1));
      object.members.push_back({std::move(name), std::move(value)});
      GFR_TRY(CountValue(depth));  // A member costs memory even if its value is a number.
      SkipSpace();
      if (Take("}")) return object;
      if (!Take(",")) return Bad("a ',' or a '}' is wanted");
    }
  }
};

class UbjsonReader : Cursor {
 public:
  using Cursor::Cursor;
  Result<Value> Document() {
    GFR_ASSIGN(const char type, Byte());
    GFR_ASSIGN(Value value, Read(type, 0));
    return value;
  }

 private:
  Result<char> Byte() {
    if (left() == 0) return Bad("the bytes end within a value");
    return bytes_[at_++];
  }
  Result<char> Marker() {  // The next byte that is not a no-op.
    for (;;) {
      GFR_ASSIGN(const char c, Byte());
      if (c != 'N') return c;
    }
  }
  static std::size_t SizeOf(char type) {  // 0: not a number of fixed size.
    switch (type) {
      case 'i':
      case 'U':
        return 1;
      case 'I':
        return 2;
      case 'l':
      case 'd':
        return 4;
      case 'L':
      case 'D':
        return 8;
      default:
        return 0;
    }
  }
  // REQUIRES: SizeOf(type) bytes are left.
  double Number(char type) {
    const std::size_t size = SizeOf(type);
    std::uint64_t bits = 0;
    for (std::size_t k = 0; k < size; ++k) bits = bits << 8 | static_cast<std::uint8_t>(bytes_[at_ + k]);
    at_ += size;
    switch (type) {
      case 'i':
        return static_cast<std::int8_t>(bits);
      case 'U':
        return static_cast<double>(bits);
      case 'I':
        return static_cast<std::int16_t>(bits);
      case 'l':
        return static_cast<std::int32_t>(bits);
      case 'L':
        return static_cast<double>(static_cast<std::int64_t>(bits));
      case 'd':
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
      default:
        return std::bit_cast<double>(bits);
    }
  }
  // A length or count: an integer, at most what the bytes left can hold at `size` bytes each.
  Result<std::size_t> Count(std::size_t size) {
    GFR_ASSIGN(const char type, Byte());
    if (SizeOf(type) == 0 || type == 'd' || type == 'D') return Bad("a length is wanted");
    if (left() < SizeOf(type)) return Bad("the bytes end within a length");
    const double count = Number(type);
    if (!(count >= 0 && count <= static_cast<double>(left() / size)))
      return Bad("a length of " + std::to_string(static_cast<long double>(count)) + " where " + std::to_string(left()) +
                 " bytes are left");
    return static_cast<std::size_t>(count);
  }
  Result<std::string> String() {
    GFR_ASSIGN(const std::size_t size, Count(1));
    at_ += size;
    return std::string(bytes_.substr(at_ - size, size));
  }

  Result<Value> Read(char type, int depth) {
    if (const std::size_t size = SizeOf(type); size > 0) {
      if (left() < size) return Bad("the bytes end within a number");
      return Value{.type = Type::kNumber, .number = Number(type)};
    }
    if (type == 'T' || type == 'F') return Value{.type = Type::kNumber, .number = type == 'T' ? 1.0 : 0.0};
    GFR_TRY(CountValue(depth));
    switch (type) {
      case 'Z':
        return Value{};
      case 'C': {
        GFR_ASSIGN(const char c, Byte());
        return Value{.type = Type::kString, .text = std::string(1, c)};
      }
      case 'S': {
        GFR_ASSIGN(std::string text, String());
        return Value{.type = Type::kString, .text = std::move(text)};
      }
      case '[':
        return Array(depth);
      case '{':
        return Object(depth);
      default:
        return Bad("the marker " + std::to_string(static_cast<std::uint8_t>(type)) + " is not read");
    }
  }

  Result<Value> Array(int depth) {
    Value array{.type = Type::kNumbers};
    const bool typed = left() > 0 && bytes_[at_] == '$';
    char type = 0;
    if (typed) {
      if (left() < 3 || SizeOf(type = bytes_[at_ + 1]) == 0 || bytes_[at_ + 2] != '#')
        return Bad("an array of one type must be of numbers, and say how many");
      at_ += 2;
    }
    if (left() > 0 && bytes_[at_] == '#') {
      ++at_;
      GFR_ASSIGN(const std::size_t count, Count(typed ? SizeOf(type) : 1));
      if (typed) array.numbers.reserve(count);
      for (std::size_t i = 0; i < count; ++i) {
        if (typed) {
          array.numbers.push_back(Number(type));
          continue;
        }
        GFR_ASSIGN(const char marker, Marker());
        GFR_ASSIGN(Value element, Read(marker, depth + 1));
        Push(array, std::move(element));
      }
      return array;
    }
    for (;;) {
      GFR_ASSIGN(const char marker, Marker());
      if (marker == ']') return array;
      GFR_ASSIGN(Value element, Read(marker, depth + 1));
      Push(array, std::move(element));
    }
  }

  Result<Value> Object(int depth) {
    Value object{.type = Type::kObject};
    std::size_t count = std::numeric_limits<std::size_t>::max();
    if (left() > 0 && bytes_[at_] == '$') return Bad("an object of one type is not read");
    if (left() > 0 && bytes_[at_] == '#') {
      ++at_;
      GFR_ASSIGN(count, Count(1));
    }
    for (; count > 0; --count) {
      while (left() > 0 && bytes_[at_] == 'N') ++at_;
      if (left() > 0 && bytes_[at_] == '}' && count > bytes_.size()) {
        ++at_;
        break;
      }
      GFR_ASSIGN(std::string name, String());
      GFR_ASSIGN(const char marker, Marker());
      GFR_ASSIGN(Value value, Read(marker, depth + 1));
      object.members.push_back({std::move(name), std::move(value)});
      GFR_TRY(CountValue(depth));
    }
    return object;
  }
};

}  // namespace

const DocumentValue* DocumentValue::Find(std::string_view key) const {
  const auto last = std::find_if(members.rbegin(), members.rend(), [&](const auto& m) { return m.key == key; });
  return last != members.rend() ? &last->value : nullptr;
}

Result<DocumentValue> ParseJsonDocument(std::string_view bytes) { return JsonReader(bytes).Document(); }
Result<DocumentValue> ParseUbjsonDocument(std::string_view bytes) { return UbjsonReader(bytes).Document(); }

}  // namespace gfr
