// TextReader: the lines of a file as UTF-8; .xz, .gz and .zst are decompressed as they are read. Lines are at most 64
// MiB. A line ends with \n or \r\n, or with \r alone where the file's first 64 KiB have no \n. A byte order mark is
// left out, and UTF-16 is known by it. Thread safety: none.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace gfr {

class TextReader {
 public:
  // `encoding`: of the file (base/text_encoding.h); empty: UTF-8, which is not checked.
  static Result<std::unique_ptr<TextReader>> Open(const std::string& path, const std::string& encoding = "");
  ~TextReader();
  Result<bool> NextLine(std::string* line);  // Without its end; false at the end of the file.

 private:
  struct State;
  explicit TextReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gfr
