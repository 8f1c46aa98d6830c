// What the children of a simulated server do: `gfr train` and `gfr models judge`, with the arguments that a trigger
// gives them, on the world's disk. Thread safety: as the operations.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "runtime/subprocess.h"

namespace gfr {

// Exit code 2: wrong arguments or input, as gfr's; 1: any other error, which its last line of stderr says.
SubprocessResult RunGfr(FileSystem& disk, const Clock& clock, const std::vector<std::string>& arguments);

}  // namespace gfr
