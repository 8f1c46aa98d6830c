#include "operations/interleaving_credits.h"

#include <algorithm>

#include "dataset/left_out.h"
#include "log/local_log.h"

namespace gfr {

Result<LoggedCredits> ReadInterleavingCredits(EventSource& log, const Experiment& experiment,
                                              const LeaveOutConfig& leave_out, const AliasRule& rule) {
  LoggedCredits read{.credits = InterleavingCredits(experiment.name, experiment.window_ms)};
  AliasHistory people(rule);
  std::shared_ptr<const LeftOut> left_out;
  if (leave_out.robots || !leave_out.users.empty()) {
    GFR_TRY(ForEachRecord(log, TypeBit(EventType::kUserAlias), [&](const LogRecord& r) {
      people.Join(r.event, r.offset);
      return Status();
    }));
    GFR_ASSIGN(left_out, LeftOut::Find(log, people, leave_out));
  }
  GFR_TRY(ForEachRecord(log, kEveryType, [&](const LogRecord& r) {
    read.last_arrival_ms = std::max(read.last_arrival_ms, r.arrival_ms);
    if (!left_out || left_out->Why(people.PersonOf(r.event, r.offset)) == nullptr) read.credits.Add(r.event);
    return Status();
  }));
  return read;
}

Result<LoggedCredits> ReadInterleavingCredits(const Workspace& workspace, const Experiment& experiment,
                                              const LeaveOutConfig& leave_out, const AliasRule& rule) {
  LocalLog log(workspace.fs(), workspace.log_folder());
  return ReadInterleavingCredits(log, experiment, leave_out, rule);
}

}  // namespace gfr
