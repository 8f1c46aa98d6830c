// TextEncoding: bytes of a named encoding to UTF-8, chunk by chunk.
//
// What the encoding does not know becomes one byte 0xFF, which is no UTF-8: the line that holds it can be named, and
// the rest is read. Thread safety: none.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

class TextEncoding {
 public:
  // A name that iconv knows ("latin1", "iso-8859-2", "windows-1250", "utf-16"). kInvalidArgument for any other.
  static Result<std::unique_ptr<TextEncoding>> Open(const std::string& name);
  ~TextEncoding();
  // Appends what `bytes` say; the beginning of a character that is not whole yet waits for the next call.
  void Append(std::string_view bytes, bool last, std::string* out);

 private:
  struct State;
  explicit TextEncoding(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Whether `text` is UTF-8 as RFC 3629 says: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace gfr
