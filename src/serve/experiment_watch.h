// ExperimentWatch: the server's experiments, analysed from its log as they run.
//
// Each look reads what is new in the log and judges every experiment (operations/experiment_results.h). One that a
// guardrail or its decision set rolls back is concluded: its units get the default at once, the conclusion is kept
// where later starts, and readers at their next reload, find it (serve/allocations.h), and an ALERT is logged. A bandit
// whose `every` is over gets the next version of its allocation, which new units are given from then on.
// Production variants, and experiments that a person restarted, are judged too, and only alerted about. What is kept on
// disk are conclusions, each UTC day's last report as data/experiments/DAY.json, and the metrics of matured units by
// day (operations/kept_units.h), which outlive the log's retention. A start reads the log again, and its results equal
// those of a server that never stopped; what was trimmed from the log is taken from the units that were kept. Thread
// safety: any thread; one look at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "base/sync.h"
#include "operations/experiment_results.h"
#include "serve/http_message.h"

namespace gfr {

struct ServiceState;

class ExperimentWatch {
 public:
  static constexpr std::int64_t kPeriodMs = 10 * kMinuteMs;

  // The report; no experiments, no reading. Errors: those of the log and of the registry's store.
  Result<nlohmann::ordered_json> Look(ServiceState& s);
  // One that looks every kPeriodMs, or as often as a bandit of the configuration that is served now is allocated, by
  // the server's scheduler.
  static std::shared_ptr<ExperimentWatch> Start(ServiceState& s);
  // The last look's report; null: there was none.
  std::shared_ptr<const nlohmann::ordered_json> latest() const;

 private:
  Mutex looking_;  // Of `pass_` and what follows.
  std::unique_ptr<ExperimentPass> pass_;
  std::uint64_t configuration_ = 0;  // Fingerprint that `pass_` was made of.
  std::set<std::string> alerted_;    // Of what is worse now, and not rolled back.
  mutable Mutex mutex_;
  std::shared_ptr<const nlohmann::ordered_json> latest_;
};

// The assigner anew, after `change` (of what is allocated from `now_ms` on) where there is one. Errors: as AllocationOf
// and MakeAssigner (allocations.h); then what was assigned by goes on.
Status TakeAllocation(ServiceState& s,
                      const std::function<void(const Experiments&, std::int64_t now_ms, Allocation* next)>& change);

// GET /v1/experiments: what is configured, and the last look; POST /v1/experiments/analyze: a look now.
HttpResponse GetExperiments(ServiceState& s, const ExperimentWatch& watch);
HttpResponse PostAnalyzeExperiments(ServiceState& s, ExperimentWatch& watch);

}  // namespace gfr
