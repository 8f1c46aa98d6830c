#include "automation/trigger_runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/logger.h"

namespace gfr {

TriggerRunner::TriggerRunner(std::shared_ptr<ObjectStore> store, const Clock& clock, TriggerFacts& facts,
                             StepActions actions, int threads)
    : store_(std::move(store)), clock_(clock), facts_(facts), actions_(std::move(actions)) {
  if (threads > 0)
    threads_ = std::make_unique<Executor>(Executor::Options{.name = "triggers", .threads = threads, .max_queued = 256});
}

TriggerRunner::~TriggerRunner() {
  stop_.request_stop();
  if (threads_) threads_->Drain();
}

bool TriggerRunner::Busy() const {
  const MutexLock lock(mutex_);
  return !unfinished_.empty();
}

std::map<std::string, RunRecord> TriggerRunner::Unfinished() const {
  const MutexLock lock(mutex_);
  return unfinished_;
}

bool TriggerRunner::HasUnfinished(const std::string& trigger) const {
  const MutexLock lock(mutex_);
  return std::ranges::any_of(unfinished_, [&](const auto& run) { return run.second.trigger == trigger; });
}

// What earlier processes left: runs that are not over, and when each trigger ran last.
Status TriggerRunner::LoadOnce() {
  if (loaded_) return {};
  GFR_ASSIGN(seen_ms_, store_.Seen());
  GFR_ASSIGN(const std::vector<std::string> ids, store_.Ids());
  for (const std::string& id : ids) {
    const auto [at_ms, trigger] = RunStore::PartsOf(id);
    if (!trigger.empty()) last_ms_[trigger] = std::max(last_ms_[trigger], at_ms);
    auto run = store_.Load(id);
    if (!run.ok() && run.error().code == ErrorCode::kUnavailable) return run.error();
    if (!run.ok()) {
      LogWarning("triggers", "a run's record is passed over", {{"run", id}, {"error", run.error().message}});
      continue;
    }
    if (run.value().over()) continue;
    const MutexLock lock(mutex_);
    unfinished_[id] = std::move(run).value();
  }
  loaded_ = true;
  return {};
}

// The record is there before the request is forgotten, and the same request gives the same id: a kill between them
// begins nothing twice.
Status TriggerRunner::Queue(const TriggerConfig& trigger, const Triggers& of, const std::string& by,
                            const std::string& reason, std::int64_t at_ms) {
  RunRecord run = NewRun(trigger, by, reason, at_ms, of.project_fingerprint);
  if (const auto there = store_.Load(run.id); there.ok()) return {};
  GFR_TRY(store_.Save(run));
  last_ms_[trigger.name] = std::max(last_ms_[trigger.name], at_ms);
  LogInfo("triggers", "a run is queued", {{"run", run.id}, {"reason", reason}});
  const MutexLock lock(mutex_);
  unfinished_[run.id] = std::move(run);
  return {};
}

Status TriggerRunner::QueueDue(const Triggers& triggers) {
  const std::int64_t now_ms = clock_.now_ms();
  std::map<std::string, std::int64_t> seen_ms;
  for (const TriggerConfig& trigger : triggers.all) {
    const auto seen = seen_ms_.find(trigger.name);
    seen_ms[trigger.name] = seen == seen_ms_.end() || IsOfTheFuture(seen->second, now_ms) ? now_ms : seen->second;
    // A clock that was ahead, and is right now, would keep the trigger from its occasions until the time of then.
    if (std::int64_t& last_ms = last_ms_[trigger.name]; IsOfTheFuture(last_ms, now_ms)) last_ms = now_ms;
  }
  if (seen_ms != seen_ms_) GFR_TRY(store_.SaveSeen(seen_ms));
  seen_ms_ = seen_ms;
  GFR_ASSIGN(const auto requests, store_.Requests());
  for (const auto& [name, request] : requests) {
    const auto trigger = std::ranges::find(triggers.all, name, &TriggerConfig::name);
    if (trigger == triggers.all.end()) {
      LogWarning("triggers", "a run was asked for of a trigger that gfr.toml does not have", {{"trigger", name}});
    } else {
      if (HasUnfinished(name)) continue;  // After it.
      GFR_TRY(Queue(*trigger, triggers, request.by, request.reason, request.at_ms > 0 ? request.at_ms : now_ms));
    }
    GFR_TRY(store_.Forget(name));
  }
  GFR_ASSIGN(const auto paused, store_.Paused());
  for (const TriggerConfig& trigger : triggers.all) {
    if (HasUnfinished(trigger.name) || paused.contains(trigger.name)) continue;
    const TriggerDecision decision =
        DecideTrigger(trigger, now_ms, seen_ms_[trigger.name], last_ms_[trigger.name], facts_);
    if (decision.due) GFR_TRY(Queue(trigger, triggers, "trigger", decision.why, now_ms));
  }
  return {};
}

Status TriggerRunner::BringOn(const Triggers& triggers) {
  struct Next {
    std::string id;
    TriggerConfig trigger;
  };
  std::vector<Next> next;
  std::vector<RunRecord> changed;
  {
    const MutexLock lock(mutex_);
    std::map<std::string, const RunRecord*> holders;  // By target: a run that has begun, else the first in line.
    for (const auto& [id, run] : unfinished_) {
      const RunRecord*& holder = holders[run.target];
      if (holder == nullptr || (holder->state == RunState::kQueued && run.state == RunState::kRunning)) holder = &run;
    }
    const std::int64_t now_ms = clock_.now_ms();
    for (auto& [id, run] : unfinished_) {
      const RunRecord& holder = *holders[run.target];
      if (holder.id != id) {
        const std::string why = fmt::format("waits for run {}, which has the target \"{}\"", holder.id, run.target);
        if (run.why != why && !advancing_.contains(id)) {
          run.why = why;
          changed.push_back(run);
        }
        continue;
      }
      if (advancing_.contains(id) || (NextOf(run) > now_ms && !BeganInTheFuture(run, now_ms))) continue;
      auto trigger = TriggerConfig::Parse(run.configuration, triggers.objectives);
      if (!trigger.ok()) {  // An objective of its is gone since.
        run.state = RunState::kFailed;
        run.why = "its configuration cannot be read any more: " + trigger.error().message;
        run.ended_ms = now_ms;
        changed.push_back(run);
        continue;
      }
      advancing_.insert(id);
      next.push_back({id, std::move(trigger).value()});
    }
    std::erase_if(unfinished_, [](const auto& run) { return run.second.over(); });
  }
  Status saved;  // The runs that are due go on all the same.
  for (const RunRecord& run : changed) {
    if (Status status = store_.Save(run); !status.ok()) saved = std::move(status);
  }
  for (const Next& one : next) {
    const Status posted = threads_ ? threads_->Post([this, one] { Advance(one.id, one.trigger); }) : Status();
    if (!threads_) Advance(one.id, one.trigger);
    if (posted.ok()) continue;
    const MutexLock lock(mutex_);
    advancing_.erase(one.id);
  }
  return saved;
}

void TriggerRunner::Advance(const std::string& id, const TriggerConfig& trigger) {
  RunRecord run;
  {
    const MutexLock lock(mutex_);
    run = unfinished_.at(id);
  }
  const Status advanced = AdvanceRun(&run, trigger, store_, actions_, clock_, stop_.get_token());
  if (!advanced.ok())
    LogError("triggers", "a run cannot go on now, or its record cannot be written; it goes on later",
             {{"run", id}, {"error", advanced.error().ToString()}});
  if (run.over()) {
    if (const Status pruned = store_.Prune(); !pruned.ok())
      LogWarning("triggers", "old runs are not removed", {{"error", pruned.error().ToString()}});
  }
  const MutexLock lock(mutex_);
  advancing_.erase(id);
  // What could not be written is as it was, and is begun anew.
  if (!advanced.ok()) return;
  if (run.over())
    unfinished_.erase(id);
  else
    unfinished_[id] = std::move(run);
}

Status TriggerRunner::Look(const Triggers& triggers) {
  const MutexLock lock(looking_);
  GFR_TRY(LoadOnce());
  GFR_TRY(QueueDue(triggers));
  return BringOn(triggers);
}

}  // namespace gfr
