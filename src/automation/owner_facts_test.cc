#include "automation/owner_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "log/memory_log.h"

namespace gfr {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kNowMs = 1'800'000'000'000;

TEST(OwnerFactsTest, FindsASeriesByNameAndLabels) {
  const std::string text = "# HELP a A.\na 1\na_b 2.5\nx{job=\"y z\"} 7\n";
  EXPECT_EQ(SeriesIn(text, "a").value(), 1);
  EXPECT_EQ(SeriesIn(text, "a_b").value(), 2.5);
  EXPECT_EQ(SeriesIn(text, "x{job=\"y z\"}").value(), 7);
  EXPECT_EQ(SeriesIn(text, "x").error().code, ErrorCode::kNotFound);
}

// Of a program whose one metric is m; all outlive the facts.
OwnerFacts FactsOf(const TestFolder& folder, const Clock& clock, const double& value) {
  return OwnerFacts({.log = nullptr,
                     .objectives = {},
                     .registry = Registry(PosixFileSystem(), clock, folder.path()),
                     .model_name = "feed",
                     .clock = &clock,
                     .metrics = [&value] { return "m " + std::to_string(value) + "\n"; }});
}

TEST(OwnerFactsTest, AnIncreaseIsCountedOverItsTimeOnceThatHasPassed) {
  TestFolder folder;
  FixedClock clock(kNowMs);
  double value = 10;
  OwnerFacts facts = FactsOf(folder, clock, value);
  EXPECT_EQ(facts.Metric("m", 0).value(), 10);
  EXPECT_THAT(facts.Metric("m", kMinuteMs).error().message, HasSubstr("for that long"));
  value = 13;
  clock.Set(kNowMs + kMinuteMs);
  EXPECT_EQ(facts.Metric("m", kMinuteMs).value(), 3);
  value = 14;
  clock.Set(kNowMs + 2 * kMinuteMs);
  EXPECT_EQ(facts.Metric("m", kMinuteMs).value(), 1);
}

TEST(OwnerFactsTest, IncreasesOverTwoTimesStandBesideEachOtherAndAGapIsNotCounted) {
  TestFolder folder;
  FixedClock clock(kNowMs);
  double value = 0;
  OwnerFacts facts = FactsOf(folder, clock, value);
  for (int minute = 0; minute <= 10; ++minute) {
    value = minute;
    clock.Set(kNowMs + minute * kMinuteMs);
    (void)facts.Metric("m", kMinuteMs);
    const auto longer = facts.Metric("m", 10 * kMinuteMs);
    EXPECT_EQ(longer.ok(), minute == 10);
  }
  EXPECT_EQ(facts.Metric("m", 10 * kMinuteMs).value(), 10);
  value = 500;  // Nobody asked for a day: how much of it came in the last minute is not known.
  clock.Set(kNowMs + kDayMs);
  EXPECT_THAT(facts.Metric("m", kMinuteMs).error().message, HasSubstr("for that long"));
}

// Rows count once their window is over, and no more once a version has been trained on them.
TEST(OwnerFactsTest, NewRowsAreThoseThatAreMatureAndThatTheNewestVersionHasNotSeen) {
  TestFolder folder;
  FixedClock clock(kNowMs);
  MemoryLog log(clock);
  Registry registry(PosixFileSystem(), clock, folder.path());
  ObjectiveConfig objective;
  objective.name = "pctr";
  objective.window_ms = 30 * kMinuteMs;
  OwnerFacts facts(
      {.log = &log, .objectives = {objective}, .registry = registry, .model_name = "feed", .clock = &clock});
  int id = 0;
  const auto show = [&](int count) {
    for (int i = 0; i < count; ++i) {
      Event event;
      event.id = std::to_string(++id);
      event.source = "test";
      event.type = EventType::kFeedImpression;
      event.user_id = "u";
      event.time_ms = clock.now_ms();
      event.items.resize(2);
      ASSERT_TRUE(log.Append({event}).ok());
    }
  };
  show(3);
  EXPECT_EQ(facts.NewMatureRows("pctr").value(), 0u) << "none is mature";
  clock.Set(kNowMs + kHourMs);
  EXPECT_EQ(facts.NewMatureRows("pctr").value(), 6u) << "two items each";
  show(1);
  ASSERT_TRUE(registry.Register("feed", {{"model.json", "x"}}, {{"rows_until", std::to_string(clock.now_ms())}}).ok());
  EXPECT_EQ(facts.NewMatureRows("pctr").value(), 0u) << "the version has them";
  clock.Set(kNowMs + 2 * kHourMs);
  EXPECT_EQ(facts.NewMatureRows("pctr").value(), 2u) << "it was too young when the version was trained";
  EXPECT_EQ(facts.MatureRowsSince("pctr", kNowMs + kHourMs).value().rows, 2u) << "those after an onset";
  EXPECT_EQ(facts.MatureRowsSince("pctr", kNowMs + kHourMs).value().first_ms, kNowMs + 90 * kMinuteMs);
  EXPECT_EQ(facts.MatureRowsSince("pctr", kNowMs + 2 * kHourMs).value().rows, 0u);
  EXPECT_EQ(facts.OpenAlerts().error().code, ErrorCode::kUnavailable) << "no server watches";
  EXPECT_EQ(facts.NewMatureRows("other").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace gfr
