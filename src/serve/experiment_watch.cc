#include "serve/experiment_watch.h"

#include <nlohmann/json.hpp>

#include "runtime/logger.h"
#include "serve/allocations.h"
#include "serve/service_state.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

// The assigner anew, now that an experiment is over.
Status TakeConclusion(ServiceState& s) {
  const MutexLock lock(s.reload_mutex);
  Serving next = *s.serving();
  GFR_ASSIGN(NextAllocation units, AllocationOf(*next.project, std::max(s.clock.now_ms(), s.last_arrival_ms.load())));
  GFR_ASSIGN(next.assigner, MakeAssigner(*next.project, std::move(units), /*write=*/true));
  s.Publish(std::make_shared<const Serving>(std::move(next)));
  return {};
}

Status RollBack(ServiceState& s, const Project& project, const ExperimentResults& result) {
  GFR_TRY(Conclude(project, result.design.name, {"roll back", result.reason, s.clock.now_ms()}));
  LogError("experiments", "ALERT: an experiment was rolled back; its units get the default",
           {{"experiment", result.design.name}, {"reason", result.reason}});
  return TakeConclusion(s);
}

}  // namespace

Result<Json> ExperimentWatch::Look(ServiceState& s) {
  const MutexLock lock(looking_);
  const std::shared_ptr<const Serving> now = s.serving();
  const Configuration& configuration = now->project->configuration();
  if (configuration.experiments.all.empty() && configuration.experiments.variants.size() < 2)
    return Json{{"experiments", Json::array()}};
  if (!pass_ || configuration_ != configuration.fingerprint) {
    pass_ = std::make_unique<ExperimentPass>(now->project->experiment_settings());
    configuration_ = configuration.fingerprint;
  }
  GFR_TRY(pass_->Advance(s.log->source()));
  const std::vector<ExperimentResults> results = pass_->Results(now->assigner->allocation().periods);
  GFR_ASSIGN(Conclusions conclusions, ConclusionsOf(*now->project));
  const Experiments& served = now->assigner->experiments();
  bool rolled_back = false;
  for (const ExperimentResults& result : results) {
    const std::string& name = result.design.name;
    if (result.verdict != Verdict::kRollBack) {
      alerted_.erase(name);
      continue;
    }
    const auto at = std::ranges::find(served.all, name, &Experiment::name);
    const bool runs = at != served.all.end() && at->running;
    const Conclusion* concluded = conclusions.Find(name);
    const bool by_a_person = concluded != nullptr && concluded->runs_again();
    if (runs && !by_a_person) {
      GFR_TRY(RollBack(s, *now->project, result));
      rolled_back = true;
    }
    if ((name == kVariantName || (runs && by_a_person)) && alerted_.insert(name).second)
      LogError("experiments", "ALERT: what runs is worse; a person is to end it",
               {{"experiment", name}, {"reason", result.reason}});
  }
  if (rolled_back) {
    GFR_ASSIGN(conclusions, ConclusionsOf(*now->project));
  }
  Json report = ReportJson(results, pass_->metrics());
  AddConclusions(conclusions, &report);
  const MutexLock write(mutex_);
  latest_ = std::make_shared<const Json>(report);
  return report;
}

std::shared_ptr<ExperimentWatch> ExperimentWatch::Start(ServiceState& s) {
  const auto watch = std::make_shared<ExperimentWatch>();
  s.background.Add({"watch-experiments", kPeriodMs, kPeriodMs,
                    [watch, &s](const JobRun&) {
                      const auto looked = watch->Look(s);
                      return looked.ok() ? Status() : Status(looked.error());
                    },
                    kPeriodMs});
  return watch;
}

std::shared_ptr<const Json> ExperimentWatch::latest() const {
  const MutexLock lock(mutex_);
  return latest_;
}

}  // namespace gfr
