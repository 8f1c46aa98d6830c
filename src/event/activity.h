// Activity: how one user's events are spread in time, and whether that looks like a person.
//
// A robot is a user with at least 50 events who did one of: more than 1,200 events within one hour; events in 22 or
// more hours of one UTC day; 50 gaps between events of one type that are all but equal (coefficient of variation under
// 0.2; a person's are above 1, a Poisson process's are 1). Thread safety: a plain value.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>

#include "base/time.h"
#include "event/event.h"

namespace gfr {

struct Activity {
  struct Gaps {
    std::int64_t last_ms = INT64_MIN;
    double count = 0, sum = 0, squares = 0;
  };
  std::string id;
  std::uint64_t events = 0;
  std::int64_t hour = INT64_MIN, day = INT64_MIN;
  std::uint32_t in_hour = 0, most_in_hour = 0, hours = 0;  // `hours`: bits of the day's hours.
  int most_hours = 0;
  std::array<Gaps, 4> gaps;  // Requests, clicks, views and all else: each with a rhythm of its own.

  void Add(EventType type, std::int64_t time_ms) {
    if (type == EventType::kFeedShadow) return;  // The server's, beside the feed.request that was the user's.
    ++events;
    const std::int64_t h = time_ms / kHourMs, d = time_ms / kDayMs;
    if (h != hour) in_hour = 0;
    if (d != day) hours = 0;
    hour = h;
    day = d;
    most_in_hour = std::max(most_in_hour, ++in_hour);
    hours |= 1u << static_cast<unsigned>(h - d * 24);
    most_hours = std::max(most_hours, __builtin_popcount(hours));
    Gaps& g = gaps[type == EventType::kFeedRequest ? 0
                   : type == EventType::kFeedClick ? 1
                   : type == EventType::kItemView  ? 2
                                                   : 3];
    if (g.last_ms != INT64_MIN && time_ms > g.last_ms) {
      const auto gap = static_cast<double>(time_ms - g.last_ms);
      g.count += 1;
      g.sum += gap;
      g.squares += gap * gap;
    }
    g.last_ms = time_ms;
  }

  // Of the most regular type with at least 50 gaps; infinite without one.
  double variation() const {
    double lowest = INFINITY;
    for (const Gaps& g : gaps) {
      if (g.count < 50) continue;
      const double mean = g.sum / g.count;
      lowest = std::min(lowest, std::sqrt(std::max(0.0, g.squares / g.count - mean * mean)) / mean);
    }
    return lowest;
  }

  std::string RobotReason() const {  // Empty: looks like a person.
    if (events < 50) return "";
    if (most_in_hour > 1200) return std::to_string(most_in_hour) + " events within an hour";
    if (most_hours >= 22) return "awake for " + std::to_string(most_hours) + " hours of a day";
    if (variation() < 0.2)
      return "a step like a clock's (gaps vary by " + std::to_string(std::lround(100 * variation())) + " %)";
    return "";
  }
};

}  // namespace gfr
