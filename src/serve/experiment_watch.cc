#include "serve/experiment_watch.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/time.h"
#include "operations/experiment_erasures.h"
#include "runtime/logger.h"
#include "serve/allocations.h"
#include "serve/service_state.h"

namespace gfr {

Status TakeAllocation(ServiceState& s,
                      const std::function<void(const Experiments&, std::int64_t, Allocation*)>& change) {
  const MutexLock lock(s.reload_mutex);
  Serving next = *s.serving();
  const std::int64_t now_ms = s.now_ms();
  GFR_ASSIGN(NextAllocation units, AllocationOf(*next.project, now_ms));
  if (change) change(units.experiments, now_ms, &units.next);
  GFR_ASSIGN(next.assigner, MakeAssigner(*next.project, std::move(units), /*write=*/true));
  s.counters.Declare(next.assigner->experiments());
  s.Publish(std::make_shared<const Serving>(std::move(next)));
  return {};
}

namespace {

using Json = nlohmann::ordered_json;

// A bandit's next version, where its time has come and what was brought changes it.
Status AllocateBandit(ServiceState& s, const ExperimentResults& result) {
  const BanditResult& bandit = *result.bandit;
  std::vector<ArmRewards> rewards;
  double users = 0;
  for (const BanditResult::Arm& arm : bandit.arms) rewards.push_back(arm.rewards), users += arm.rewards.users;
  if (users == 0) return {};  // Nothing is known yet.
  GFR_ASSIGN(const std::vector<double> probabilities, ThompsonAllocation(rewards, bandit.config.floor));
  return TakeAllocation(s, [&](const Experiments& experiments, std::int64_t now_ms, Allocation* next) {
    const Experiment* e = experiments.Find(result.design.name);
    if (e == nullptr || !e->running || e->arms.size() != probabilities.size()) return;  // Reloaded meanwhile.
    const auto versions = next->periods.find(e->name);
    if (versions != next->periods.end() && !versions->second.empty() &&
        now_ms - versions->second.back().from_ms < bandit.config.every_ms)
      return;
    if (AddVersion(*e, probabilities, now_ms, next))
      LogInfo("experiments", "a bandit allocates new units anew",
              {{"experiment", e->name},
               {"version", next->periods[e->name].size()},
               {"probabilities", nlohmann::json(next->periods[e->name].back().shares).dump()}});
  });
}

// Over the day's look before.
Status KeepOfDay(ServiceState& s, const Json& report) {
  const std::string folder = JoinPath(s.project.folder(), "data/experiments");
  GFR_TRY(s.fs().MakeFolders(folder));
  return PublishFile(s.fs(), JoinPath(folder, FormatTime(s.clock.now_ms()).substr(0, 10) + ".json"),
                     DumpJson(report, 2) + "\n");
}

Status RollBack(ServiceState& s, const Project& project, const ExperimentResults& result) {
  GFR_TRY(Conclude(project, result.design.name, {"roll back", result.reason, s.clock.now_ms()}));
  LogError("experiments", "ALERT: an experiment was rolled back; its units get the default",
           {{"experiment", result.design.name}, {"reason", result.reason}});
  return TakeAllocation(s, {});
}

}  // namespace

Result<Json> ExperimentWatch::Look(ServiceState& s) {
  const MutexLock lock(looking_);
  const std::shared_ptr<const Serving> now = s.serving();
  const Configuration& configuration = now->project->configuration();
  const Experiments& configured = configuration.experiments;
  if (configured.all.empty() && configured.variants.size() < 2 && !configured.holdout)
    return Json{{"experiments", Json::array()}};
  if (!pass_ || configuration_ != configuration.fingerprint) {
    const ExperimentSettings settings = now->project->experiment_settings();
    GFR_ASSIGN(KeptUnits kept, KeptUnits::Load(s.fs(), KeptUnitsFolder(now->project->workspace()), settings.metrics));
    pass_ = std::make_unique<ExperimentPass>(settings, std::move(kept));
    configuration_ = configuration.fingerprint;
  }
  GFR_TRY(pass_->Advance(s.log->source()));
  const ExperimentReport report = pass_->Report(now->assigner->allocation().periods);
  GFR_ASSIGN(Conclusions conclusions, ConclusionsOf(*now->project));
  const Experiments& served = now->assigner->experiments();
  bool rolled_back = false;
  for (const ExperimentResults& result : report.results) {
    const std::string& name = result.design.name;
    if (result.bandit && result.verdict != Verdict::kInvalid) GFR_TRY(AllocateBandit(s, result));
    if (result.verdict != Verdict::kRollBack) {
      alerted_.erase(name);
      continue;
    }
    const Experiment* at = served.Find(name);
    const bool runs = at != nullptr && at->running;
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
  Json json = pass_->Json(report, conclusions);
  if (const Status added = AddErasures(s.fs(), ErasuresPath(now->project->workspace()), &json); !added.ok())
    LogWarning("experiments", "what erasures took is not in the report", {{"error", added.error().ToString()}});
  // What was found is right without it; the next look tries again.
  if (const Status kept = KeepOfDay(s, json); !kept.ok())
    LogWarning("experiments", "the day's report was not kept", {{"error", kept.error().message}});
  if (const Status kept = pass_->Keep(s.fs(), KeptUnitsFolder(now->project->workspace()), report); !kept.ok())
    LogWarning("experiments", "the metrics of matured units were not exported", {{"error", kept.error().message}});
  const MutexLock write(mutex_);
  latest_ = std::make_shared<const Json>(json);
  return json;
}

namespace {

// How long after one look the next one comes.
std::int64_t PeriodOfLooksMs(const Serving& serving) {
  std::int64_t period_ms = ExperimentWatch::kPeriodMs;
  for (const Experiment& e : serving.project->configuration().experiments.all) {
    if (e.bandit) period_ms = std::min(period_ms, e.bandit->every_ms);
  }
  return period_ms;
}

}  // namespace

// The period is that of the configuration served now. Between two looks the job has the result of the last one.
std::shared_ptr<ExperimentWatch> ExperimentWatch::Start(ServiceState& s) {
  const auto watch = std::make_shared<ExperimentWatch>();
  s.background.Add({"watch-experiments", kSecondMs, kPeriodMs,
                    [watch, &s, last_ms = MonotonicMs(), last = Status()](const JobRun&) mutable {
                      const std::int64_t now_ms = MonotonicMs();
                      if (now_ms - last_ms < PeriodOfLooksMs(*s.serving())) return last;
                      last_ms = now_ms;
                      const auto looked = watch->Look(s);
                      last = looked.ok() ? Status() : Status(looked.error());
                      return last;
                    },
                    kSecondMs});
  return watch;
}

std::shared_ptr<const Json> ExperimentWatch::latest() const {
  const MutexLock lock(mutex_);
  return latest_;
}

}  // namespace gfr
