// TriggerRunner: the triggers of one project: looks which are due, begins their runs, and brings runs on.
//
// It belongs to the owner of the log alone: whoever makes one holds `Workspace::automation_lock_path`. One run at a
// time has a target; others of it wait in the order in which they were queued, and their records say for what. A
// trigger has one run at a time. Runs that an earlier process left go on. A changed configuration holds for new runs;
// one that was begun goes on as its record says. A trigger that a person
// paused begins no run by itself; what was begun, and what a person asks for, goes on. Thread safety: all calls; one
// Look at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "automation/pipeline.h"
#include "automation/trigger_decision.h"
#include "base/executor.h"
#include "base/sync.h"

namespace gfr {

struct Triggers {
  std::vector<TriggerConfig> all;
  std::vector<std::string> objectives;
  std::uint64_t project_fingerprint = 0;
};

class TriggerRunner {
 public:
  // `threads`: of runs that go on at one time; 0: Look brings them on itself, one after the other. `clock` and `facts`
  // must outlive it.
  TriggerRunner(std::shared_ptr<ObjectStore> store, const Clock& clock, TriggerFacts& facts, StepActions actions,
                int threads);
  ~TriggerRunner();  // Stops what runs: it is begun anew by the next runner.

  // One look: queues what is due or asked for, and brings on what can go on. Errors: those of the store; the next look
  // tries again.
  Status Look(const Triggers& triggers);
  // Whether a run is not over, after the last look.
  bool Busy() const;
  // The run that has or waits for a target; null: none. For `explain`.
  std::map<std::string, RunRecord> Unfinished() const;

  RunStore& store() { return store_; }

 private:
  // All with looking_ held.
  Status LoadOnce();
  Status QueueDue(const Triggers& triggers);
  Status Queue(const TriggerConfig& trigger, const Triggers& of, const std::string& by, const std::string& reason,
               std::int64_t at_ms);
  Status BringOn(const Triggers& triggers);
  void Advance(const std::string& id, const TriggerConfig& trigger);
  bool HasUnfinished(const std::string& trigger) const;

  RunStore store_;
  const Clock& clock_;
  TriggerFacts& facts_;
  const StepActions actions_;
  std::stop_source stop_;
  Mutex looking_;
  bool loaded_ = false;
  std::map<std::string, std::int64_t> seen_ms_, last_ms_;  // By trigger.
  mutable Mutex mutex_;                                    // Of what follows.
  std::map<std::string, RunRecord> unfinished_;            // By id: in the order in which they were queued.
  std::set<std::string> advancing_;
  std::unique_ptr<Executor> threads_;
};

}  // namespace gfr
