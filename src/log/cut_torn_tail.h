// CutTornTail: what every operation does first that rewrites a log which no server has open.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/file_system.h"

namespace gfr {

// Opens the log in `folder` for a moment: a last batch that was not written whole is cut off and kept beside. `to`: what
// is to be done then, as "erase". kUnavailable: a server or an import has the log; the message says what to do.
Status CutTornTail(FileSystem& fs, const Clock& clock, const std::string& folder, const std::string& to);

}  // namespace gfr
