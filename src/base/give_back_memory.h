// GiveBackMemory: what the process has freed goes back to the system. The allocator keeps pages that lie between living
// blocks: after a job that held much for a short time they would count as the process's for good.
#pragma once

#include <malloc.h>

namespace gfr {

// Takes milliseconds for each 100 MiB, in which other threads may wait for the allocator: for background jobs that run
// minutes apart. Thread safety: all calls.
inline void GiveBackMemory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace gfr
