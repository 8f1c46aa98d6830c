#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "doctor/checks.h"
#include "doctor/share_finding.h"

namespace gfr {

void CheckClocks(const Observations& o, std::vector<Finding>& out) {
  if (o.exact == o.events) {
    out.push_back({.check = "clock",
                   .text = "every event arrived at its own time: an imported or simulated log",
                   .meaning = "An import takes event time for arrival time, so delays and wrong clocks cannot be seen.",
                   .action = "Nothing; look again when events come through the server."});
    return;
  }
  Finding f =
      ShareFinding("clock.late", o.late_hour, o.events, 0.01, 0.2, false, "events arrived more than 1 h late", "",
                   "Send events as they happen, in batches of seconds; give mobile clients a queue that is "
                   "emptied when they are on line again.");
  f.text += fmt::format("; {} more than 1 min, {} more than 1 d; delay at 1 % {}, 50 % {}, 90 % {}, 99 % {}",
                        Percent(static_cast<double>(o.late_minute) / static_cast<double>(o.events)),
                        Percent(static_cast<double>(o.late_day) / static_cast<double>(o.events)),
                        Milliseconds(o.delays.Quantile(0.01)), Milliseconds(o.delays.Quantile(0.5)),
                        Milliseconds(o.delays.Quantile(0.9)), Milliseconds(o.delays.Quantile(0.99)));
  f.meaning = "A late event is missing from the features of every feed served before it came.";
  Finding a = ShareFinding("clock.ahead", o.ahead, o.events, 0.001, 0.05, false,
                           "events are more than 1 s ahead of their arrival",
                           "The sender's clock is fast: recency and windows of these events are wrong by as much; more "
                           "than 5 min ahead is rejected.",
                           "Set the sender's clock (NTP), or send the server's time.");
  for (const auto& [name, source] : o.sources) {
    if (source.late_hour * 20 > source.events && f.examples.size() < kExamples)
      f.examples.push_back(fmt::format("source '{}': {} of {}", name, source.late_hour, source.events));
    if (source.ahead * 20 > source.events && a.examples.size() < kExamples)
      a.examples.push_back(fmt::format("source '{}': {} of {}", name, source.ahead, source.events));
  }
  out.push_back(std::move(f));
  out.push_back(std::move(a));
}

void CheckDays(const Observations& o, std::vector<Finding>& out) {
  const std::int64_t first = o.first_ms / kDayMs, last = o.last_ms / kDayMs;
  Finding gap{.check = "days.gap",
              .meaning = "A day without events of a type that comes every day: sending or importing broke.",
              .action = "Import the missing days with --rebuild, or leave them out of training by time."};
  Finding jump{.check = "days.jump",
               .meaning = "A day with less than a third or more than three times the usual events of a type.",
               .action = "See what was released or run that day: double sending, a campaign, robots, a lost client."};
  for (int t = 1; t < kEventTypes; ++t) {
    if (IsCatalogue(static_cast<EventType>(t)) || t == static_cast<int>(EventType::kUserUpdate)) continue;
    std::vector<std::uint64_t> counts;  // Of whole days: the first and the last are not.
    for (std::int64_t d = first + 1; d < last; ++d) {
      const auto day = o.days.find(d);
      counts.push_back(day == o.days.end() ? 0 : day->second[static_cast<std::size_t>(t)]);
    }
    if (counts.size() < 3) continue;
    std::vector<std::uint64_t> sorted = counts;
    std::ranges::sort(sorted);
    const auto median = static_cast<double>(sorted[sorted.size() / 2]);
    if (median < 20) continue;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto count = static_cast<double>(counts[i]);
      const bool none = counts[i] == 0,
                 odd = (count * 3 < median || count > 3 * median) && std::fabs(count - median) > 6 * std::sqrt(median);
      Finding& f = none ? gap : jump;
      if (!none && !odd) continue;
      ++f.count;
      if (f.examples.size() < kExamples)
        f.examples.push_back(fmt::format("{} {}: {} (usually {})",
                                         FormatDate((first + 1 + static_cast<std::int64_t>(i)) * kDayMs),
                                         EventTypeName(static_cast<EventType>(t)), counts[i], median));
    }
  }
  const auto span = static_cast<std::uint64_t>(last - first + 1);
  gap.severity = gap.count > 0 ? Severity::kBad : Severity::kOk;
  jump.severity = jump.count > 0 ? Severity::kLook : Severity::kOk;
  for (Finding* f : {&gap, &jump}) {
    f->of = span;
    f->figure = static_cast<double>(f->count);
    f->text = span < 5 ? fmt::format("{} day(s) of log: too few to tell what is usual", span)
                       : fmt::format("{} (day, type) pairs of {} days", f->count, span);
    out.push_back(std::move(*f));
  }
}

void CheckSilence(const Observations& o, std::vector<Finding>& out) {
  const auto span = static_cast<std::uint64_t>(o.last_ms / kDayMs - o.first_ms / kDayMs + 1);
  const double daily = static_cast<double>(o.events) / static_cast<double>(span);
  Finding silence{.check = "log.silence",
                  .figure = static_cast<double>(o.silence_ms) / 1000,
                  .text = fmt::format("the longest time without any event is {}, from {}",
                                      Milliseconds(static_cast<double>(o.silence_ms)), FormatTime(o.silence_from_ms)),
                  .meaning = "With this many events a day, silence means that nothing was taken.",
                  .action = "Look at what the senders and the server logged then."};
  if (daily >= 1000 && o.silence_ms > kDayMs)
    silence.severity = Severity::kBad;
  else if (daily >= 1000 && o.silence_ms > 6 * kHourMs)
    silence.severity = Severity::kLook;
  out.push_back(std::move(silence));
}

}  // namespace gfr
