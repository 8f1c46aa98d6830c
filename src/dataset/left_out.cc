#include "dataset/left_out.h"

#include "event/activity.h"

namespace gfr {

void LeftOut::Add(const std::unordered_map<Key, Activity>& activity, const AliasHistory& people,
                  const LeaveOutConfig& config) {
  for (const auto& [person, its] : activity) {
    if (!its.RobotReason().empty()) people_[person] = DropReason::kRobot;
  }
  for (const std::string& id : config.users) {
    people_[people.Resolve(KeyOf(id), UINT64_MAX)] = DropReason::kLeftOut;
  }
}

std::shared_ptr<const LeftOut> LeftOut::Of(const ActivityHistory& activity, const AliasHistory& people,
                                           const LeaveOutConfig& config) {
  if (!config.robots && config.users.empty()) return nullptr;
  auto made = std::make_shared<LeftOut>();
  made->Add(config.robots ? activity.ByPerson(people) : std::unordered_map<Key, Activity>(), people, config);
  return made;
}

}  // namespace gfr
