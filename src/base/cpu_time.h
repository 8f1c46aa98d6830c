// Processor time: what a thread or the process has used, which other work on the machine does not lengthen.
//
// In a simulated thread (simulation.h) it is 0, so that a run is the same twice. Thread safety: all calls.
#pragma once

namespace gfr {

double ThreadCpuSeconds();   // Of the calling thread, since it began.
double ProcessCpuSeconds();  // Of all threads, since the start.

}  // namespace gfr
