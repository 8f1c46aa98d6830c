#include "experiment/interleaving_credits.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace gfr {
namespace {

using Preference = InterleavingResult::Preference;

Event MergedSlate(const std::string& request, const std::string& unit, std::int64_t time_ms,
                  std::vector<float> credit) {
  Event e{.type = EventType::kFeedRequest, .time_ms = time_ms, .user_id = unit, .request_id = request};
  for (std::size_t p = 0; p < credit.size(); ++p)
    e.items.push_back({.item_id = "i" + std::to_string(p), .index = static_cast<std::int32_t>(p)});
  e.served.unit = unit;
  e.served.unit_kind = UnitKind::kUser;
  e.served.experiments = {{"pair", "interleaved", false}};
  e.served.interleaving = {.experiment = "pair", .credit = std::move(credit)};
  return e;
}

Event ClickOn(const std::string& request, const std::string& item, std::int64_t time_ms) {
  return {.type = EventType::kFeedClick, .time_ms = time_ms, .request_id = request, .items = {{.item_id = item}}};
}

TEST(InterleavingCredits, CountsAUnitsClicksOnceWithinItsWindow) {
  InterleavingCredits credits("pair", 2 * kHourMs, kHourMs);
  credits.Add(MergedSlate("r1", "u", 0, {0.5f, -0.25f, 0}));
  credits.Add(ClickOn("r1", "i0", 10));
  credits.Add(ClickOn("r1", "i0", 20));       // Twice.
  credits.Add(ClickOn("r1", "i2", 30));       // No credit there.
  credits.Add(ClickOn("r1", "other", 30));    // Not of the slate.
  credits.Add(ClickOn("unknown", "i1", 30));  // Not of a slate.
  credits.Add(MergedSlate("r2", "u", kHourMs, {0.5f, -0.25f}));
  credits.Add(ClickOn("r2", "i1", kHourMs + 1));
  credits.Add(ClickOn("r2", "i0", 2 * kHourMs));              // After the window.
  credits.Add(MergedSlate("r3", "u", 2 * kHourMs, {1, -1}));  // So is this slate.
  credits.Add(ClickOn("r3", "i0", 2 * kHourMs + 5));
  credits.Add(MergedSlate("r4", "v", kHourMs, {1, -1}));
  EXPECT_EQ(credits.At(3 * kHourMs - 1).units, 0);
  EXPECT_EQ(credits.At(3 * kHourMs - 1).young_units, 2);
  const InterleavingResult one = credits.At(3 * kHourMs);
  EXPECT_EQ(one.units, 1);
  EXPECT_EQ(one.slates, 2);
  EXPECT_EQ(one.clicks, 2);
  const InterleavingResult both = credits.At(4 * kHourMs);
  EXPECT_EQ(both.units, 2);
  EXPECT_EQ(both.moved_units, 1);
  EXPECT_DOUBLE_EQ(both.mean, 0.125);
}

TEST(InterleavingCredits, LeavesOutWhatIsOverriddenOrOfAnotherExperiment) {
  InterleavingCredits credits("pair", kHourMs, 0);
  Event overridden = MergedSlate("r1", "u", 0, {1, -1});
  overridden.served.experiments[0].overridden = true;
  credits.Add(overridden);
  Event arm = MergedSlate("r2", "v", 0, {1, -1});
  arm.served.experiments[0].variant = "control";
  credits.Add(arm);
  Event other = MergedSlate("r3", "w", 0, {1, -1});
  other.served.experiments[0].experiment = "other";
  credits.Add(other);
  EXPECT_EQ(credits.At(kDayMs).units + credits.At(kDayMs).young_units, 0);
}

TEST(InterleavingCredits, ASlateThatCouldNotBeMergedExposesWithoutCredit) {
  InterleavingCredits credits("pair", kHourMs, 0);
  Event one = MergedSlate("r", "u", 0, {1, -1});
  one.served.interleaving = {};
  credits.Add(one);
  credits.Add(ClickOn("r", "i0", 1));
  const InterleavingResult result = credits.At(kDayMs);
  EXPECT_EQ(result.units, 1);
  EXPECT_EQ(result.clicks, 0);
}

// Of `units` users who see one slate and click its first position, of credit +-1.
InterleavingResult SimulatePreference(double units, double first_wins, std::uint64_t seed) {
  InterleavingCredits credits("pair", kHourMs, 0);
  Rng rng(seed);
  for (int u = 0; u < units; ++u) {
    const std::string id = std::to_string(u);
    credits.Add(MergedSlate(id, id, u, {rng.Chance(first_wins) ? 1.0f : -1.0f}));
    credits.Add(ClickOn(id, "i0", u));
  }
  return credits.At(kDayMs, units);
}

TEST(InterleavingCredits, FindsThePreferredArm) {
  EXPECT_EQ(SimulatePreference(3000, 0.6, 1).preference(), Preference::kFirst);
  EXPECT_EQ(SimulatePreference(3000, 0.4, 2).preference(), Preference::kSecond);
  EXPECT_EQ(SimulatePreference(3000, 0.5, 3).preference(), Preference::kUndecided);
  // However clear it looks, too few units decide nothing.
  EXPECT_EQ(SimulatePreference(149, 1, 4).preference(), Preference::kUndecided);
}

}  // namespace
}  // namespace gfr
