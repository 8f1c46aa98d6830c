#include "runtime/scheduler.h"

#include <algorithm>
#include <cassert>

#include "runtime/logger.h"

namespace gfr {
namespace {

// A job that cannot have its memory or its thread has failed, and is run again; the process goes on.
Status Attempt(const Scheduler::Job& job, const JobRun& run) try {
  return job.run(run);
} catch (const std::exception& e) {
  return Error{ErrorCode::kUnavailable, std::string("the system refuses what it needs: ") + e.what()};
}

}  // namespace

struct Scheduler::State {
  Job job;
  bool asked = false;                 // By RunNow.
  std::int64_t running_until_ms = 0;  // The deadline of the run; 0: does not run.
  bool overdue = false;               // This run has been counted.
  std::string last_error;             // Empty: the last run was well.
  std::int64_t last_success_ms = 0, last_took_ms = 0;
  Thread thread;
};

Scheduler::Scheduler(Telemetry& telemetry, const Clock& clock)
    : clock_(clock),
      durations_(telemetry.AddHistogram("gfr_job_duration_seconds", "Duration of one run of a background job.",
                                        kDurationsS, {{"job", {}}, {"status", {"ok", "failed"}}})),
      overdue_(telemetry.AddCounter("gfr_job_overdue_total", "Runs of a background job that were over their deadline.",
                                    {{"job", {}}})),
      last_success_(telemetry.AddGauge("gfr_job_last_success_timestamp_seconds",
                                       "When a background job last ended without an error.", {{"job", {}}})),
      watch_("job-deadlines", [this](const std::stop_token& stop) { WatchDeadlines(stop); }) {}

Scheduler::~Scheduler() {
  (void)Stop(0);
  for (const auto& state : jobs_) {
    if (state->thread.joinable()) state->thread.Join();
  }
  watch_.RequestStop();
  watch_.Join();
}

void Scheduler::Add(Job job) {
  assert(job.period_ms > 0 && job.deadline_ms > 0 && job.run);
  durations_.Declare("job", job.name);
  overdue_.Declare("job", job.name);
  last_success_.Declare("job", job.name);
  const MutexLock lock(mutex_);
  assert(!stopping_ && std::ranges::none_of(jobs_, [&](const auto& s) { return s->job.name == job.name; }));
  jobs_.push_back(std::make_unique<State>());
  State* const state = jobs_.back().get();
  state->job = std::move(job);
  state->thread = Thread(state->job.name, [this, state](const std::stop_token& stop) { RunJob(state, stop); });
}

bool Scheduler::RunNow(const std::string& name) {
  const MutexLock lock(mutex_);
  const auto at = std::ranges::find(jobs_, name, [](const auto& s) { return s->job.name; });
  if (at == jobs_.end()) return false;
  (*at)->asked = true;
  changed_.NotifyAll();
  return true;
}

std::vector<Scheduler::View> Scheduler::Views() const {
  const MutexLock lock(mutex_);
  std::vector<View> views;
  for (const auto& s : jobs_) {
    views.push_back({.name = s->job.name,
                     .last_error = s->last_error,
                     .last_success_ms = s->last_success_ms,
                     .last_took_ms = s->last_took_ms,
                     .running = s->running_until_ms != 0,
                     .overdue = s->overdue && s->running_until_ms != 0});
  }
  return views;
}

std::vector<std::string> Scheduler::Stop(std::int64_t wait_ms) {
  const std::int64_t deadline_ms = MonotonicMs() + wait_ms;
  MutexLock lock(mutex_);
  stopping_ = true;
  changed_.NotifyAll();
  // A stop runs the callbacks of whoever waits for it, so not under the lock. No job comes or goes meanwhile.
  lock.Unlock();
  for (const auto& state : jobs_) state->thread.RequestStop();
  lock.Lock();
  const auto still = [&] {
    std::vector<std::string> names;
    for (const auto& state : jobs_) {
      if (state->running_until_ms != 0) names.push_back(state->job.name);
    }
    return names;
  };
  (void)changed_.WaitUntil(lock, deadline_ms, [&] { return still().empty(); });
  return still();
}

void Scheduler::RunJob(State* state, const std::stop_token& stop) {
  std::int64_t next_ms = MonotonicMs() + state->job.first_after_ms;
  MutexLock lock(mutex_);
  for (;;) {
    (void)changed_.WaitUntil(lock, next_ms, stop, [&] { return stopping_ || state->asked; });
    if (stopping_) return;
    state->asked = false;
    // The periods follow a grid; those that are past by now are one run.
    if (const std::int64_t now_ms = MonotonicMs(); next_ms <= now_ms)
      next_ms += ((now_ms - next_ms) / state->job.period_ms + 1) * state->job.period_ms;
    RunOnce(state, &lock, stop);
    if (const std::int64_t missed_ms = MonotonicMs(); next_ms <= missed_ms) {
      const std::int64_t periods = (missed_ms - next_ms) / state->job.period_ms;
      next_ms += periods * state->job.period_ms;  // Due at once, and then on the grid again.
    }
  }
}

// REQUIRES: `lock` is held; it is let go during the run.
void Scheduler::RunOnce(State* state, MutexLock* lock, const std::stop_token& stop) {
  const Job& job = state->job;
  const std::int64_t start_ms = MonotonicMs();
  state->running_until_ms = start_ms + job.deadline_ms;
  state->overdue = false;
  changed_.NotifyAll();
  lock->Unlock();
  const Status status = Attempt(job, {.stop = stop, .deadline_ms = start_ms + job.deadline_ms});
  const std::int64_t took_ms = MonotonicMs() - start_ms, now_ms = clock_.now_ms();
  durations_.With({job.name, status.ok() ? "ok" : "failed"}).Observe(static_cast<double>(took_ms) * 1e-3);
  const std::string error = status.ok() ? "" : status.error().ToString();
  if (status.ok()) last_success_.With({job.name}).Set(static_cast<double>(now_ms) * 1e-3);
  if (error.empty() && !state->last_error.empty()) LogInfo("scheduler", "a job is well again", {{"job", job.name}});
  if (!error.empty() && error != state->last_error)
    LogWarning("scheduler", "a job failed", {{"job", job.name}, {"error", error}});
  lock->Lock();
  state->last_error = error;
  state->last_took_ms = took_ms;
  if (status.ok()) state->last_success_ms = now_ms;
  state->running_until_ms = 0;
  changed_.NotifyAll();
}

void Scheduler::WatchDeadlines(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    std::int64_t nearest_ms = kNoDeadline;
    const std::int64_t now_ms = MonotonicMs();
    for (const auto& state : jobs_) {
      if (state->running_until_ms == 0 || state->overdue) continue;
      if (state->running_until_ms <= now_ms) {
        state->overdue = true;
        overdue_.With({state->job.name}).Add();
        LogWarning("scheduler", "a job is over its deadline; it is not started again until it has returned",
                   {{"job", state->job.name}, {"deadline_ms", state->job.deadline_ms}});
      } else {
        nearest_ms = std::min(nearest_ms, state->running_until_ms);
      }
    }
    bool looked = false;  // Any change: look again.
    (void)changed_.WaitUntil(lock, nearest_ms, stop, [&] { return std::exchange(looked, true); });
  }
}

}  // namespace gfr
