#include "serve/allocations.h"

#include "object/object_store.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

constexpr const char* kObject = "assignment/allocation.json";

}  // namespace

Result<NextAllocation> AllocationOf(const Project& project) {
  NextAllocation allocation;
  const auto kept = project.objects().Get(kObject);
  if (!kept.ok() && kept.error().code != ErrorCode::kNotFound) {
    if (project.configuration().experiments.any()) return kept.error();
    return allocation;  // What was allocated before does not matter, and stays as it is.
  }
  if (kept.ok()) {
    GFR_ASSIGN(allocation.before, Allocation::FromJson(kept.value()));
  }
  GFR_ASSIGN(allocation.next, Allocate(project.configuration().experiments, allocation.before));
  return allocation;
}

Result<std::shared_ptr<const Assigner>> MakeAssigner(const Project& project, NextAllocation allocation, bool write) {
  if (write && allocation.next != allocation.before) GFR_TRY(project.objects().Put(kObject, allocation.next.ToJson()));
  return std::make_shared<const Assigner>(project.configuration().experiments, std::move(allocation.next));
}

Result<std::shared_ptr<const Assigner>> MakeFirstAssigner(const Project& project, bool write) {
  auto found = AllocationOf(project);
  auto assigner = found.ok() ? MakeAssigner(project, std::move(found).value(), write)
                             : Result<std::shared_ptr<const Assigner>>(found.error());
  if (assigner.ok() || assigner.error().code != ErrorCode::kUnavailable) return assigner;
  if (project.configuration().experiments.any())
    LogWarning("experiments", "which units were whose cannot be read; they are allocated anew",
               {{"error", assigner.error().ToString()}});
  GFR_ASSIGN(Allocation allocation, Allocate(project.configuration().experiments, {}));
  return std::make_shared<const Assigner>(project.configuration().experiments, std::move(allocation));
}

}  // namespace gfr
