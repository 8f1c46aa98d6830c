// CanaryCalibration: whether the clicks that a canary's candidate promises come, as its champion's do.
//
// Each unit counts once: the impressions of its first feed (its exposure), each with the probability that ranked it,
// against the clicks on them within the window. So all feeds are of one age, which is the cohort of the window. A
// candidate is miscalibrated when its observed over expected is shown to be beyond the bound both from 1 and from the
// champion's, in the same direction: what drifts or is still to come is alike in both arms, and a candidate that
// repairs its champion's calibration is nearer to 1.
// Of objectives of impressions whose label is the click; of others nothing is known. Thread safety: none.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataset/activity_history.h"
#include "dataset/left_out.h"
#include "dataset/objective_config.h"
#include "event/event.h"
#include "log/event_source.h"

namespace gfr {

// Sums over an arm's units.
struct ArmCalibration {
  double units = 0, with_click = 0;
  double observed = 0, expected = 0;
  double observed2 = 0, expected2 = 0, both = 0;  // Of squares, and of products.
  void Add(double clicks, double promised);
  double ratio() const;  // Observed over expected; NaN: nothing is expected.
};

// Why the candidate is not to go on; empty: it is not shown to be wrong. `most`: 0.25 is from 1 / 1.25 to 1.25.
// `alpha`: of one side; the bounds may be watched (stats/confidence_sequence.h). Not before each arm has
// ConfidenceSequence::kNonzeroUnits units with a click.
std::string WhyMiscalibrated(const ArmCalibration& champion, const ArmCalibration& candidate, double most,
                             double alpha);

class CanaryCalibration {
 public:
  struct Options {
    std::string experiment;           // Of the canary: Canary::name().
    std::string champion, candidate;  // Its arms.
    ObjectiveConfig objective;
    std::int64_t window_ms = 0, lateness_ms = 0;
    LeaveOutConfig leave_out = {};
    AliasRule alias = {};  // Whose a device is.
  };
  // nullopt: the objective's label is no click on an impression.
  static std::optional<CanaryCalibration> Of(Options options);

  // Reads `log` from where the last call ended to its end now.
  Status Advance(EventSource& log);
  // The next record of the log.
  void Add(const LogRecord& record);

  struct Arms {
    ArmCalibration champion, candidate;
  };
  // Of the units whose window, and what is waited for, is over by the last record; without traffic left out.
  Arms Now() const;

 private:
  struct Shown {
    Key item;
    float probability;
    bool seen, clicked;
  };
  struct Unit {
    Key user;  // Or session of nobody.
    std::uint64_t offset;
    std::int64_t time_ms, whole_ms;  // When it was exposed; when no event of its window comes any more.
    bool is_candidate;
    std::vector<Shown> items;
  };
  explicit CanaryCalibration(Options options) : options_(std::move(options)), people_(options_.alias) {}
  void AddFeed(const LogRecord& record);
  void AddEvent(const Event& event);

  Options options_;
  std::optional<Positions> next_;
  std::int64_t last_arrival_ms_ = 0;
  AliasHistory people_;
  ActivityHistory activity_;                         // Of all records, where bots are left out.
  std::deque<Unit> units_;                           // In order of exposure.
  std::unordered_map<Key, std::size_t> of_unit_;     // By the unit's id: into units_.
  std::unordered_map<Key, std::size_t> of_request_;  // By the exposure's request id.
};

}  // namespace gfr
