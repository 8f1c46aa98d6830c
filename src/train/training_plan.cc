#include "train/training_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "train/fit.h"
#include "train/split.h"

namespace gfr {
namespace {

double Days(std::int64_t ms) { return static_cast<double>(ms) / static_cast<double>(kDayMs); }

// How old a row must be at the log's end to be split at all.
std::int64_t RowAge(const ObjectiveConfig& o) { return o.early_window_ms > 0 ? o.window_ms : o.horizon_ms(); }

bool IsLabelledByRequest(const ObjectiveConfig& o) {
  return o.population == EventType::kFeedImpression && o.label == EventType::kFeedClick && !o.sampled.on;
}

// How long a log of evenly spread rows must be for the training part to have a tenth of them; 0: no log is long enough.
double DaysNeeded(const ObjectiveConfig& o, const SplitConfig& split) {
  constexpr std::uint64_t kRows = 1000;
  for (double days = 1; days <= 3650; days += days < 100 ? 0.5 : 5) {
    const auto span = static_cast<double>(days * static_cast<double>(kDayMs) - static_cast<double>(RowAge(o)));
    if (span <= 0) continue;
    const auto at = [span](std::uint64_t i) {
      return static_cast<std::int64_t>(span * static_cast<double>(i) / kRows);
    };
    const auto before = [span](std::int64_t ms) {
      return static_cast<std::uint64_t>(
          std::clamp(std::ceil(static_cast<double>(ms) / span * kRows), 0.0, 1.0 * kRows));
    };
    const Boundaries b = Split({.log_first_ms = 0,
                                .log_last_ms = static_cast<std::int64_t>(days * static_cast<double>(kDayMs)),
                                .rows = kRows,
                                .at = at,
                                .before = before},
                               o, split, 1.0);
    const std::int64_t end = b.validation - o.horizon_ms();
    if (end > b.begin && before(end) - before(b.begin) >= kRows / 10) return days;
  }
  return 0;
}

std::string Missing(const EventTimes& log, const ObjectiveConfig& o) {
  std::string missing;
  const auto need = [&](EventType type, const char* what) {
    if (log.of(type).size() > 0) return;
    missing += fmt::format("{}{} ({})", missing.empty() ? "" : " and ", EventTypeName(type), what);
  };
  if (!o.sampled.on) need(o.population, "its rows");
  if (o.population == EventType::kFeedImpression && !o.sampled.on)
    need(EventType::kFeedRequest, "the slates that its rows are read for");
  need(o.label, "its labels");
  if (missing.empty()) return "";
  std::string text =
      fmt::format("objective '{}' cannot be trained: the log has no {}; docs/what-your-log-allows.md", o.name, missing);
  if (o.population == EventType::kFeedImpression && !o.sampled.on && log.of(o.label).size() > 0)
    text += ". [dataset] slates = \"sampled\" makes slates of its " + std::string(EventTypeName(o.label)) + " events";
  return text;
}

std::string TooShort(const EventTimes& log, const ObjectiveConfig& o, const SplitConfig& split, double days) {
  std::string text = fmt::format(
      "objective '{}' cannot be trained: the log spans {:.1f} days. Rows younger than {} have no label yet, two gaps "
      "of "
      "{} keep the labels of one part out of the next, and [split] gives {:.0f} % to validation and {:.0f} % to the "
      "test, which leaves no rows for training",
      o.name, Days(log.last_ms - log.first_ms), FormatDuration(RowAge(o)), FormatDuration(o.horizon_ms()),
      100 * split.validation, 100 * split.test);
  if (days > 0) text += fmt::format("; needed are about {:.0f} days", std::ceil(days));
  return text + ", a shorter window, or an early_window";
}

ObjectivePlan PlanOne(const EventTimes& log, const ObjectiveConfig& o, const SplitConfig& split) {
  if (std::string missing = Missing(log, o); !missing.empty()) return {.refusal = std::move(missing)};
  const LinesOverTime &rows = log.of(o.row_event()), &labels = log.of(o.label);
  const std::uint64_t old_enough = rows.Before(log.last_ms - RowAge(o) + 1);
  const Boundaries b = Split({.log_first_ms = log.first_ms,
                              .log_last_ms = log.last_ms,
                              .rows = old_enough,
                              .at = [&](std::uint64_t i) { return rows.At(i); },
                              .before = [&](std::int64_t ms) { return std::min(rows.Before(ms), old_enough); }},
                             o, split, 1.0);
  struct PartOfLog {
    const char* name;
    std::int64_t from, to;
  };
  const PartOfLog parts[] = {{"training", b.begin, b.validation - o.horizon_ms()},
                             {"early stopping", b.validation, b.calibration},
                             {"calibration", b.calibration, b.calibration_end},
                             {"test", b.test, b.end}};
  for (const PartOfLog& part : parts) {
    // Minutes at the edges of a part may be another one's.
    if (old_enough == 0 || part.to + kMinuteMs <= part.from ||
        rows.Before(part.to + kMinuteMs) == rows.Before(part.from)) {
      const double days = DaysNeeded(o, split);
      return {.refusal = TooShort(log, o, split, days), .days_needed = days};
    }
    const std::uint64_t found =
        labels.Before(part.to + o.horizon_ms() + kMinuteMs) - labels.Before(part.from - kMinuteMs);
    const std::uint64_t least = IsLabelledByRequest(o) ? kLeastOfAClass : 1;  // A purchase may label several clicks.
    if (found < least)
      return {.refusal = fmt::format("objective '{}' cannot be trained: its {} part, {} to {}, has {} {} lines; needed "
                                     "are rows with at least {} labels in each part: bring more days, or change "
                                     "[split]",
                                     o.name, part.name, FormatTime(part.from), FormatTime(part.to), found,
                                     EventTypeName(o.label), kLeastOfAClass)};
  }
  return {};
}

}  // namespace

std::uint32_t PlannedTypes(const std::vector<ObjectiveConfig>& objectives) {
  std::uint32_t types = 0;
  for (const ObjectiveConfig& o : objectives) {
    types |= 1u << static_cast<unsigned>(o.population) | 1u << static_cast<unsigned>(o.label);
    if (o.population == EventType::kFeedImpression) types |= 1u << static_cast<unsigned>(EventType::kFeedRequest);
  }
  return types;
}

std::vector<ObjectivePlan> PlanTraining(const EventTimes& log, const std::vector<ObjectiveConfig>& objectives,
                                        const SplitConfig& split) {
  std::vector<ObjectivePlan> plans;
  for (const ObjectiveConfig& o : objectives) plans.push_back(PlanOne(log, o, split));
  return plans;
}

}  // namespace gfr
