// RunRecord: one run of a trigger: why it began, by which configuration, what each step got, gave and took.
//
// Records are objects of the project's store, each whole, written anew with each change:
//   automation/runs/ID.json      ID begins with the time, so that names in order are runs in order
//   automation/seen.json         since when each trigger is known
//   automation/requests/NAME.json  a run that was asked for and not begun yet
//   automation/paused.json      the triggers that a person paused
// Thread safety: plain values; RunStore as its ObjectStore.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "object/object_store.h"

namespace gfr {

using StepValue = std::variant<double, std::string>;
using StepValues = std::map<std::string, StepValue>;

enum class StepState { kPending, kRunning, kWaiting, kDone, kSkipped, kFailed };
enum class RunState { kQueued, kRunning, kDone, kStopped, kFailed };  // Stopped: a step ended it without a failure.
const char* StepStateName(StepState state);
const char* RunStateName(RunState state);

struct StepRecord {
  std::string name, action;
  StepState state = StepState::kPending;
  int begun = 0, failures = 0;  // A step that a kill ended is begun anew.
  std::int64_t started_ms = 0, ended_ms = 0;
  std::int64_t next_ms = 0;  // Of a step that waits, or is to be tried again: not before.
  StepValues inputs, outputs;
  std::string why;  // Its failure, what it waits for, or why it was skipped.
};

struct RunRecord {
  std::string id, trigger, target;
  std::string reason;         // Why it began.
  std::string by;             // "trigger", "command" or "webhook".
  std::string configuration;  // The [[trigger]] as TOML: what is run, whatever gfr.toml says meanwhile.
  std::uint64_t project_fingerprint = 0;
  RunState state = RunState::kQueued;
  std::string why;  // Of the state: what it waits for, why it ended.
  std::int64_t queued_ms = 0, started_ms = 0, ended_ms = 0;
  std::vector<StepRecord> steps;

  bool over() const { return state != RunState::kQueued && state != RunState::kRunning; }
  // The newest output of that name; null: no step has given it.
  const StepValue* Find(const std::string& output) const;
  std::string ToJson() const;
  static Result<RunRecord> FromJson(std::string_view text);  // kCorrupt: not what ToJson gave.
};

// A record's time that is so far ahead of now was written by a clock that has been set back since: nothing waits for
// it.
inline constexpr std::int64_t kClockSetBackMs = 10 * kMinuteMs;
inline bool IsOfTheFuture(std::int64_t at_ms, std::int64_t now_ms) { return at_ms > now_ms + kClockSetBackMs; }

struct RunRequest {
  std::string by, reason;
  std::int64_t at_ms = 0;
};

class RunStore {
 public:
  static constexpr std::size_t kKept = 500;  // Runs that are over.
  explicit RunStore(std::shared_ptr<ObjectStore> store) : store_(std::move(store)) {}

  static std::string IdOf(std::int64_t at_ms, const std::string& trigger);
  // Of an id: when it was queued, and its trigger; an empty name: it is none. A trigger may have a name that looks like
  // an id: where both are possible, ask for the trigger first.
  static std::pair<std::int64_t, std::string> PartsOf(const std::string& id);
  Status Save(const RunRecord& run);
  Result<RunRecord> Load(const std::string& id);  // kNotFound; kCorrupt names it.
  Result<std::vector<std::string>> Ids();         // Rising: oldest first.
  Status Prune();                                 // Removes the oldest beyond kKept; none that is not over.

  // When each trigger was first looked at, without a break: its schedule counts from there.
  Result<std::map<std::string, std::int64_t>> Seen();
  Status SaveSeen(const std::map<std::string, std::int64_t>& seen_ms);

  // A second request for a trigger that has one is the same request: what stands is given.
  Result<RunRequest> Ask(const std::string& trigger, const RunRequest& request);
  Result<std::map<std::string, RunRequest>> Requests();
  Status Forget(const std::string& trigger);

  // Triggers that begin no run by themselves, and who paused them, when and why. Of two that pause or resume at one
  // moment the last one's word counts.
  Result<std::map<std::string, RunRequest>> Paused();
  Status Pause(const std::string& trigger, const RunRequest& request);
  Status Resume(const std::string& trigger);  // kNotFound: it is not paused.

 private:
  Status SavePaused(const std::map<std::string, RunRequest>& paused);

  std::shared_ptr<ObjectStore> store_;
};

}  // namespace gfr
