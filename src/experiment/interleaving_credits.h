// InterleavingCredits: what the users of an interleaving preferred, from the log: each unit's credits of the slates
// that it was shown, over a window after its first exposure.
//
// A unit is exposed by its first slate that the interleaving made (overridden ones count nothing). A click counts once
// a slate and item, with its event time in [exposure, exposure + window), for the credit of the position where its
// request showed the item. A unit counts once its window and `lateness` have passed; nothing of it changes then.
//
// The mean credit a unit is judged by the asymptotic confidence sequence (Waudby-Smith et al. 2021), which may be
// watched at any time. Before ConfidenceSequence::kNonzeroUnits units have a credit other than zero,
// nothing is decided. It measures
// preference within a slate, not whether users come back.
// Thread safety: none; a fold of one log.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/time.h"
#include "event/event.h"
#include "stats/confidence_sequence.h"

namespace gfr {

struct InterleavingResult {
  double units = 0, moved_units = 0;  // Matured; of these, with a credit other than zero.
  double young_units = 0;             // Exposed, but not matured.
  double slates = 0, clicks = 0;      // Of matured units: all slates; clicks with a credit.
  double mean = 0, standard_error = 0;
  double low = 0, high = 0;  // The sequence's interval of the mean.

  enum class Preference { kUndecided, kFirst, kSecond };
  Preference preference() const {
    if (moved_units < ConfidenceSequence::kNonzeroUnits || (low <= 0 && high >= 0)) return Preference::kUndecided;
    return low > 0 ? Preference::kFirst : Preference::kSecond;
  }
};

class InterleavingCredits {
 public:
  static constexpr std::int64_t kOpenRequestMs = kDayMs;  // A click later than that belongs to no request.

  InterleavingCredits(std::string experiment, std::int64_t window_ms, std::int64_t lateness_ms = kDayMs)
      : experiment_(std::move(experiment)), window_ms_(window_ms), lateness_ms_(lateness_ms) {}

  // In the log's order.
  void Add(const Event& event);

  // As of `now_ms`. `planned_units`: where the sequence is to be narrowest.
  InterleavingResult At(std::int64_t now_ms, double planned_units = ConfidenceSequence::kDefaultPlan,
                        double alpha = 0.05) const;

 private:
  struct OfUnit {
    std::int64_t exposure_ms;
    double credit = 0, slates = 0, clicks = 0;
  };
  struct OpenSlate {
    std::size_t unit;
    std::vector<std::pair<Key, float>> credits;  // Of items not clicked so far.
  };
  void AddSlate(const Event& request);
  void AddClick(const Event& click);

  const std::string experiment_;
  const std::int64_t window_ms_, lateness_ms_;
  std::vector<OfUnit> units_;
  std::unordered_map<std::string, std::size_t> unit_of_;  // By kind and id.
  std::unordered_map<Key, OpenSlate> open_;               // By request.
  std::deque<std::pair<std::int64_t, Key>> order_;        // Of the open ones, by time of the log.
};

}  // namespace gfr
