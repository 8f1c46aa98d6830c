// `gfr drift` (commands.h).
#pragma once

#include "commands.h"

namespace gfr {

void AddDrift(CLI::App& app, Command& run);

}  // namespace gfr
