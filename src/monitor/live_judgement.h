// LiveJudgement: what a version's live windows say: alerts, and each column of the last day against its reference.
//
// Columns of the request are compared with training. Those of items, and of users with items, depend on what a model
// shows, and move with the catalogue: they are judged against the week before, calibrated by how far training's windows
// were from theirs, from the third day on. The distances told of them are those from the version's own first week (or
// what there is of it). How far that week is from training is told apart, as the shift by policy. Base rates are those
// of the objective of impressions, where its labels come soon enough to be watched. Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "monitor/detector.h"
#include "monitor/drift_options.h"
#include "monitor/live_calibration.h"
#include "monitor/traffic_judgement.h"

namespace gfr {

// Columns of the request, columns of items with the model's own probabilities, base rates, calibration, and events
// (live_traffic.h): they share the budget.
inline constexpr std::size_t kLiveTracks = 5;

struct LiveJudgement {
  static constexpr std::int64_t kFirstWeekMs = 7 * kDayMs;

  std::vector<DriftAlert> alerts;  // By the time they were found.
  // Of the rows of the last day, the highest score first; the score is that of the last window, NaN where none is
  // judged.
  std::vector<ColumnDrift> columns;
  std::vector<ColumnDrift> policy_shift;  // Of item columns: the first week against training, farthest first.
  double threshold = 0, item_threshold = 0, prior_threshold = 0;  // Infinite: there is none (yet).
  std::int64_t items_from_ms = 0;  // From when on item columns are judged; 0: there was no row yet.
  std::uint64_t rows = 0, windows = 0;
  std::int64_t first_ms = 0, last_ms = 0;         // Of the windows.
  double base_rate = 0, reference_base_rate = 0;  // Of the last day; NaN: not watched.
  LiveCalibration calibration;
  std::vector<std::string> notes;
};

// `windows`, `labels`: of LiveFold, the hours that are over. `model`: "name/version".
LiveJudgement JudgeLive(const References& references, const std::vector<ReferenceWindow>& windows,
                        const std::vector<ReferenceWindow>& labels, const std::string& model,
                        const DriftOptions& options);
// Adds what the slices and values say (live_calibration.h) to it, alerts of one cause as one. `labels_until_ms`: hours
// that ended by then have all their labels.
void AddCalibration(const LiveSlices& slices, const LiveValues& values, const std::string& objective,
                    const std::string& model, std::int64_t until_ms, std::int64_t labels_until_ms,
                    const DriftOptions& options, LiveJudgement* judgement);

nlohmann::ordered_json LiveToJson(const LiveJudgement& judgement);
nlohmann::ordered_json TrafficToJson(const TrafficJudgement& judgement);

}  // namespace gfr
