// The allocation of units (experiment/allocation.h) where all servers of a project find it: in the registry's store, as
// assignment/allocation.json. The owner writes it when it takes a configuration; readers and commands only read it.
//
// Thread safety: pure functions of a project and its store.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "experiment/assignment.h"
#include "experiment/canary.h"
#include "experiment/conclusions.h"
#include "operations/experiment_results.h"
#include "project/project.h"

namespace gfr {

struct NextAllocation {
  Allocation before, next;  // Of the configuration that was served last, and of this one.
  Experiments experiments;  // The project's, and a running canary; those that are over do not run.
};
// `now_ms`: when it begins to hold. kInvalidArgument: units of a running experiment would move, or a canary runs that
// the configuration leaves no room for; kUnavailable: the store
// cannot be read; kCorrupt. The last two are no errors of a project without experiments.
Result<NextAllocation> AllocationOf(const Project& project, std::int64_t now_ms);

// By what AllocationOf gave. `write`: what is new of the allocation is kept for the next configuration. kUnavailable:
// it cannot be written.
Result<std::shared_ptr<const Assigner>> MakeAssigner(const Project& project, NextAllocation allocation, bool write);

// For a server's start: with a store that cannot be read, units are allocated as if nothing had been before, which is
// logged; then nothing is written.
Result<std::shared_ptr<const Assigner>> MakeFirstAssigner(const Project& project, std::int64_t now_ms, bool write);

// From when on which shares held, as the owner wrote it last, for reports. Errors: as AllocationOf.
Result<AllocationPeriods> PeriodsOf(const Project& project);

// Experiments that are over although gfr.toml has them running (experiment/conclusions.h), as
// assignment/conclusions.json of the same store; assigners are made without them. None: there are none. Errors: as
// AllocationOf.
Result<Conclusions> ConclusionsOf(const Project& project);
// Of a running canary's name: it ends, and its server takes that at its next look. kInvalidArgument names the valid
// experiments.
Status Conclude(const Project& project, const std::string& experiment, const Conclusion& conclusion);
// Takes the conclusion back: gfr.toml decides again. kNotFound: it has none.
Status Restart(const Project& project, const std::string& experiment);

// The last canary of the project (assignment/canary.json): it runs, or is over. None: there was none. Errors: as
// AllocationOf.
Result<std::optional<Canary>> CanaryOf(const Project& project);
Status KeepCanary(const Project& project, const Canary& canary);

}  // namespace gfr
