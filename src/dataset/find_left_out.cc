// LeftOut::Find, apart from left_out.cc: it reads a log, which programs without one (partition_rows.h) do not link.
#include "dataset/left_out.h"
#include "event/activity.h"

namespace gfr {

Result<std::shared_ptr<const LeftOut>> LeftOut::Find(EventSource& log, const AliasHistory& people,
                                                     const LeaveOutConfig& config) {
  if (!config.robots && config.users.empty()) return std::shared_ptr<const LeftOut>();
  auto made = std::make_shared<LeftOut>();
  std::unordered_map<Key, Activity> activity;
  if (config.robots) {
    GFR_TRY(ForEachRecord(log, kEveryType, [&](const LogRecord& r) {
      if (const Key person = people.PersonOf(r.event, r.offset); person != 0)
        activity[person].Add(r.event.type, r.arrival_ms);
      return Status();
    }));
  }
  made->Add(activity, people, config);
  return std::shared_ptr<const LeftOut>(std::move(made));
}

}  // namespace gfr
