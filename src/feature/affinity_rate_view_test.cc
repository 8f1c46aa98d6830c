#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "feature/test_view.h"

namespace gfr {
namespace {

constexpr char kAffinityRate[] =
    "type = \"taste\"\nscope = \"user\"\nproperty = \"category\"\nevents = [\"feed.click\"]\n"
    "denominator = [\"feed.impression\"]\nhalf_life = \"3h\"\nprior_weight = 4\n";

// Reads `v` with the shop's own rate made of `clicks` and `shown` at `now`.
std::vector<float> ReadBeside(const TestView& v, double clicks, double shown, std::int64_t now) {
  const std::vector<Key> items{1, 2, 3, 4, 5, 6};
  std::vector<PropertyValue> properties(items.size() * 3);
  for (std::size_t i = 0; i < items.size(); ++i) {
    properties[i * 3].number = 10.0 * static_cast<double>(i + 1);
    properties[i * 3 + 1].category = 1 + i % 3;
  }
  const struct {
    std::int64_t at_ms;
    double values[2];
  } shop{now, {clicks, shown}};
  const std::vector<const std::byte*> parents(items.size(), reinterpret_cast<const std::byte*>(&shop)),
      rows(items.size(), v.unknown_user ? nullptr : v.row());
  std::vector<float> out(items.size());
  v.view().Read({now, now, items, properties.data(), 3, {}, true}, {rows, nullptr, parents}, {out.data(), 1});
  return out;
}

TEST(CategoryAffinityRate, IsTheDecayedRateOfACategoryShrunkToTheUsersOwn) {
  Rng rng(7);
  TestView v(kAffinityRate);
  std::vector<Line> seen;
  std::int64_t now = 0;
  for (Line line : RandomLines(rng, 300)) {
    now = line.time_ms = std::max(now, line.time_ms);
    v.Fold(line);
    seen.push_back(line);
    double events[4] = {}, offered[4] = {};
    for (const Line& s : seen) {
      if (s.category.category == 0) continue;
      const double weight = std::exp2(-static_cast<double>(now - s.time_ms) / (3.0 * static_cast<double>(kHourMs)));
      for (const std::size_t k : {std::size_t{0}, static_cast<std::size_t>(s.category.category)}) {
        events[k] += weight * (s.type == EventType::kFeedClick);
        offered[k] += weight * (s.type == EventType::kFeedImpression);
      }
    }
    const auto values = ReadBeside(v, 30, 200, now);
    const double own = (events[0] + 4 * 0.15) / (offered[0] + 4);
    for (std::size_t i = 0; i < 6; ++i) {
      const std::size_t k = 1 + i % 3;
      ASSERT_NEAR(values[i], (events[k] + 4 * own) / (offered[k] + 4), 1e-4);
    }
  }
}

TEST(CategoryAffinityRate, OfAnUnknownUserIsTheShopsAndMissingWhereThatHasShownNothing) {
  TestView v(kAffinityRate);
  v.unknown_user = true;
  EXPECT_EQ(ReadBeside(v, 30, 200, kDayMs)[0], 0.15f);
  EXPECT_TRUE(std::isnan(ReadBeside(v, 0, 0, kDayMs)[0]));
}

TEST(CategoryAffinityRate, ForgetsTheCategoryWithTheFewestEventsAndKeepsTheTotals) {
  TestView v(std::string(kAffinityRate) + "capacity = 2\n");
  const std::int64_t now = 1'700'000'000'000;
  const auto shown = [&](Key category, bool clicked) {
    v.Fold({EventType::kFeedImpression, 1, now, {}, {.category = category}});
    if (clicked) v.Fold({EventType::kFeedClick, 1, now, {}, {.category = category}});
  };
  shown(1, true), shown(1, true), shown(2, false), shown(3, true);
  const double own = (3 + 4 * 0.1) / (4 + 4);
  const auto values = ReadBeside(v, 10, 100, now);
  EXPECT_FLOAT_EQ(values[0], static_cast<float>((2 + 4 * own) / (2 + 4)));
  EXPECT_FLOAT_EQ(values[1], static_cast<float>(own));
  EXPECT_FLOAT_EQ(values[2], static_cast<float>((1 + 4 * own) / (1 + 4)));
}

TEST(CategoryAffinityRate, OfJoinedHistoriesIsThatOfTheWhole) {
  Rng rng(11);
  for (int round = 0; round < 60; ++round) {
    TestView whole(kAffinityRate), a(kAffinityRate), b(kAffinityRate);
    const std::vector<Line> lines = OrderedLines(rng, 40);
    for (const Line& line : lines) {
      whole.Fold(line);
      (rng.Chance(0.5) ? a : b).Fold(line);
    }
    const std::int64_t now = lines.back().time_ms + kMinuteMs;
    TestView ab(kAffinityRate), ba(kAffinityRate);
    ab.set_state(a.Merged(a.whole_state(), b.whole_state()));
    ba.set_state(a.Merged(b.whole_state(), a.whole_state()));
    const auto expected = ReadBeside(whole, 30, 200, now), got = ReadBeside(ab, 30, 200, now);
    EXPECT_EQ(got, ReadBeside(ba, 30, 200, now)) << "not symmetric";
    for (std::size_t i = 0; i < 6; ++i) ASSERT_NEAR(expected[i], got[i], 1e-5);
  }
}

TEST(CategoryAffinityRate, SaysWhatItLacks) {
  const auto with = [](const std::string& more) { return ErrorOf(std::string(kAffinityRate) + more); };
  EXPECT_NE(with("bands = [1, 2]\n").find("bands are of a number"), std::string::npos);
  EXPECT_NE(ErrorOf("type = \"taste\"\nscope = \"user\"\nproperty = \"category\"\nevents = [\"feed.click\"]\n"
                    "half_life = \"3h\"\n")
                .find("denominator"),
            std::string::npos);
  EXPECT_NE(ErrorOf("type = \"taste\"\nscope = \"user\"\nproperty = \"category\"\nevents = [\"feed.click\"]\n"
                    "denominator = [\"feed.impression\"]\nhalf_life = \"3h\"\nprior_weight = 0\n")
                .find("prior_weight"),
            std::string::npos);
}

}  // namespace
}  // namespace gfr
