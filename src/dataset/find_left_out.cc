// LeftOut::Find, apart from left_out.cc: it reads a log, which programs without one (partition_rows.h) do not link.
#include "dataset/left_out.h"
#include "event/activity.h"

namespace gfr {

Result<std::shared_ptr<const LeftOut>> LeftOut::Find(EventSource& log, const AliasHistory& people,
                                                     const LeaveOutConfig& config,
                                                     std::unordered_map<Key, Activity>* known,
                                                     std::optional<std::uint64_t> from) {
  if (!config.robots && config.users.empty()) return std::shared_ptr<const LeftOut>();
  auto made = std::make_shared<LeftOut>();
  std::unordered_map<Key, Activity> own;
  std::unordered_map<Key, Activity>& activity = known != nullptr ? *known : own;
  if (config.robots) {
    GFR_ASSIGN(Positions begin, log.Begin());
    if (from) begin = {*from};
    GFR_ASSIGN(const auto reader, log.Open(begin));
    for (LogRecord r;;) {
      GFR_ASSIGN(const bool more, reader->More(&r));
      if (!more) break;
      if (const Key person = people.PersonOf(r.event, r.offset); person != 0)
        activity[person].Add(r.event.type, r.arrival_ms);
    }
  }
  made->Add(activity, people, config);
  return std::shared_ptr<const LeftOut>(std::move(made));
}

}  // namespace gfr
