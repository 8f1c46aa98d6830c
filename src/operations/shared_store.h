// The shared store ([store] dir of gfr.toml): the project's lake and what goes with it, in a folder or on S3, so that a
// machine with gfr.toml and credentials alone has the project.
//
//   events/    the lake (log/shared_lake.h)         project/   data/erased and data/definitions
//   models/    the registry, unless [registry] location says otherwise
// The lake has closed segments: what a server took since its last one was closed (64 MiB at most) is on its own disk
// alone. Thread safety: one call a project at a time.
#pragma once

#include "log/shared_lake.h"
#include "object/object_store.h"
#include "workspace/workspace.h"

namespace gfr {

// Sends what the store has not. Errors: as PushLake.
Result<LakeCopied> PushProject(const Workspace& workspace, ObjectStore& store);

struct FetchedProject {
  LakeCopied lake;
  std::uint64_t log_events = 0;  // Of the log that was made of it.
};

// On a machine without a log: the lake, and the log made of it. Nothing is done where there is a log, or where the
// store is empty; an interrupted call leaves no log. Errors: as FetchLake and RefillLog; kUnavailable: another process
// is at it.
Result<FetchedProject> FetchProject(const Workspace& workspace, ObjectStore& store);

}  // namespace gfr
