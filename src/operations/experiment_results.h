// Results of a project's experiments, from its log: one pass that counts exposures and metrics by unit
// (experiment/metric_fold.h), then the analysis (experiment/results.h).
//
// An ExperimentPass may be continued: Advance reads what is new since its last call. Results of one log up to one
// position are equal to the bit, however many calls it took and whichever process made them. Nothing is read twice.
// Thread safety: none.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dataset/activity_history.h"
#include "dataset/dataset.h"
#include "experiment/allocation.h"
#include "experiment/conclusions.h"
#include "experiment/experiments.h"
#include "experiment/holdout_results.h"
#include "experiment/portfolio.h"
#include "experiment/results.h"
#include "log/event_source.h"
#include "operations/kept_units.h"

namespace gfr {

struct ExperimentSettings {
  Experiments experiments;
  std::vector<MetricConfig> metrics;
  LeaveOutConfig leave_out;
  AliasRule alias;  // Whose a device is.
};

using AllocationPeriods = std::map<std::string, std::vector<Allocation::Period>>;
// Of the experiments, and of the production variants as one named "variant". The first arm is the control. `periods`:
// Allocation::periods; an experiment without any has one.
std::vector<ExperimentDesign> DesignsOf(const ExperimentSettings& settings, const AllocationPeriods& periods);

struct ExperimentReport {
  std::vector<ExperimentResults> results;
  std::optional<HoldoutResult> holdout;
  std::vector<ExperimentUnits> units;  // What the results were made of.
};

class ExperimentPass {
 public:
  // `kept`: units that stand for what the log no longer has.
  explicit ExperimentPass(ExperimentSettings settings, KeptUnits kept = {});
  // Reads `log` from where the last call ended to its end now.
  Status Advance(EventSource& log);
  // As of the last record read: a unit whose window is over by then is mature. `surface` not empty: a slice, of units
  // first exposed there.
  ExperimentReport Report(const AllocationPeriods& periods, const std::string& surface = "") const;
  // {"experiments": [ResultsJson], "holdout": HoldoutJson, "portfolio": PortfolioJson}: the last two where there is a
  // holdout, and where two effects are concluded. What is concluded says so.
  nlohmann::ordered_json Json(const ExperimentReport& report, const Conclusions& conclusions) const;
  const std::vector<MetricConfig>& metrics() const { return settings_.metrics; }
  // Exports the days of the report's units that are complete (kept_units.h).
  Status Keep(FileSystem& fs, const std::string& folder, const ExperimentReport& report) const;

 private:
  const ExperimentSettings settings_;
  MetricFold fold_;
  ActivityHistory activity_;
  const KeptUnits kept_;
  std::optional<Positions> next_;
  std::int64_t first_arrival_ms_ = INT64_MAX, last_arrival_ms_ = 0;
};

// ExperimentPass::Json as a page.
std::string ReportHtml(const nlohmann::ordered_json& report);

}  // namespace gfr
