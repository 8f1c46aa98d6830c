// `gfr serve --replicas`: the supervisor of several servers at one address (automation/replica_set.h).
#pragma once

#include <optional>
#include <string>

#include "automation/scaling.h"
#include "commands.h"

namespace gfr {

struct ReplicaFlags {
  std::string replicas;  // "MIN:MAX", or "N".
  std::string listen, clock, owner;
  bool open = false;
  Common common;
};

// Until SIGTERM or SIGINT; gives the exit code.
int RunReplicas(const ReplicaFlags& flags);

// "2:6" or "3" in place of the numbers of [scale]. kInvalidArgument: it is neither.
Result<ScalingRules> WithReplicas(ScalingRules rules, const std::string& replicas);

// The descriptor that a supervisor gave this server to listen on; -1: it has none. Children of this process are not
// told.
int TakeListener();

}  // namespace gfr
