// MetricFold: one pass over a log that gives, for each experiment, its exposed units with their metrics.
//
// Exposure: a feed.request record that names the experiment, or an experiment.exposure event (experiment in `context`,
// arm in `variant`); overridden ones are none. A unit is a person: ids joined by user.alias are one, whenever they were
// joined, and stay in the arm of the first exposure in log order. Units of `left_out` are nowhere.
// Values are summed by unit in the order of the units' keys, so that two passes over one log give equal bits.
// Memory: the relevant events of all persons, 48 bytes each. Thread safety: none.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "event/alias.h"
#include "event/event.h"
#include "experiment/metric_config.h"
#include "stats/sums.h"

namespace gfr {

struct UnitMetric {
  bool mature = false;
  double value = 0, denominator = 1, before = 0;
  std::vector<float> latencies;  // Of Measure::kLatency.
};

struct ExposedUnit {
  Key person = 0;
  std::size_t arm = 0;  // Into ExperimentUnits::arms.
  std::int64_t exposure_ms = 0, arrival_ms = 0;
  bool other_arm = false;    // It met another arm later.
  bool has_history = false;  // It had relevant events before the experiment's start.
  std::string surface;       // Known at first exposure: slices.
  std::vector<UnitMetric> metrics;
};

struct ExperimentUnits {
  std::string experiment;
  std::vector<std::string> arms;   // By name.
  std::int64_t start_ms = 0;       // First exposure.
  std::vector<double> caps;        // Of each metric: its winsorising cap; infinite: none, or too few units.
  std::vector<ExposedUnit> units;  // By person.
};

class MetricFold {
 public:
  // `rule`: whose a device is ([users] of gfr.toml).
  explicit MetricFold(std::vector<MetricConfig> metrics, const AliasRule& rule = {});

  // Bits of the record types that Add has a use for.
  std::uint32_t types() const { return types_; }
  // REQUIRES: records in log order.
  void Add(const LogRecord& record);
  // Of what was added until now; more may be added afterwards. `left_out`: of a person's key. `now_ms`: by which units
  // are mature or not.
  std::vector<ExperimentUnits> Finish(const std::function<bool(Key)>& left_out, std::int64_t now_ms) const;

 private:
  struct Past {
    std::int64_t time_ms, arrival_ms;
    double amount;            // Money, took_ms.
    Key order = 0, item = 0;  // Of purchases and what takes them back.
    EventType type;
  };
  struct Exposure {
    std::uint32_t experiment, arm;
    std::int64_t time_ms, arrival_ms;
    std::string surface;
  };
  struct Person {
    std::vector<Past> events;
    std::vector<Exposure> exposures;
  };
  void AddExposure(const LogRecord& record, Key user, const std::string& experiment, const std::string& arm);
  Key Resolve(Key user) const;
  std::map<Key, Person> MergePeople() const;
  UnitMetric Measure(const MetricConfig& metric, const Person& person, const ExposedUnit& unit, std::int64_t start_ms,
                     std::int64_t now_ms) const;
  double ValueIn(const MetricConfig& metric, const Person& person, std::int64_t low_ms, std::int64_t high_ms,
                 std::int64_t arrived_before_ms, std::int64_t returns_ms) const;

  const std::vector<MetricConfig> metrics_;
  const AliasRule rule_;
  std::uint32_t types_ = 0, counted_ = 0;
  std::unordered_map<Key, Person> people_;
  std::unordered_map<Key, Key> joined_;
  std::vector<std::string> experiments_;
  std::vector<std::vector<std::string>> arms_;  // By experiment.
};

}  // namespace gfr
