// Whether a trigger is due now, and why: from its configuration, its last run and what is asked of the project.
//
// Thread safety: pure functions; TriggerFacts as its implementation says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "automation/trigger_config.h"
#include "base/result.h"
#include "monitor/alert.h"

namespace gfr {

// What the occasions are judged by. An error is no occasion: the trigger is not due, and says so.
class TriggerFacts {
 public:
  virtual ~TriggerFacts() = default;
  // Mature rows of an objective that the newest version has not been trained on.
  virtual Result<std::uint64_t> NewMatureRows(const std::string& objective) = 0;
  virtual Result<std::int64_t> ChampionCreatedMs() = 0;
  // Alerts of drift that are open now.
  virtual Result<std::vector<DriftAlert>> OpenAlerts() = 0;
  // Rows of an objective that arrived from then on and whose labels are whole, and when those of a row that arrives
  // then are.
  struct MatureSince {
    std::uint64_t rows = 0;
    std::int64_t first_ms = 0;
  };
  virtual Result<MatureSince> MatureRowsSince(const std::string& objective, std::int64_t since_ms) = 0;
  // How an experiment ended, and when; none: it runs, or there is none of that name.
  struct End {
    std::string decision, reason;
    std::int64_t at_ms = 0;
  };
  virtual Result<std::optional<End>> ExperimentEnd(const std::string& experiment) = 0;
  // A series as /metrics names it, with its labels: its value, or its increase over a time (0: its value).
  virtual Result<double> Metric(const std::string& series, std::int64_t over_ms) = 0;
};

struct TriggerDecision {
  bool due = false;
  std::string why;           // Due or not.
  std::int64_t next_ms = 0;  // When it can be due at the earliest; 0: that is not known.
};

// `last_ms`: when its last run was queued; 0: never. `seen_ms`: since when it is known.
TriggerDecision DecideTrigger(const TriggerConfig& trigger, std::int64_t now_ms, std::int64_t seen_ms,
                              std::int64_t last_ms, TriggerFacts& facts);

}  // namespace gfr
