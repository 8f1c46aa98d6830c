// Private files: secrets, readable by their owner alone. Thread safety: pure functions.
#pragma once

#include <string>

#include "base/result.h"

namespace gfr {

// 64 hex digits from the system's random numbers.
std::string RandomToken();

// Makes `path` (mode 0600) with `text`: it is there whole or not at all. With `replace` it takes the place of an older
// one; without, kAlreadyExists says that there is one. The folder must exist.
Status WritePrivateFile(const std::string& path, const std::string& text, bool replace);

}  // namespace gfr
