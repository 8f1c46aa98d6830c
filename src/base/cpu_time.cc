#include "base/cpu_time.h"

#include <time.h>

#include "base/sync_hook.h"

namespace gfr {
namespace {

double CpuSeconds(clockid_t clock) {
  if (SyncHook::current() != nullptr) return 0;
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

}  // namespace

double ThreadCpuSeconds() { return CpuSeconds(CLOCK_THREAD_CPUTIME_ID); }
double ProcessCpuSeconds() { return CpuSeconds(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace gfr
