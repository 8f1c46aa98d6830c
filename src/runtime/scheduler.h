// Scheduler: runs a process's background jobs: each has a name, a period, a deadline and metrics.
//
// A job runs when its period begins (the first time at once, or after `first_after_ms`), on a thread of its own: a slow
// job delays no other. It gets a stop token and its remaining time, which it hands to every I/O call. Periods missed
// while it ran are made up by one run. A run over its deadline is counted and logged once; it goes on, and the job is
// not started again until it has returned. An error is logged when it is new and when it is over, not each period.
//
// Metrics: gfr_job_duration_seconds {job, status=ok|failed}, gfr_job_overdue_total {job},
// gfr_job_last_success_timestamp_seconds {job}. Thread safety: all calls.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/sync.h"
#include "runtime/telemetry.h"

namespace gfr {

// What a run may use up. Thread safety: as a value.
struct JobRun {
  std::stop_token stop;          // Requested when the scheduler stops.
  std::int64_t deadline_ms = 0;  // Of MonotonicMs().
  std::int64_t remaining_ms() const { return deadline_ms > MonotonicMs() ? deadline_ms - MonotonicMs() : 0; }
};

class Scheduler {
 public:
  struct Job {
    std::string name;              // Of few words: "seal-epochs".
    std::int64_t period_ms = 0;    // From one start to the next.
    std::int64_t deadline_ms = 0;  // Of one run, from its start.
    std::function<Status(const JobRun&)> run;
    std::int64_t first_after_ms = 0;  // Before the first run.
  };

  // Both must outlive it; `clock` is for the time of day of the last success.
  Scheduler(Telemetry& telemetry, const Clock& clock);
  ~Scheduler();  // Stop, then waits for every job that still runs.

  // Starts the job. REQUIRES: its name is new, both times are positive, and the scheduler has not been stopped.
  void Add(Job job);
  // Runs the job as soon as it can, whatever its period; false if there is none of that name.
  bool RunNow(const std::string& name);
  // How a job is now.
  struct View {
    std::string name, last_error;      // Of its last run; empty: that was well, or there was none.
    std::int64_t last_success_ms = 0;  // Time of day; 0: never yet.
    std::int64_t last_took_ms = 0;     // The last run that has ended.
    bool running = false, overdue = false;
  };
  std::vector<View> Views() const;  // In the order they were added.
  // Asks every run to stop, starts no more, and waits. Gives the names of the jobs that have not returned after
  // `wait_ms` (empty: all have). A process that must end with such a job alive leaves by _exit once its log and
  // snapshot are safe.
  std::vector<std::string> Stop(std::int64_t wait_ms = 10'000);

 private:
  struct State;
  void RunJob(State* state, const std::stop_token& stop);
  void WatchDeadlines(const std::stop_token& stop);
  void RunOnce(State* state, MutexLock* lock, const std::stop_token& stop);

  const Clock& clock_;
  Family<Histogram>& durations_;
  Family<Counter>& overdue_;
  Family<Gauge>& last_success_;
  mutable Mutex mutex_;
  CondVar changed_;  // A job begins, ends or is asked for.
  bool stopping_ = false;
  std::vector<std::unique_ptr<State>> jobs_;
  Thread watch_;
};

}  // namespace gfr
