// ScaleBounds: what a trigger's step or a person asks of the replicas of one machine for a time, beside [scale]: a file
// of the project that their supervisor (replica_set.h) reads each second.
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "automation/scaling.h"
#include "base/file_system.h"

namespace gfr {

struct ScaleBounds {
  std::optional<int> min_replicas, max_replicas;  // In place of those of [scale].
  std::int64_t until_ms = 0;                      // Time of day; from then on [scale] counts again. 0: for good.
  std::string by;                                 // The run that asks for it.

  // nullopt: nobody asks for anything. kCorrupt: not what was written.
  static Result<std::optional<ScaleBounds>> Read(FileSystem& fs, const std::string& path);
  Status Write(FileSystem& fs, const std::string& path) const;

  // `rules` with these bounds, as of `now_ms`. The one that is given wins where both do not go together.
  ScalingRules Of(ScalingRules rules, std::int64_t now_ms) const;
};

// Of a project's folder.
std::string ScaleBoundsPath(const std::string& project_folder);

}  // namespace gfr
