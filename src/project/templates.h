// The gfr.toml that `gfr init --template NAME` writes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

Result<std::string> TemplateText(std::string_view name);  // "shop" or "trivago".

}  // namespace gfr
