#include "serve/trigger_watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "automation/model_actions.h"
#include "base/json_text.h"
#include "operations/load_model.h"
#include "serve/allocations.h"
#include "serve/drift_watch.h"
#include "serve/feed_json.h"
#include "serve/service_state.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

// Whether the pool has the version in the shadow's role.
Status CheckShadow(const ServiceState& s, const std::string& version) {
  const auto models = s.serving()->models->models();
  for (const ServedModels::Entry& entry : models->entries) {
    if (entry.version == version && std::ranges::find(entry.roles, "shadow") != entry.roles.end() && entry.model)
      return {};
  }
  return Error{ErrorCode::kUnavailable, "the server could not load version " + version + " as its shadow"};
}

}  // namespace

std::shared_ptr<TriggerWatch> TriggerWatch::Start(ServiceState& s, std::shared_ptr<const DriftWatch> drift) {
  const auto watch = std::make_shared<TriggerWatch>(s, std::move(drift));
  watch->TakeLock();
  s.background.Add({kJob, kPeriodMs, kMinuteMs, [watch](const JobRun&) { return watch->Look(); }, kPeriodMs});
  return watch;
}

void TriggerWatch::Stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  runner_.reset();
  lock_.reset();
}

void TriggerWatch::TakeLock() {
  const MutexLock lock(mutex_);
  const Project& project = *s_.serving()->project;
  if (!project.configuration().triggers->empty()) (void)HoldsLock(project);
}

bool TriggerWatch::HoldsLock(const Project& project) {
  if (lock_) return true;
  // Else a command runs a trigger now; the next look tries again.
  if (auto held = s_.fs().Lock(project.workspace().automation_lock_path()); held.ok()) lock_ = std::move(held).value();
  return lock_ != nullptr;
}

Status TriggerWatch::Look() {
  const MutexLock lock(mutex_);
  const std::shared_ptr<const Serving> now = s_.serving();
  const Project& project = *now->project;
  const Configuration& configuration = project.configuration();
  if (stopped_) return {};
  if (!looked_) {
    GFR_ASSIGN(const auto ids, RunStore(project.shared_objects()).Ids());
    left_ = !ids.empty();
    looked_ = true;
  }
  // A project without triggers costs nothing, but for runs that a configuration before has left.
  if (configuration.triggers->empty() && !runner_ && !left_) return {};
  if (!HoldsLock(project)) return {};
  if (!runner_) {
    MakeRunner(project);
    configuration_ = configuration.fingerprint;
  }
  if (configuration_ != configuration.fingerprint) {
    facts_->Take(project.objectives());
    configuration_ = configuration.fingerprint;
  }
  GFR_TRY(runner_->Look(project.triggers()));
  return EndLostCanary();
}

// For the supervisor of this server's replicas, which reads it each second; none: this server is alone.
std::function<Status(const ScaleBounds&)> TriggerWatch::ScaleOf(const Project& project) const {
  if (!s_.config.is_replica) return {};
  return [this, path = ScaleBoundsPath(project.folder())](const ScaleBounds& bounds) {
    return bounds.Write(s_.fs(), path);
  };
}

void TriggerWatch::MakeRunner(const Project& project) {
  const Clock& clock = project.workspace().clock();
  facts_ = std::make_unique<OwnerFacts>(
      OwnerFacts::Options{.log = &s_.log->source(),
                          .objectives = project.objectives(),
                          .registry = project.registry(),
                          .model_name = kModelName,
                          .clock = &s_.clock,
                          .conclusions = [this] { return ConclusionsOf(*s_.serving()->project); },
                          .metrics = [this] { return s_.counters.Text(); },
                          .alerts = [this] { return drift_->OpenAlerts(); }});
  const auto actions = std::make_shared<const ModelActions>(
      ModelActionOptions{.program = OwnProgram(),
                         .project_folder = project.folder(),
                         .registry = project.shared_objects(),
                         .clock = &clock,
                         .changed = [this] { s_.serving()->models->LookNow(); },
                         .run = s_.config.run_child,
                         .is_shadow = [this](const std::string& version) { return CheckShadow(s_, version); },
                         .canary = [this](const Canary& canary, const StepConfig& step,
                                          bool begun) { return canary_.Look(canary, step, begun); },
                         .scale = ScaleOf(project)});
  runner_ = std::make_unique<TriggerRunner>(
      project.shared_objects(), clock, *facts_, [actions](StepContext& context) { return (*actions)(context); },
      /*threads=*/2);
}

// The runs are read first: the run of a canary that is there afterwards was queued before.
Status TriggerWatch::EndLostCanary() {
  std::set<std::string> unfinished;
  for (const auto& [id, run] : runner_->Unfinished()) unfinished.insert(id);
  if (unfinished_ == unfinished) return {};
  GFR_TRY(canary_.EndWithoutRun(unfinished));
  unfinished_ = std::move(unfinished);
  return {};
}

HttpResponse TriggerWatch::GetTriggers() {
  const std::shared_ptr<const Serving> now = s_.serving();
  Json json{{"triggers", Json::array()}, {"unfinished", Json::array()}};
  for (const TriggerConfig& trigger : *now->project->configuration().triggers)
    json["triggers"].push_back({{"trigger", trigger.name}, {"on", OnName(trigger.on)}, {"enabled", trigger.enabled}});
  RunStore store(now->project->shared_objects());
  const auto ids = store.Ids();
  if (!ids.ok()) return ProblemResponse(503, "Service Unavailable", ids.error().ToString(), /*retry_after_s=*/10);
  const MutexLock lock(mutex_);
  if (runner_) {
    for (const auto& [id, run] : runner_->Unfinished())
      json["unfinished"].push_back(ParseJson<Json>(run.ToJson(), /*throws=*/false));
  }
  json["last_run"] = ids.value().empty() ? Json() : Json(ids.value().back());
  return JsonResponse(200, json);
}

HttpResponse TriggerWatch::PostTrigger(const std::string& name) {
  const std::shared_ptr<const Serving> now = s_.serving();
  const auto& triggers = *now->project->configuration().triggers;
  if (std::ranges::find(triggers, name, &TriggerConfig::name) == triggers.end())
    return ProblemResponse(404, "Not Found", "no [[trigger]] is named '" + name.substr(0, 200) + "'");
  const std::int64_t now_ms = now->project->workspace().clock().now_ms();
  RunStore store(now->project->shared_objects());
  // It is on disk before it is answered: a server that ends now begins the run at its next start.
  if (const auto asked = store.Ask(name, {"webhook", "POST /v1/triggers/" + name, now_ms}); !asked.ok())
    return ProblemResponse(503, "Service Unavailable", asked.error().ToString(), /*retry_after_s=*/10);
  s_.background.RunNow(kJob);
  return JsonResponse(202, {{"trigger", name}, {"state", "asked"}});
}

}  // namespace gfr
