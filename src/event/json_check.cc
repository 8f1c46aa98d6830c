#include "event/json_check.h"

#include <simdjson.h>

#include <bitset>
#include <cstdint>

namespace gfr {
namespace {

constexpr std::size_t kMostDepth = simdjson::DEFAULT_MAX_DEPTH;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Reads one value, from its first byte to its last.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  bool ReadAll() {
    enum { kValue, kFirst, kBehind } next = kValue;  // kFirst: the bracket was opened, and may be closed.
    for (;;) {
      SkipBlanks();
      if (next == kBehind) {
        if (depth_ == 0) return at_ == text_.size();
        if (Take(Closing())) {
          --depth_;
          continue;
        }
        if (!Take(',')) return false;
        if (objects_[depth_ - 1] && !Name()) return false;
        next = kValue;
      } else if (next == kFirst && Take(Closing())) {
        --depth_;
        next = kBehind;
      } else {
        if (next == kFirst && objects_[depth_ - 1] && !Name()) return false;
        SkipBlanks();
        if (Opens()) {
          if (depth_ > kMostDepth) return false;
          next = kFirst;
        } else {
          if (!Scalar()) return false;
          next = kBehind;
        }
      }
    }
  }

 private:
  char Closing() const { return objects_[depth_ - 1] ? '}' : ']'; }
  bool Take(char c) { return at_ < text_.size() && text_[at_] == c && ++at_; }
  bool TakeDigits() {
    const std::size_t first = at_;
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
    return at_ > first;
  }
  void SkipBlanks() {
    while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
  }
  bool Opens() {
    if (at_ == text_.size() || (text_[at_] != '{' && text_[at_] != '[')) return false;
    if (depth_ < kMostDepth) objects_[depth_] = text_[at_] == '{';
    ++depth_;
    return ++at_;
  }
  bool Name() {
    SkipBlanks();
    if (!Text()) return false;
    SkipBlanks();
    return Take(':');
  }
  bool Scalar() {
    if (at_ == text_.size()) return false;
    if (text_[at_] == '"') return Text();
    for (const std::string_view word : {"true", "false", "null"}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return true;
    }
    return Number();
  }
  bool Number() {
    Take('-');
    if (!Take('0') && !TakeDigits()) return false;
    if (Take('.') && !TakeDigits()) return false;
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      return TakeDigits();
    }
    return true;
  }
  bool Text() {
    if (!Take('"')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !Escape()) return false;
    }
    return false;
  }
  bool Escape() {
    if (at_ == text_.size()) return false;
    const char c = text_[at_++];
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    const std::string_view digits = text_.substr(at_, 4);
    at_ += digits.size();
    return digits.size() == 4 && digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  }

  const std::string_view text_;
  std::size_t at_ = 0, depth_ = 0;
  std::bitset<kMostDepth> objects_;  // Of what is open: which are objects; the others are lists.
};

}  // namespace

bool IsJson(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size()) && JsonReader(text).ReadAll();
}

std::optional<std::string> WithoutBlanks(std::string_view text, std::size_t most_bytes) {
  static constexpr std::string_view kMarks = "[]{}:,";
  const auto is_mark = [](char c) { return kMarks.find(c) != std::string_view::npos; };
  std::string out;
  bool in_text = false, blank = false;
  for (std::size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (!in_text && IsBlank(c)) {
      blank = true;
      continue;
    }
    if (blank && !out.empty() && !is_mark(c) && !is_mark(out.back())) out += ' ';
    blank = false;
    if (c == '"') in_text = !in_text;
    out += c;
    if (in_text && c == '\\' && k + 1 < text.size()) out += text[++k];
    if (out.size() > most_bytes) return std::nullopt;
  }
  return out;
}

}  // namespace gfr
