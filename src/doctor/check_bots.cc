#include <fmt/format.h>

#include <algorithm>

#include "doctor/checks.h"
#include "doctor/share_finding.h"

namespace gfr {

void CheckBots(const Observations& o, std::vector<Finding>& out) {
  std::vector<const Activity*> robots;
  std::uint64_t theirs = 0, all = 0;
  for (int t = 1; t < kEventTypes; ++t)
    all += NeedsUser(static_cast<EventType>(t)) ? o.by_type[static_cast<std::size_t>(t)] : 0;
  for (const auto& [key, user] : o.people) {
    if (user.RobotReason().empty()) continue;
    robots.push_back(&user);
    theirs += user.events;
  }
  std::ranges::sort(robots, [](const Activity* a, const Activity* b) {
    return a->events != b->events ? a->events > b->events : a->id < b->id;
  });
  Finding f = ShareFinding("user.robots", theirs, all, 0, 0.2, false, "events are of users that look like robots",
                           "Robots teach the model what nobody likes, and inflate counts and denominators. Looks like "
                           "one: over 1,200 events in an hour, awake for 22 hours of a day, or a step like a clock's.",
                           "Look at the ones listed; leave crawlers and monitoring out where events are sent, internal "
                           "users too.");
  f.text = fmt::format("{} users look like robots; {}", robots.size(), f.text);
  if (o.people_dropped)
    f.text += fmt::format(" (of the busiest {} users at a time: quiet robots may be missed)", o.most_people);
  for (std::size_t i = 0; i < std::min(kExamples, robots.size()); ++i)
    f.examples.push_back(fmt::format("{}: {} events, {}", robots[i]->id, robots[i]->events, robots[i]->RobotReason()));
  out.push_back(std::move(f));
}

}  // namespace gfr
