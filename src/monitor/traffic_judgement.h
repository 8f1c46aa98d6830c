// JudgeTraffic: which series of LiveTraffic are not as they usually are, by the hour.
//
// A volume is usually the median of the same hour of the week in the four weeks before; while there are fewer weeks, of
// the same hour of day in the week before (`by_hour_of_week` says which). A share is usually that of the week before.
// The measure is the difference of the variance-stabilised counts (Anscombe's root; the arcsine root of a share), over
// its own robust deviation in the weeks before, never less than chance alone gives. An alert opens when two hours in a
// row are above the threshold, takes in the other series that cross then or within six hours, and closes after a day
// below. The threshold is made of each day's highest score as the columns' is (quiet_model.h). Before two weeks of
// hours there are scores and no alerts. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/alert.h"
#include "monitor/live_traffic.h"

namespace gfr {

struct SeriesState {
  std::string name;
  bool volume = false;
  double value = 0, usual = 0;  // Of the last hour: events, or a share.
  double score = 0;             // NaN: not judged.
};

struct TrafficJudgement {
  std::vector<DriftAlert> alerts;
  std::vector<SeriesState> series;  // The highest score first.
  double threshold = 0;             // Infinite: there is none yet.
  std::size_t days = 0;             // Of scores.
  bool by_hour_of_week = false;
};

// Hours that ended by `until_ms`; requests are settled two hours later.
TrafficJudgement JudgeTraffic(const LiveTraffic& traffic, std::int64_t until_ms, double alerts_a_day);

}  // namespace gfr
