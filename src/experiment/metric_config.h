// MetricConfig: [[metric]] of gfr.toml: what experiments are judged by, counted by unit from the log's events.
//
// A metric counts all of the unit's events of its types, on every surface, attributed or not, with event time in
// [exposure, exposure + window) and arrival before exposure + window + lateness; it matures then. Labels of objectives
// are never metrics: they would hide cannibalisation. docs/experiments.md is the manual.
// Thread safety: a plain value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/time.h"
#include "event/event.h"

namespace gfr {

struct MetricConfig {
  enum class Measure {
    kAny,       // 1 if the unit has an event: a proportion (conversion, retention).
    kCount,     // Events.
    kRevenue,   // Money of purchases, less their cancellations and returns.
    kDays,      // UTC days with an event.
    kDegraded,  // Feeds that were answered degraded, as their records show: a ratio to all feeds.
    kLatency,   // took_ms of the slates' records: a quantile over requests, clustered by unit.
  };
  enum class Role { kDecision, kGuardrail, kExploration };

  std::string name;
  Measure measure = Measure::kCount;
  std::vector<EventType> events;        // What is counted.
  std::vector<EventType> per;           // Of a ratio: its denominator's events; empty: per unit.
  bool per_day = false;                 // Divided by the days of the window.
  std::int64_t from_ms = 0;             // The window begins so long after exposure (retention).
  std::int64_t window_ms = 7 * kDayMs;  // It ends so long after exposure.
  std::int64_t lateness_ms = kDayMs;
  std::int64_t returns_ms = 0;  // How long after the window returns still count; 0: "before later returns".
  std::int64_t before_ms = 0;   // CUPED's covariate: the same measure over so long before exposure; 0: none.
  double winsorise = 0;         // Values are cut to this quantile of the values before the start; 0: they are not.
  double quantile = 0.95;       // Of kLatency.
  bool lower_is_better = false;
  Role role = Role::kDecision;
  double margin = 0.01;  // Of a guardrail, relative: shipping needs it shown to be worse by less.

  bool is_ratio() const { return !per.empty(); }
  // When a unit exposed at `exposure_ms` is complete.
  std::int64_t MatureMs(std::int64_t exposure_ms) const { return exposure_ms + window_ms + returns_ms + lateness_ms; }
  std::string Explain() const;  // How the number is made, for reports.

  // Without [[metric]]: conversion, revenue and clicks. kInvalidArgument names the key.
  static Result<std::vector<MetricConfig>> ReadAll(Config& project);
};

// How one experiment is judged: keys of its [[experiment]] table beside those of experiments.h.
struct JudgingConfig {
  double planned_units = 5000;  // Of two arms, from `gfr experiment plan`: what the intervals are tuned to.
  double alpha = 0.05;          // Of its decision.
  static JudgingConfig Read(Config& experiment);  // The caller finishes the table.
};

}  // namespace gfr
