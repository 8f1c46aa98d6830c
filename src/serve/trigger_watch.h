// TriggerWatch: the server runs its project's triggers: it is the owner of the log.
//
// A job of the server's scheduler looks every kPeriodMs; steps run on two threads of their own, and their trainings in
// child processes. A stop ends them: what was under way is begun anew at the next start. A command that runs a trigger
// while no server does holds the lock meanwhile; then the server's looks wait. Triggers go by the time of day, also of
// a server whose clock is the log's. Thread safety: all calls.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "automation/owner_facts.h"
#include "automation/trigger_runner.h"
#include "base/sync.h"
#include "serve/canary_watch.h"
#include "serve/http_message.h"

namespace gfr {

class DriftWatch;
class Project;
struct ServiceState;

class TriggerWatch {
 public:
  static constexpr std::int64_t kPeriodMs = 2000;
  static constexpr const char* kJob = "run-triggers";

  TriggerWatch(ServiceState& s, std::shared_ptr<const DriftWatch> drift)
      : s_(s), drift_(std::move(drift)), canary_(s) {}
  // One that looks by the server's scheduler. `drift`: whose alerts are an occasion.
  static std::shared_ptr<TriggerWatch> Start(ServiceState& s, std::shared_ptr<const DriftWatch> drift);
  Status Look();
  // Takes the lock of those that run triggers, so that from a server's first answer on no command runs one beside it.
  void TakeLock();
  // Ends what runs; nothing is looked at any more.
  void Stop();

  HttpResponse GetTriggers();
  HttpResponse PostTrigger(const std::string& name);  // 202: it was asked for; 404.

 private:
  bool HoldsLock(const Project& project);  // Takes it where it is free.

  void MakeRunner(const Project& project);
  std::function<Status(const ScaleBounds&)> ScaleOf(const Project& project) const;
  Status EndLostCanary();

  ServiceState& s_;
  const std::shared_ptr<const DriftWatch> drift_;
  CanaryWatch canary_;
  Mutex mutex_;                                           // Of what follows.
  bool stopped_ = false, looked_ = false, left_ = false;  // `left_`: earlier servers left records of runs.
  std::unique_ptr<FileLock> lock_;
  std::uint64_t configuration_ = 0;
  std::unique_ptr<OwnerFacts> facts_;
  std::unique_ptr<TriggerRunner> runner_;
  std::optional<std::set<std::string>> unfinished_;  // Runs, when a canary without one was looked for last.
};

}  // namespace gfr
