// MetricFold: one pass over a log that gives, for each experiment, its exposed units with their metrics.
//
// Exposure: a feed.request record that names the experiment, or an experiment.exposure event (experiment in `context`,
// arm in `variant`); overridden ones are none, and nor are those of experiments that it was not asked about. A unit is
// a person: ids joined by user.alias are one, by the rule of devices and as of the record's offset (AliasHistory), and
// stay in the arm of the first exposure in log order. Units of `left_out` are nowhere.
// Of designs clusters and switchback a person is a unit in each cluster (and period) that they meet.
// Values are summed by unit in the order of the units' keys, so that two passes over one log give equal bits.
// Memory: the relevant events of all persons, 56 bytes each. Thread safety: none.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "event/alias_history.h"
#include "event/event.h"
#include "experiment/experiments.h"
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
  bool other_arm = false;     // It met another arm later.
  bool has_history = false;   // It had relevant events before the experiment's start.
  std::string surface;        // Known at first exposure: slices.
  std::uint32_t version = 0;  // Of a bandit's allocation; 0: the exposure named none.
  std::string cluster;        // Of designs clusters and switchback.
  std::vector<UnitMetric> metrics;
};

// What a metric's values are cut at.
struct MetricCap {
  double value = std::numeric_limits<double>::infinity();  // Infinite: they are not.
  double people = 0;                                       // Of whose values before the start the quantile is.
};

struct ExperimentUnits {
  // A quantile has so many values above it, or it is chance.
  static constexpr double kLeastAboveCap = 10;
  std::string experiment;
  std::vector<std::string> arms;   // By name.
  std::int64_t start_ms = 0;       // First exposure.
  std::vector<MetricCap> caps;     // Of each metric.
  std::vector<ExposedUnit> units;  // By person.
};

class MetricFold {
 public:
  // Beyond them arms of one experiment are one, named "": a client may name any.
  static constexpr std::size_t kMostArms = 256;
  // What Finish is asked.
  struct Question {
    std::function<bool(Key)> left_out;  // Of a person's key.
    std::int64_t now_ms = 0;            // By which units are mature or not.
    // By experiment, instants at which its arms' units change: windows end at the first one behind the exposure, of all
    // arms alike. Those of units that stay would be longer than those of units that move.
    std::map<std::string, std::vector<std::int64_t>> cuts;
    // By experiment, when it began where the log no longer says so (operations/kept_units.h).
    std::map<std::string, std::int64_t> starts = {};
  };

  // By name, what of a measured experiment the fold needs to know.
  struct How {
    std::optional<ClusterConfig> clusters = {};
    bool whole_periods = false;  // Windows last to the period's end, whatever the metric's is (a holdout).
  };
  using Measured = std::map<std::string, How>;
  // `rule`: whose a device is ([users] of gfr.toml).
  MetricFold(std::vector<MetricConfig> metrics, const Measured& experiments, const AliasRule& rule = {});

  // Bits of the record types that Add has a use for.
  std::uint32_t types() const { return types_; }
  // An id that was joined to another before the first record (the log's base).
  void JoinBefore(Key from, Key to) { history_.Join(from, to); }
  // REQUIRES: records in log order.
  void Add(const LogRecord& record);
  // Who is whom by the records added.
  const AliasHistory& people() const { return history_; }
  // Of what was added until now, those of the experiments that have units; more may be added afterwards.
  std::vector<ExperimentUnits> Finish(const Question& question) const;

 private:
  struct Past {
    std::int64_t time_ms, arrival_ms;
    double amount;            // Money, took_ms.
    Key order = 0, item = 0;  // Of purchases and what takes them back.
    std::uint64_t offset;
    EventType type;
    bool degraded = false;  // Of a feed.
  };
  struct Exposure {
    std::uint32_t experiment, arm;
    std::int64_t time_ms, arrival_ms;
    std::uint64_t offset;
    std::string surface;
    std::uint32_t version;
    std::string cluster;
  };
  struct Person {
    std::vector<Past> events;
    std::vector<Exposure> exposures;
  };
  // A span of a unit's life.
  struct Span {
    std::int64_t low_ms, high_ms, arrived_before_ms;
  };
  // Until when a unit's window may last; `whole`: and does, whatever the metric's is.
  struct Ends {
    std::int64_t cut_ms = INT64_MAX;
    bool whole = false;
  };
  void AddExposure(const LogRecord& record, Key user, const std::string& experiment, const std::string& arm);
  std::map<Key, Person> MergePeople() const;
  ExposedUnit UnitOf(Key key, const Person& person, const Exposure& first, const ExperimentUnits& of,
                     const Question& question) const;
  UnitMetric Measure(const MetricConfig& metric, const Person& person, const ExposedUnit& unit, std::int64_t start_ms,
                     const Ends& ends, std::int64_t now_ms) const;
  double ValueIn(const MetricConfig& metric, const Person& person, const Span& span, std::int64_t returns_ms) const;
  MetricCap CapOf(const MetricConfig& metric, const std::map<Key, Person>& people, std::int64_t start_ms,
                  const std::function<bool(Key)>& left_out) const;

  const std::vector<MetricConfig> metrics_;
  std::uint32_t types_ = 0, counted_ = 0;
  std::unordered_map<Key, Person> people_;
  AliasHistory history_;
  std::vector<std::string> experiments_;
  std::vector<How> how_;                        // By experiment.
  std::vector<std::vector<std::string>> arms_;  // By experiment.
};

}  // namespace gfr
