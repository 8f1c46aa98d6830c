#include "monitor/detector.h"

#include <gtest/gtest.h>

#include "monitor/test_rows.h"

namespace gfr {
namespace {

constexpr double kOneIn30Days = 1.0 / 3 / 30;
constexpr int kTrained = 28;  // Days.

struct Judged {
  std::vector<DriftAlert> alerts;
  std::vector<ColumnDrift> last;
  double threshold = 0;
};

// Trains on kTrained days, then judges the days after it by the hour.
Judged JudgeDays(std::uint64_t seed, int days, const TestRows::Fault& fault, double requests = 100) {
  const TestRows before = TestRows::Make(seed, 0, kTrained, requests),
                 after = TestRows::Make(seed, kTrained, kTrained + days, requests, fault);
  const Reference reference = MakeReference("pctr", TestRows::Columns(), before.rows(), 0, INT64_MAX);
  const QuietModel quiet(reference, JoinWindows(reference.windows, kHourMs, 100), kOneIn30Days);
  Detector detector(reference, quiet, "feed/1", AlertKind::kFeature);
  for (const ReferenceWindow& window :
       JoinWindows(CountWindows(reference, TestRows::At(), after.rows(), 0, INT64_MAX), kHourMs, 100))
    detector.Judge(window);
  return {detector.alerts(), detector.Columns(), quiet.threshold()};
}

std::int64_t DayMs(double day) {
  return TestRows::kStartMs + static_cast<std::int64_t>(day * static_cast<double>(kDayMs));
}

struct Planted {
  const char* name;
  const char* column;
  const char* metric;
  TestRows::Fault fault;
};

std::vector<Planted> PlantedFaults(std::int64_t from_ms) {
  using Row = TestRows;
  return {
      {"price rise", "price", "psi",
       [=](std::int64_t at, float* row, double*) { row[Row::kPrice] *= at < from_ms ? 1.0f : 1.3f; }},
      {"missing", "rating", "missing",
       [=](std::int64_t at, float* row, double*) {
         if (at >= from_ms) row[Row::kRating] = std::numeric_limits<float>::quiet_NaN();
       }},
      {"new channel", "channel", "unseen",
       [=](std::int64_t at, float* row, double*) {
         if (at >= from_ms && static_cast<int>(row[Row::kLoyalty] * 1000) % 5 == 0) row[Row::kChannel] = 9;
       }},
      {"renamed category", "device", "unseen",
       [=](std::int64_t at, float* row, double*) {
         if (at >= from_ms && row[Row::kDevice] == 1) row[Row::kDevice] = 7;
       }},
      {"wrong units", "price", "out_of_range",
       [=](std::int64_t at, float* row, double*) {
         if (at >= from_ms && static_cast<int>(row[Row::kPrice] * 1000) % 4 == 0) row[Row::kPrice] *= 100;
       }},
  };
}

TEST(Detector, NamesEachPlantedFaultWithinThreeWindows) {
  const std::int64_t from_ms = DayMs(kTrained + 1.5);
  for (const std::uint64_t seed : {1, 2}) {
    for (const Planted& planted : PlantedFaults(from_ms)) {
      const Judged judged = JudgeDays(seed, 3, planted.fault);
      ASSERT_FALSE(judged.alerts.empty()) << planted.name << " by " << judged.threshold;
      const DriftAlert& alert = judged.alerts.front();
      EXPECT_EQ(alert.name, planted.column) << planted.name;
      EXPECT_EQ(alert.metric, planted.metric) << planted.name;
      EXPECT_GE(alert.since_ms, from_ms) << planted.name;
      EXPECT_LE(alert.found_ms, from_ms + 3 * kHourMs) << planted.name << ": " << alert.text;
      EXPECT_TRUE(alert.open);
      EXPECT_GT(alert.price_a_day, 0) << planted.name;
      EXPECT_EQ(judged.last.front().name, planted.column) << planted.name;
    }
  }
}

TEST(Detector, AFeatureThatIsGoneAlertsAfterOneWindow) {
  const std::int64_t from_ms = DayMs(kTrained + 1.5);
  const std::vector<Planted> faults = PlantedFaults(from_ms);
  ASSERT_STREQ(faults[1].name, "missing");
  for (const std::uint64_t seed : {1, 2}) {
    const Judged judged = JudgeDays(seed, 3, faults[1].fault);
    ASSERT_FALSE(judged.alerts.empty());
    EXPECT_EQ(judged.alerts.front().found_ms, from_ms + kHourMs);
    EXPECT_EQ(judged.alerts.front().since_ms, from_ms);
  }
}

TEST(Detector, FindsASlowDriftWithinAWeek) {
  for (const std::uint64_t seed : {1, 2}) {
    const Judged judged = JudgeDays(seed, 15, [](std::int64_t at, float* row, double*) {
      const double days = static_cast<double>(at - DayMs(kTrained + 1)) / static_cast<double>(kDayMs);
      row[TestRows::kPrice] *= static_cast<float>(std::exp(0.5 * std::clamp(days / 14, 0.0, 1.0)));
    });
    ASSERT_FALSE(judged.alerts.empty());
    EXPECT_EQ(judged.alerts.front().name, "price");
    EXPECT_GE(judged.alerts.front().since_ms, DayMs(kTrained + 1));
    EXPECT_LT(judged.alerts.front().since_ms, DayMs(kTrained + 8));
  }
}

TEST(Detector, IsQuietOnQuietDays) {
  std::size_t alerts = 0;
  for (const std::uint64_t seed : {1, 2}) alerts += JudgeDays(seed, 30, {}).alerts.size();
  EXPECT_LE(alerts, 2u);
}

TEST(Detector, ClosesAnAlertWhenItsCauseIsOver) {
  const Judged judged = JudgeDays(1, 4, [](std::int64_t at, float* row, double*) {
    if (at >= DayMs(kTrained + 1) && at < DayMs(kTrained + 2)) row[TestRows::kRating] = 0;
  });
  ASSERT_EQ(judged.alerts.size(), 1u);
  EXPECT_FALSE(judged.alerts[0].open) << judged.alerts[0].text << " " << FormatTime(judged.alerts[0].until_ms);
  EXPECT_LE(judged.alerts[0].until_ms, DayMs(kTrained + 3) + kHourMs);
}

TEST(Detector, IsNamedAfterWhatTheRequestSaysBeforeWhatIsCountedByIt) {
  const Judged judged = JudgeDays(1, 3, [](std::int64_t at, float* row, double*) {
    if (at < DayMs(kTrained + 1)) return;
    if (row[TestRows::kDevice] == 1) row[TestRows::kDevice] = 7;
    row[TestRows::kRating] = std::numeric_limits<float>::quiet_NaN();
  });
  ASSERT_EQ(judged.alerts.size(), 1u);
  EXPECT_EQ(judged.alerts[0].name, "device");
  EXPECT_EQ(judged.alerts[0].grouped, std::vector<std::string>{"rating"});
}

TEST(Detector, OneCauseInManyColumnsIsOneAlert) {
  const Judged judged = JudgeDays(1, 3, [](std::int64_t at, float* row, double*) {
    if (at < DayMs(kTrained + 1)) return;
    row[TestRows::kPrice] *= 3;
    row[TestRows::kRating] = std::numeric_limits<float>::quiet_NaN();
  });
  ASSERT_EQ(judged.alerts.size(), 1u);
  EXPECT_EQ(judged.alerts[0].name, "rating");
  EXPECT_EQ(judged.alerts[0].grouped, std::vector<std::string>{"price"});
}

// Six rows of 300 in a column of thirty categories: the noise of these hides them in the distance over all bins.
TEST(QuietModel, AFewRowsOfAnUnknownCategoryAreADriftOfTheirOwn) {
  Rng rng(1);
  std::vector<float> features, label;
  std::vector<std::int64_t> arrival_ms;
  std::vector<Key> request;
  constexpr int kHours = 28 * 24, kRows = 300;
  for (int i = 0; i < (kHours + 1) * kRows; ++i) {
    const bool unknown = i >= (kHours + 1) * kRows - 6;
    features.push_back(unknown ? 99.0f : static_cast<float>(rng.Below(30)));
    label.push_back(0);
    arrival_ms.push_back(TestRows::kStartMs + i / kRows * kHourMs);
    request.push_back(static_cast<Key>(i));
  }
  const ReferenceRows rows{
      .features = features, .columns = 1, .label = label, .arrival_ms = arrival_ms, .request = request};
  const std::int64_t end_ms = TestRows::kStartMs + kHours * kHourMs;
  const Reference reference = MakeReference("pctr", {{"brand", 0, 0, true}}, rows, 0, end_ms);
  const QuietModel quiet(reference, reference.windows, kOneIn30Days);
  const auto windows = CountWindows(reference, {0}, rows, end_ms, INT64_MAX);
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_GT(quiet.Scores(windows[0], {})[0], quiet.thresholds().in_a_row);
  EXPECT_GT(quiet.Scores(windows[0], {})[0], 4);
}

TEST(QuietModel, HasNoThresholdOfAFewDays) {
  const Reference reference =
      MakeReference("pctr", TestRows::Columns(), TestRows::Make(1, 0, 5, 10).rows(), 0, INT64_MAX);
  const QuietModel quiet(reference, reference.windows, kOneIn30Days);
  EXPECT_TRUE(std::isinf(quiet.threshold()));
  EXPECT_LT(quiet.days(), QuietModel::kLeastDays);
}

TEST(JoinWindows, WaitsForItsRowsAndForItsPeriod) {
  const auto window = [](int hour, std::uint64_t rows) {
    return ReferenceWindow{hour * kHourMs, (hour + 1) * kHourMs, rows, {static_cast<std::uint32_t>(rows)}};
  };
  const std::vector<ReferenceWindow> hours{window(0, 5), window(1, 7), window(2, 30), window(3, 1), window(5, 2)};
  const auto joined = JoinWindows(hours, kHourMs, 10);
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[0], (ReferenceWindow{0, 2 * kHourMs, 12, {12}}));
  EXPECT_EQ(joined[1], window(2, 30));
  EXPECT_EQ(JoinWindows(hours, kHourMs, 10, /*keep_last=*/true).back(),
            (ReferenceWindow{3 * kHourMs, 6 * kHourMs, 3, {3}}));
  const auto by_three = JoinWindows(hours, 3 * kHourMs, 1);
  ASSERT_EQ(by_three.size(), 2u);
  EXPECT_EQ(by_three[0], (ReferenceWindow{0, 3 * kHourMs, 42, {42}}));
  EXPECT_EQ(by_three[1].to_ms, 6 * kHourMs);
}

}  // namespace
}  // namespace gfr
