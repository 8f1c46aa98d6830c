// Commands of a project with [store] dir: what is fetched before they run, and sent after.
#pragma once

#include <memory>
#include <string>

#include "commands.h"

namespace gfr {

// OpenProject; a machine that has no log yet fetches the project from [store] dir.
Result<std::unique_ptr<Project>> OpenFetchedProject(const std::string& folder);
Status FetchFromStore(const Project& project);

// Sends what a command has changed to [store] dir, where there is one.
Status PushToStore(const Project& project);

}  // namespace gfr
