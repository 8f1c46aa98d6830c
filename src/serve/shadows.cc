#include "serve/shadows.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/cpu_time.h"
#include "rank/ranker.h"
#include "serve/service_state.h"

namespace gfr {

bool WorkBudget::Has(double now_s) {
  const MutexLock lock(mutex_);
  left_s_ = std::min(kBurstS, left_s_ + (now_s - at_s_) * per_second_);
  at_s_ = now_s;
  return left_s_ > 0;
}

void WorkBudget::Spend(double seconds) {
  const MutexLock lock(mutex_);
  left_s_ -= seconds;
}

Shadows::Shadows(ServiceMetrics& metrics, std::function<bool()> busy)
    : metrics_(metrics),
      busy_(std::move(busy)),
      budget_(HardwareThreads(), MonotonicSeconds()),
      executor_({.name = "shadow", .threads = 1, .max_queued = kMaxWaiting}) {}

void Shadows::Offer(std::size_t shadows, std::function<void()> task) {
  const Status posted = executor_.Post([this, shadows, task = std::move(task)] {
    if (busy_()) return metrics_.ShadowsDropped("load", shadows);
    if (!budget_.Has(MonotonicSeconds())) return metrics_.ShadowsDropped("budget", shadows);
    task();
  });
  if (!posted.ok()) metrics_.ShadowsDropped("queue", shadows);
}

void Shadows::Spend(double seconds) {
  budget_.Spend(seconds);
  metrics_.BesideAnswers(seconds);
}

bool Shadows::HasBudget() { return budget_.Has(MonotonicSeconds()); }

void Shadows::Drain() { executor_.Drain(); }

std::vector<ShadowRun> ShadowsFor(const Experiments& experiments, const ServedModels& models,
                                  const std::string& request_id) {
  const auto of_alias = [&]() -> std::shared_ptr<const BoundModel> {
    for (const ServedModels::Entry& entry : models.entries) {
      if (std::ranges::find(entry.roles, "shadow") != entry.roles.end()) return entry.model;
    }
    return nullptr;
  };
  if (experiments.shadows.empty() && !of_alias()) return {};  // As a rule.
  static const std::vector<Shadow> kOfAlias(1);               // As Experiments::Shadows says.
  std::vector<ShadowRun> runs;
  for (const Shadow& shadow : experiments.shadows.empty() ? kOfAlias : experiments.shadows) {
    if (Bucket("shadow/" + shadow.name, request_id) >= shadow.share) continue;
    const bool own = !shadow.feed.empty();
    std::shared_ptr<const BoundModel> model = !shadow.model.empty() ? models.Find(shadow.model)
                                              : own                 ? models.champion
                                                                    : of_alias();
    if (model) runs.push_back({shadow.name, std::move(model), shadow.feed});
  }
  return runs;
}

void RunShadows(ServiceState& s, const ShadowWork& work) {
  for (const ShadowRun& run : work.runs) {
    const double begin_s = MonotonicSeconds(), begin_cpu_s = ThreadCpuSeconds();
    Event shadow;
    if (run.feed.empty()) {
      shadow = ScoreShadow(run.name, *run.model, *work.feed, work.answered, work.input);
    } else {
      FeedConfig feed = *work.feed;
      run.feed.ApplyTo(&feed);
      const auto lists = work.serving->lists->lists();
      const FeatureReader& rows = s.rows(*work.serving);
      shadow = ShadowOf(run.name, work.answered,
                        Rank(*work.serving->store, rows, run.model.get(), feed, work.request, lists.get()));
    }
    s.shadows.Spend(ThreadCpuSeconds() - begin_cpu_s);
    s.counters.Shadowed(run.name, MonotonicSeconds() - begin_s, ShadowOverlap(work.answered, shadow));
    s.Append(
        {std::move(shadow)}, [](const Error&) {}, [](const Appended&) -> ServiceState::Folded { return [] {}; },
        /*urgent=*/true);
  }
}

}  // namespace gfr
