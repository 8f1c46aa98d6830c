// An engine's error as one line: its first, without the time, the source file and the stack trace around it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

// `engine`: "XGBoost". Always kInternal: rows are checked before an engine has them (train/trainer.cc).
Error EngineError(const std::string& engine, std::string_view text);

}  // namespace gfr
