#include "workspace/workspace.h"

namespace gfr {

const Clock& SystemClock() {
  static const WallClock clock;
  return clock;
}

Result<Config> Workspace::ReadConfiguration() const {
  const auto text = fs_->ReadAll(configuration_path());
  if (!text.ok() && text.error().code != ErrorCode::kNotFound) return text.error();
  if (!text.ok())
    return Error{ErrorCode::kInvalidArgument,
                 "there is no project in '" + folder_ + "' (no gfr.toml); `gfr init " + folder_ + "` makes one"};
  return Config::Parse(text.value(), configuration_path());
}

}  // namespace gfr
