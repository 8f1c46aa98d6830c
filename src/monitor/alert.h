// DriftAlert: what monitoring says when something moved that should not have: one value a cause. It is what the log,
// the metrics and GET /v1/drift tell, and what a trigger (automation) reads.
//
// An alert opens when its cause has crossed the threshold in two windows in a row, and closes when it was below it for
// a day (quiet hours show less). The same cause keeps one alert from its opening to its closing: `since_ms` and `id`
// stay, the other values are those of the last window. Thread safety: a plain value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gfr {

// What has drifted. Names (AlertKindName) are part of the JSON and of trigger conditions: never renamed.
enum class AlertKind : std::uint8_t {
  kFeature,          // The distribution of a served column.
  kPrior,            // The base rate of an objective, by cohorts of one age.
  kPrediction,       // The distribution of the model's probabilities.
  kCalibration,      // Observed/expected of a slice, of rows whose labels are known.
  kVolume,           // Events an hour of a type and source.
  kInstrumentation,  // Shares of events that join, come late or twice, or have another shape.
};
inline constexpr const char* kAlertKindNames[] = {"feature",     "prior",  "prediction",
                                                  "calibration", "volume", "instrumentation"};
inline const char* AlertKindName(AlertKind kind) { return kAlertKindNames[static_cast<int>(kind)]; }

struct DriftAlert {
  std::string id;  // Of the cause and its opening: "feature/price/2026-01-05T10:00:00Z".
  AlertKind kind = AlertKind::kFeature;
  std::string name;                  // What drifted: the column, the objective.
  std::string metric;                // By which measure it was found: "psi", "missing", "unseen", "base_rate", ...
  std::string model;                 // "name/version" that the reference belongs to.
  std::int64_t since_ms = 0;         // Beginning of the first window over the threshold.
  std::int64_t found_ms = 0;         // End of the window that opened it.
  std::int64_t until_ms = 0;         // End of the last window judged.
  double value = 0;                  // Of `metric`, in the last window.
  double expected = 0;               // Of `metric`, by the reference at that size and hour of day.
  double score = 0;                  // Deviations above `expected`, each measure by its own; alerts are by this.
  double threshold = 0;              // Of `score`.
  double price_a_day = 0;            // What it may cost, in labels a day (docs/monitoring.md).
  std::vector<std::string> grouped;  // Other names that moved in the same windows, by score: likely of one cause.
  std::string text;                  // One sentence for people.
  bool open = true;
};

}  // namespace gfr
