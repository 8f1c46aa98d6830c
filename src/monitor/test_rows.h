// Rows of an invented shop by the hour, for tests: requests of five rows, a rhythm of day and week, a label that
// depends on the price, and a column that grows by itself.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "monitor/reference.h"

namespace gfr {

struct TestRows {
  static constexpr std::size_t kColumns = 7;
  enum Column : std::size_t { kPrice, kChannel, kHour, kLoyalty, kAge, kRating, kDevice };
  static constexpr std::int64_t kStartMs = 1767225600000;  // 2026-01-01

  std::vector<float> features, label;
  std::vector<std::int64_t> arrival_ms;
  std::vector<Key> request;

  // May change a row before it is taken: its features, and the probability of its label.
  using Fault = std::function<void(std::int64_t time_ms, float* row, double* rate)>;

  ReferenceRows rows() const {
    return {.features = features, .columns = kColumns, .label = label, .arrival_ms = arrival_ms, .request = request};
  }
  static std::vector<std::size_t> At() { return {0, 1, 2, 3, 4, 5, 6}; }
  static std::vector<ComparedColumn> Columns() {
    return {{"price", kPrice},   {"channel", kChannel, 0, true}, {"hour", kHour}, {"loyalty", kLoyalty}, {"age", kAge},
            {"rating", kRating}, {"device", kDevice, 0, true}};
  }
  // Of the days [first, last) since kStartMs; `requests_an_hour` at the busiest hour.
  static TestRows Make(std::uint64_t seed, int first, int last, double requests_an_hour, const Fault& fault = {}) {
    constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
    TestRows made;
    Rng rng(seed * 1000 + static_cast<std::uint64_t>(first));
    for (int hour = first * 24; hour < last * 24; ++hour) {
      const double daily = 0.5 + 0.5 * std::sin((hour % 24 - 8) * 0.2618);
      const bool weekend = (hour / 24) % 7 >= 5;
      const double mean = requests_an_hour * (0.2 + 0.8 * daily) * (weekend ? 1.3 : 1) * std::exp(0.1 * rng.Normal());
      const auto requests = static_cast<int>(mean + rng.Uniform());
      // A campaign of the hour: rows are not as independent as they look.
      const double taste = 0.06 * rng.Normal();
      for (int r = 0; r < requests; ++r) {
        const std::int64_t time_ms =
            kStartMs + hour * kHourMs + static_cast<std::int64_t>(rng.Uniform() * static_cast<double>(kHourMs));
        const auto channel = static_cast<float>(rng.Below(1 + rng.Below(6)));
        const auto loyalty = static_cast<float>(rng.Exponential(3));
        const auto device = static_cast<float>(rng.Chance(weekend ? 0.35 : 0.3) ? 1
                                               : rng.Chance(0.1 + 0.1 * daily)  ? 2
                                                                                : 0);
        for (int i = 0; i < 5; ++i) {
          float row[kColumns] = {static_cast<float>(std::exp(3 + 0.7 * rng.Normal() + taste)),
                                 channel,
                                 static_cast<float>(hour % 24),
                                 loyalty,
                                 static_cast<float>(hour / 24.0 + 10 * rng.Uniform()),
                                 rng.Chance(0.1) ? kNaN : static_cast<float>(3.8 + 0.5 * rng.Normal()),
                                 device};
          double rate = 0.1 / (1 + row[kPrice] / 40);
          if (fault) fault(time_ms, row, &rate);
          made.features.insert(made.features.end(), row, row + kColumns);
          made.label.push_back(rng.Chance(rate) ? 1 : 0);
          made.arrival_ms.push_back(time_ms);
          made.request.push_back(static_cast<Key>(hour) * 100'000 + static_cast<Key>(r) + 1);
        }
      }
    }
    return made;
  }
};

}  // namespace gfr
