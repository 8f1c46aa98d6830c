// KeepCut: what is cut off a segment is kept beside it.
#pragma once

#include <string>
#include <string_view>

#include "base/file_system.h"

namespace gfr {

// Writes `bytes` to SEGMENT.cut, or SEGMENT.2.cut and so on where that is there, and returns the path: nothing that was
// kept before is written over.
inline Result<std::string> KeepCut(FileSystem& fs, const std::string& segment, std::string_view bytes) {
  std::string cut = segment + ".cut";
  for (int n = 2; fs.Exists(cut); ++n) cut = segment + "." + std::to_string(n) + ".cut";
  GFR_TRY(PublishFile(fs, cut, bytes));
  return cut;
}

}  // namespace gfr
