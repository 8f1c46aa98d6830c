#include "shared_project.h"

#include <fmt/format.h>

#include "base/size.h"
#include "operations/shared_store.h"

namespace gfr {

Result<std::unique_ptr<Project>> OpenFetchedProject(const std::string& folder) {
  GFR_ASSIGN(auto project, OpenProject(folder));
  GFR_TRY(FetchFromStore(*project));
  return project;
}

Status FetchFromStore(const Project& project) {
  GFR_ASSIGN(const auto store, project.OpenSharedStore());
  if (!store) return {};
  GFR_ASSIGN(const FetchedProject fetched, FetchProject(project.workspace(), *store));
  if (fetched.log_events > 0)
    fmt::print(stderr, "gfr: fetched {} events from {}: {} files, {}\n", fetched.log_events, store->Describe(),
               fetched.lake.files, FormatSize(fetched.lake.bytes));
  return {};
}

Status PushToStore(const Project& project) {
  GFR_ASSIGN(const auto store, project.OpenSharedStore());
  if (!store) return {};
  const auto pushed = PushProject(project.workspace(), *store);
  if (!pushed.ok())
    return Error{pushed.error().code,
                 "what is done is in this project, and not in " + store->Describe() +
                     " yet; `gfr serve`, and the next command that writes, send it: " + pushed.error().message};
  return {};
}

}  // namespace gfr
