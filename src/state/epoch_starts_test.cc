#include "state/epoch_starts.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "state/shared_state.h"
#include "state/slate_check.h"

namespace gfr {
namespace {

// The oracle has every record's arrival.
TEST(EpochStarts, JudgeASlateAsTheNextRecordDoes) {
  Rng rng(5);
  for (int round = 0; round < 200; ++round) {
    EpochStarts starts;
    std::vector<std::int64_t> arrivals;
    const std::uint64_t first = rng.Below(50);
    std::int64_t now_ms = 28'000'000 * kEpochMs + static_cast<std::int64_t>(rng.Below(kEpochMs));
    for (std::uint64_t k = 0; k < 1 + rng.Below(60); ++k) {
      now_ms += static_cast<std::int64_t>(rng.Below(rng.Chance(0.2) ? 5 * kEpochMs : 20'000));
      arrivals.push_back(now_ms);
      starts.Add(first + k, now_ms);
    }
    for (int slate = 0; slate < 50; ++slate) {
      ServedSlate served;
      const std::uint64_t next = rng.Below(arrivals.size() + 1);
      served.positions = {{0, static_cast<std::int64_t>(first + next) - 1}};
      served.epoch_end_ms = EpochEndAt(now_ms) - static_cast<std::int64_t>(rng.Below(20)) * kEpochMs;
      if (next == arrivals.size()) continue;  // Its own record is always behind it.
      EXPECT_EQ(starts.Problem(served).empty(), EpochProblem(served, arrivals[next]).empty());
    }
  }
}

TEST(EpochStarts, SayNothingOfWhatLiesBeforeThem) {
  EpochStarts starts;
  ServedSlate served;
  served.positions = {{0, 3}};
  served.epoch_end_ms = 10 * kEpochMs;
  EXPECT_EQ(starts.Problem(served), "");
  starts.Add(7, kEpochMs);
  EXPECT_EQ(starts.Problem(served), "");
}

}  // namespace
}  // namespace gfr
