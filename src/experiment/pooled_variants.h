// Pooled variants: all arms but the control as one, against the control: whether the change helps at all, whatever its
// variant. Beside the arms' own comparisons, for exploration: nothing is decided by it.
//
// A unit of any variant is a unit of the pool, in its own stratum. Thread safety: pure functions.
#pragma once

#include <vector>

#include "experiment/results.h"

namespace gfr {

// REQUIRES, of all: the first arm is the control, and there is another one.
ExperimentDesign PoolVariants(const ExperimentDesign& design);  // Arms: the control, and "all variants".
MetricSample PoolVariants(const MetricSample& sample);

}  // namespace gfr
