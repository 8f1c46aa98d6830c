#include "serve/allocations.h"

#include <nlohmann/json.hpp>

#include "object/object_store.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

constexpr const char* kObject = "assignment/allocation.json";
constexpr const char* kCanary = "assignment/canary.json";
constexpr const char* kConclusions = "assignment/conclusions.json";

Status CheckExperimentName(const Project& project, const std::string& name) {
  std::string valid;
  for (const Experiment& e : project.configuration().experiments.all) {
    if (e.name == name) return {};
    valid += (valid.empty() ? "" : ", ") + e.name;
  }
  return Error{ErrorCode::kInvalidArgument, "no [[experiment]] is named '" + name + "'; " +
                                                (valid.empty() ? "there are none" : "valid are " + valid)};
}

// kNotFound: nothing was ever allocated.
Result<Allocation> KeptAllocation(const Project& project) {
  GFR_ASSIGN(const std::string kept, project.objects().Get(kObject));
  return Allocation::FromJson(kept);
}

}  // namespace

Result<NextAllocation> AllocationOf(const Project& project, std::int64_t now_ms) {
  NextAllocation allocation{.before = {}, .next = {}, .experiments = project.configuration().experiments};
  const auto canary = CanaryOf(project);
  if (!canary.ok() && (canary.error().code != ErrorCode::kUnavailable || allocation.experiments.any()))
    return canary.error();
  auto kept = KeptAllocation(project);
  if (!kept.ok() && kept.error().code != ErrorCode::kNotFound) {
    if (allocation.experiments.any()) return kept.error();
    return allocation;  // What was allocated before does not matter, and stays as it is.
  }
  if (kept.ok()) allocation.before = std::move(kept).value();
  GFR_ASSIGN(const Conclusions conclusions, ConclusionsOf(project));
  allocation.experiments = conclusions.Apply(std::move(allocation.experiments));
  if (canary.ok() && canary.value() && !canary.value()->over()) {
    GFR_TRY(CheckCanary(*canary.value(), allocation.experiments));
    allocation.experiments.all.push_back(canary.value()->AsExperiment());
  }
  GFR_ASSIGN(allocation.next, Allocate(allocation.experiments, allocation.before, now_ms));
  return allocation;
}

Result<AllocationPeriods> PeriodsOf(const Project& project) {
  if (!project.configuration().experiments.any()) return AllocationPeriods();
  auto kept = KeptAllocation(project);
  if (!kept.ok() && kept.error().code == ErrorCode::kNotFound) return AllocationPeriods();
  if (!kept.ok()) return kept.error();
  return std::move(kept.value().periods);
}

Result<std::optional<Canary>> CanaryOf(const Project& project) {
  const auto kept = project.objects().Get(kCanary);
  if (!kept.ok() && kept.error().code == ErrorCode::kNotFound) return std::optional<Canary>();
  if (!kept.ok()) return kept.error();
  GFR_ASSIGN(Canary canary, Canary::FromJson(kept.value()));
  return std::optional(std::move(canary));
}

Status KeepCanary(const Project& project, const Canary& canary) {
  return project.objects().Put(kCanary, canary.ToJson());
}

Result<Conclusions> ConclusionsOf(const Project& project) {
  if (project.configuration().experiments.all.empty()) return Conclusions();
  const auto kept = project.objects().Get(kConclusions);
  if (kept.ok()) return Conclusions::FromJson(kept.value());
  if (kept.error().code == ErrorCode::kNotFound) return Conclusions();
  return kept.error();
}

Status Conclude(const Project& project, const std::string& experiment, const Conclusion& conclusion) {
  GFR_ASSIGN(std::optional<Canary> canary, CanaryOf(project));
  if (canary && !canary->over() && canary->name() == experiment) {
    canary->verdict = "ended";
    canary->reason = conclusion.reason;
    return KeepCanary(project, *canary);
  }
  GFR_TRY(CheckExperimentName(project, experiment));
  GFR_ASSIGN(Conclusions conclusions, ConclusionsOf(project));
  conclusions.by_experiment[experiment] = conclusion;
  return project.objects().Put(kConclusions, conclusions.ToJson());
}

Status Restart(const Project& project, const std::string& experiment) {
  GFR_TRY(CheckExperimentName(project, experiment));
  GFR_ASSIGN(Conclusions conclusions, ConclusionsOf(project));
  const Conclusion* concluded = conclusions.Find(experiment);
  if (concluded == nullptr || concluded->runs_again())
    return Error{ErrorCode::kNotFound,
                 "experiment '" + experiment + "' was not stopped; gfr.toml says whether it runs"};
  conclusions.by_experiment[experiment] = {Conclusion::kRestarted, "was: " + concluded->reason,
                                           project.workspace().clock().now_ms()};
  return project.objects().Put(kConclusions, conclusions.ToJson());
}

Result<std::shared_ptr<const Assigner>> MakeAssigner(const Project& project, NextAllocation allocation, bool write) {
  if (write && allocation.next != allocation.before) GFR_TRY(project.objects().Put(kObject, allocation.next.ToJson()));
  return std::make_shared<const Assigner>(std::move(allocation.experiments), std::move(allocation.next));
}

Result<std::shared_ptr<const Assigner>> MakeFirstAssigner(const Project& project, std::int64_t now_ms, bool write) {
  auto found = AllocationOf(project, now_ms);
  auto assigner = found.ok() ? MakeAssigner(project, std::move(found).value(), write)
                             : Result<std::shared_ptr<const Assigner>>(found.error());
  if (assigner.ok() || assigner.error().code != ErrorCode::kUnavailable) return assigner;
  if (project.configuration().experiments.any())
    LogWarning("experiments", "which units were whose cannot be read; they are allocated anew",
               {{"error", assigner.error().ToString()}});
  GFR_ASSIGN(Allocation allocation, Allocate(project.configuration().experiments, {}, now_ms));
  return std::make_shared<const Assigner>(project.configuration().experiments, std::move(allocation));
}

}  // namespace gfr
