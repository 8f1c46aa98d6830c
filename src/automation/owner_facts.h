// OwnerFacts: what the owner of a log tells its triggers, from the log, the registry and its metrics.
//
// New rows are counted by arrival, of the objective's population, without a replay: the log is read once, and then what
// is new. Traffic that training leaves out is counted too. Thread safety: one thread.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "automation/trigger_decision.h"
#include "base/clock.h"
#include "dataset/event_times.h"
#include "dataset/objective_config.h"
#include "experiment/conclusions.h"
#include "log/event_source.h"
#include "registry/registry.h"

namespace gfr {

class OwnerFacts final : public TriggerFacts {
 public:
  struct Options {
    EventSource* log = nullptr;
    std::vector<ObjectiveConfig> objectives;
    Registry registry;
    std::string model_name;
    const Clock* clock = nullptr;
    std::function<Result<Conclusions>()> conclusions = {};  // Of experiments; empty: there are none.
    std::function<std::string()> metrics = {};              // GET /metrics; empty: there is no server.
    std::function<std::vector<DriftAlert>()> alerts = {};   // That are open; empty: there is no server.
  };
  explicit OwnerFacts(Options options) : options_(std::move(options)) {}
  // Of a configuration that was read again.
  void Take(std::vector<ObjectiveConfig> objectives);

  Result<std::uint64_t> NewMatureRows(const std::string& objective) override;
  Result<std::int64_t> ChampionCreatedMs() override;
  Result<std::vector<DriftAlert>> OpenAlerts() override;
  Result<MatureSince> MatureRowsSince(const std::string& objective, std::int64_t since_ms) override;
  Result<std::optional<End>> ExperimentEnd(const std::string& experiment) override;
  Result<double> Metric(const std::string& series, std::int64_t over_ms) override;

 private:
  Status ReadLog();
  Result<const ObjectiveConfig*> Find(const std::string& objective) const;

  Options options_;
  Positions next_;  // Empty: nothing was read.
  std::array<LinesOverTime, kEventTypes> lines_;
  std::uint32_t types_ = 0;  // That are counted in `lines_`.
  struct Sample {
    std::int64_t at_ms;
    double value;
  };
  std::map<std::pair<std::string, std::int64_t>, std::deque<Sample>> samples_;  // By series and time, oldest first.
};

// The value of a series in Prometheus's text; kNotFound: it has none of that name and labels.
Result<double> SeriesIn(std::string_view text, std::string_view series);

}  // namespace gfr
