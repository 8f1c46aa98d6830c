#include "monitor/live_calibration.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/rng.h"
#include "base/time.h"
#include "monitor/score_cells.h"

namespace gfr {
namespace {

constexpr std::int64_t kFirstMs = 1767225600000;  // 2026-01-01
constexpr const char* kCities[] = {"Berlin", "Rome", "Oslo"};

// Rows an hour, each with a city; `off`: what the truth is above the probability, in log-odds.
using Off = std::function<double(std::int64_t hour, int city)>;
LiveSlices SlicesOf(std::uint64_t seed, int days, const Off& off, int rows_an_hour = 300) {
  Rng rng(seed);
  LiveSlices slices;
  for (std::int64_t h = 0; h < days * 24; ++h) {
    const double weather = 0.05 * rng.Normal();
    const auto rows = static_cast<int>(rows_an_hour * (h % 24 < 6 ? 0.3 : 1));
    for (int i = 0; i < rows; ++i) {
      const auto city = static_cast<int>(rng.Below(3));
      const double log_odds = -2 + 0.9 * rng.Normal(), p = CellCounter::OfLogOdds(log_odds);
      const bool positive = rng.Chance(CellCounter::OfLogOdds(log_odds + weather + off(h, city)));
      for (const std::uint16_t id :
           {std::uint16_t{LiveSlices::kAll}, slices.ScoreId(p), slices.Id("city", kCities[city])}) {
        SliceSums& sums = slices.At(kFirstMs + h * kHourMs, id);
        ++sums.rows;
        sums.predicted += SliceSums::Fixed(p);
        ++sums.labelled;
        sums.expected += SliceSums::Fixed(p);
        sums.positives += positive;
      }
    }
  }
  return slices;
}

LiveCalibration Judged(const LiveSlices& slices, int days, const LiveValues* values = nullptr) {
  return JudgeCalibration(slices,
                          {.objective = "pctr",
                           .model = "feed/1",
                           .until_ms = kFirstMs + days * kDayMs,
                           .labels_until_ms = kFirstMs + days * kDayMs - 2 * kHourMs,
                           .alerts_a_day = DriftOptions{}.AlertsADay(5),
                           .values = values},
                          {});
}

TEST(JudgeCalibration, IsQuietWhileProbabilitiesHold) {
  std::size_t alerts = 0;
  for (const std::uint64_t seed : {1, 2, 3})
    alerts += Judged(SlicesOf(seed, 30, [](std::int64_t, int) { return 0; }), 30).alerts.size();
  EXPECT_EQ(alerts, 0u);
}

TEST(JudgeCalibration, AVersionThatIsAlwaysOffInASliceDoesNotAlertForEver) {
  const LiveCalibration judged =
      Judged(SlicesOf(1, 21, [](std::int64_t, int city) { return city == 1 ? 0.4 : 0; }), 21);
  for (const DriftAlert& alert : judged.alerts) EXPECT_FALSE(alert.open) << alert.text;
  const auto rome = std::ranges::find(judged.slices, "city=Rome", &SliceState::name);
  ASSERT_NE(rome, judged.slices.end());
  EXPECT_GT(rome->observed_over_expected.interval.low, 1.2) << "it is shown all the same";
}

TEST(JudgeCalibration, NamesTheSliceThatIsOffFromADayOn) {
  const LiveCalibration judged =
      Judged(SlicesOf(2, 16, [](std::int64_t hour, int city) { return hour >= 12 * 24 && city == 2 ? -0.9 : 0; }), 16);
  ASSERT_FALSE(judged.alerts.empty());
  const DriftAlert& alert = judged.alerts[0];
  EXPECT_EQ(alert.name, "pctr city=Oslo");
  EXPECT_EQ(alert.kind, AlertKind::kCalibration);
  EXPECT_TRUE(alert.open);
  EXPECT_LT(alert.value, 0.7);
  EXPECT_NEAR(alert.expected, 1, 0.05);
  EXPECT_GE(alert.found_ms, kFirstMs + 12 * kDayMs);
  EXPECT_LE(alert.found_ms, kFirstMs + 14 * kDayMs);
  EXPECT_EQ(alert.id, "calibration/pctr city=Oslo/" + FormatTime(alert.since_ms));
}

TEST(JudgeCalibration, FindsTheSameAlertsHoweverOftenItIsAsked) {
  const LiveSlices slices =
      SlicesOf(2, 16, [](std::int64_t hour, int) { return hour >= 10 * 24 && hour < 11 * 24 ? -2.0 : 0; });
  const auto ids = [](const LiveCalibration& judged) {
    std::vector<std::string> found;
    for (const DriftAlert& alert : judged.alerts) found.push_back(alert.id);
    return found;
  };
  const std::vector<std::string> whole = ids(Judged(slices, 16));
  EXPECT_FALSE(whole.empty());
  for (int days = 12; days < 16; ++days) {
    const LiveCalibration earlier = Judged(slices, days);
    for (const std::string& id : ids(earlier)) EXPECT_GT(std::ranges::count(whole, id), 0) << id << " of day " << days;
  }
}

TEST(JudgeCalibration, TellsRankingValueBeforeLabelsWithItsGrade) {
  const LiveSlices slices = SlicesOf(4, 20, [](std::int64_t, int) { return 0; });
  LiveValues values;
  Rng rng(1);
  for (const auto& [hour, sums] : slices.hours()) {
    for (int row = 0; row < 200; ++row) {
      const double worth = 1 + 5 * rng.Uniform(), probability = 0.2 * rng.Uniform();
      values.At(hour).served.Add(worth, probability, false);
      values.At(hour).labelled.Add(worth, probability, rng.Chance(probability));
    }
  }
  const LiveQuality quality = Judged(slices, 20, &values).quality;
  EXPECT_GE(quality.value_grades.graded(), 75u);
  EXPECT_GT(quality.value_grades.Coverage().value, 0.88);
  EXPECT_NEAR(quality.pending_value.value, 0.35, 0.05);
  EXPECT_LT(quality.pending_value.interval.low, quality.pending_value.value);
  EXPECT_TRUE(std::isnan(Judged(slices, 20).quality.pending_value.value)) << "without values it is not known";
}

TEST(JudgeCalibration, TellsQualityBeforeLabelsWithItsGrade) {
  const LiveCalibration judged = Judged(SlicesOf(4, 20, [](std::int64_t, int) { return 0; }), 20);
  const LiveQuality& quality = judged.quality;
  EXPECT_GT(quality.pending_rows, 0u);
  for (std::size_t m = 0; m < kQualityMetrics; ++m) {
    EXPECT_GE(quality.grades.graded(m), 75u);
    EXPECT_GT(quality.grades.Coverage(m).value, 0.88) << kQualityNames[m];
    EXPECT_LT(quality.pending[m].interval.low, quality.pending[m].value);
  }
  EXPECT_GT(quality.pending[0].value, 0.6);
  EXPECT_LT(judged.ece, 0.03);
}

TEST(LiveSlices, ServersAddUpToOne) {
  const auto off = [](std::int64_t, int) { return 0; };
  const LiveSlices one = SlicesOf(1, 2, off), other = SlicesOf(2, 3, off);
  LiveSlices merged = one;
  merged.Merge(other);
  LiveSlices turned = other;
  turned.Merge(one);
  const auto sums = [](const LiveSlices& slices) {
    std::map<std::pair<std::int64_t, std::string>, std::uint64_t> by_name;
    for (const auto& [hour, of_hour] : slices.hours()) {
      for (std::size_t id = 0; id < of_hour.size(); ++id) {
        if (of_hour[id].rows > 0) by_name[{hour, slices.names()[id]}] = of_hour[id].expected + of_hour[id].positives;
      }
    }
    return by_name;
  };
  EXPECT_EQ(sums(merged), sums(turned));
  const std::uint64_t in_one = one.hours().begin()->second[0].rows, in_other = other.hours().begin()->second[0].rows;
  EXPECT_EQ(merged.hours().begin()->second[0].rows, in_one + in_other);
}

TEST(LiveSlices, AreBoundedAndLoseNoRow) {
  LiveSlices slices;
  for (int i = 0; i < 1000; ++i) ++slices.At(0, slices.Id("city", "c" + std::to_string(i))).rows;
  EXPECT_EQ(slices.names().size(), 1 + LiveSlices::kMostValues + 1);
  std::uint64_t rows = 0;
  for (const SliceSums& sums : slices.hours().at(0)) rows += sums.rows;
  EXPECT_EQ(rows, 1000u);
  EXPECT_EQ(slices.names().back(), "city=(other)");
  EXPECT_EQ(slices.Id("city", "c3"), slices.Id("city", "c3"));
  EXPECT_EQ(slices.Id("city", ""), LiveSlices::kAll);
}

TEST(LiveSlices, ReadWhatTheyWroteAndRefuseWhatIsDamaged) {
  const LiveSlices slices = SlicesOf(
      1, 1, [](std::int64_t, int) { return 0; }, 20);
  std::string bytes;
  ByteWriter out{&bytes};
  slices.Encode(out);
  ByteReader in{bytes};
  LiveSlices read;
  ASSERT_TRUE(LiveSlices::Decode(in, &read));
  EXPECT_EQ(read.names(), slices.names());
  EXPECT_EQ(read.hours(), slices.hours());
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    ByteReader cut{std::string_view(bytes).substr(0, size)};
    LiveSlices none;
    EXPECT_FALSE(LiveSlices::Decode(cut, &none)) << size;
  }
}

}  // namespace
}  // namespace gfr
