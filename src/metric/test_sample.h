// Random predictions with labels and users, for tests.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "metric/binary_metrics.h"

namespace gfr {

struct Sample {
  std::vector<float> probability, label;
  std::vector<std::uint64_t> user;
  BinaryRows rows() const { return {probability, label, user}; }
};

inline Sample RandomSample(std::uint64_t seed, int count, int grid) {
  Rng rng(seed);
  Sample s;
  for (int i = 0; i < count; ++i) {
    const auto p = static_cast<float>(static_cast<double>(1 + rng.Below(static_cast<std::uint64_t>(grid))) /
                                      (grid + 2));  // With ties.
    s.probability.push_back(p);
    s.label.push_back(rng.Chance(p * 0.8 + 0.05));
    s.user.push_back(rng.Below(200));
  }
  return s;
}

}  // namespace gfr
