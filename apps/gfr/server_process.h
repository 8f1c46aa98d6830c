// A `gfr serve` of this program as a child process, for the demo.
#pragma once

#include <memory>

#include "operations/demo_clients.h"
#include "workspace/workspace.h"

namespace gfr {

// Started on a free port of 127.0.0.1, with --clock log; ended when the object goes. kUnavailable: it did not start.
Result<std::unique_ptr<DemoServer>> StartServerProcess(const Workspace& workspace);

}  // namespace gfr
