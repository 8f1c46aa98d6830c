// TextReader: the lines of a file; .xz, .gz and .zst are decompressed as they are read. Lines are at most 64 MiB.
// Thread safety: none.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace gfr {

class TextReader {
 public:
  static Result<std::unique_ptr<TextReader>> Open(const std::string& path);
  ~TextReader();
  Result<bool> NextLine(std::string* line);  // Without its end (\n or \r\n); false at the end of the file.

 private:
  struct State;
  explicit TextReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gfr
