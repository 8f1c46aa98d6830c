// DiskSpaceOf: how much room the file system of a path has. Thread safety: any thread.
#pragma once

#include <sys/statvfs.h>

#include <cstdint>
#include <string>

#include "base/result.h"

namespace gfr {

struct DiskSpace {
  std::uint64_t bytes = 0;       // Of the whole file system.
  std::uint64_t free_bytes = 0;  // That this process may still take.
};

// kUnavailable: there is no such path, or its file system does not say.
inline Result<DiskSpace> DiskSpaceOf(const std::string& path) {
  struct statvfs s {};
  if (::statvfs(path.c_str(), &s) != 0)
    return Error{ErrorCode::kUnavailable, "the file system of '" + path + "' does not say how much room it has"};
  const std::uint64_t block = s.f_frsize;
  return DiskSpace{.bytes = block * s.f_blocks, .free_bytes = block * s.f_bavail};
}

}  // namespace gfr
