#include "dataset/left_out.h"

#include "event/activity.h"

namespace gfr {

Result<std::shared_ptr<const LeftOut>> LeftOut::Find(EventSource& log, const AliasHistory& people,
                                                     const LeaveOutConfig& config) {
  if (!config.robots && config.users.empty()) return std::shared_ptr<const LeftOut>();
  auto made = std::make_shared<LeftOut>();
  if (config.robots) {
    std::unordered_map<Key, Activity> activity;
    GFR_TRY(ForEachRecord(log, kEveryType, [&](const LogRecord& r) {
      if (const Key person = people.PersonOf(r.event, r.offset); person != 0)
        activity[person].Add(r.event.type, r.arrival_ms);
      return Status();
    }));
    for (const auto& [person, its] : activity) {
      if (!its.RobotReason().empty()) made->people_[person] = DropReason::kRobot;
    }
  }
  for (const std::string& id : config.users) {
    made->people_[people.Resolve(KeyOf(id), UINT64_MAX)] = DropReason::kLeftOut;
  }
  return std::shared_ptr<const LeftOut>(std::move(made));
}

}  // namespace gfr
