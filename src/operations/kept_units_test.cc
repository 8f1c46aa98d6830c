// Units that were exported stand for what was trimmed from the log, and erasures are told.
#include "operations/kept_units.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/set_clock.h"
#include "log/memory_log.h"
#include "operations/experiment_erasures.h"
#include "table/parquet_filter.h"

namespace gfr {
namespace {

constexpr std::int64_t kFirstDay = 1'767'225'600'000;  // 2026-01-01.

struct TimedEvent {
  std::int64_t at_ms;
  Event event;
};

// Ten units on each of six days: a purchase of some, feeds with latencies, history of some. In order of time.
std::vector<TimedEvent> SixDays() {
  std::vector<TimedEvent> all;
  for (int n = 0; n < 60; ++n) {
    const std::int64_t at = n / 10 * kDayMs + 10 * kHourMs + n % 10 * kMinuteMs;
    const std::string user = "u" + std::to_string(n);
    if (n % 4 == 0)
      all.push_back({at - 8 * kHourMs,
                     {.type = EventType::kPurchase, .user_id = user, .items = {{.item_id = "i"}}, .value = 1.0 + n}});
    all.push_back({at,
                   {.type = EventType::kExperimentExposure,
                    .user_id = user,
                    .variant = n % 2 ? "high" : "low",
                    .context = {{.name = "experiment", .text = "price"}}}});
    if (n % 3 == 0)
      all.push_back({at + kHourMs,
                     {.type = EventType::kPurchase, .user_id = user, .items = {{.item_id = "i"}}, .value = 3.7 * n}});
  }
  std::ranges::stable_sort(all, {}, &TimedEvent::at_ms);
  return all;
}

class KeptUnitsTest : public ::testing::Test {
 protected:
  KeptUnitsTest() {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("kept_units_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(folder_);
    Experiment price{.name = "price", .salt = "price"};
    price.arms = {{.name = "low"}, {.name = "high"}};
    settings_.experiments.all = {price};
    settings_.metrics = {{.name = "money",
                          .measure = MetricConfig::Measure::kRevenue,
                          .events = {EventType::kPurchase},
                          .window_ms = 2 * kHourMs,
                          .lateness_ms = kHourMs,
                          .before_ms = kDayMs}};
  }
  ~KeptUnitsTest() override { std::filesystem::remove_all(folder_); }

  // The experiment by the events from `from_ms` on, with what is kept.
  ExperimentReport ReportFrom(std::int64_t from_ms, std::unique_ptr<ExperimentPass>* pass = nullptr) {
    SetClock clock{kFirstDay};
    MemoryLog log(clock);
    int id = 0;
    for (const TimedEvent& one : SixDays()) {
      ++id;
      if (one.at_ms < from_ms) continue;
      Event event = one.event;
      clock.ms = event.time_ms = kFirstDay + one.at_ms;
      event.id = std::to_string(id), event.source = "test";
      EXPECT_TRUE(log.Append({std::move(event)}).ok());
    }
    auto kept = KeptUnits::Load(PosixFileSystem(), folder_.string(), settings_.metrics);
    EXPECT_TRUE(kept.ok()) << kept.error().ToString();
    auto its = std::make_unique<ExperimentPass>(settings_, std::move(kept.value()));
    EXPECT_TRUE(its->Advance(log).ok());
    ExperimentReport report = its->Report({});
    if (pass != nullptr) *pass = std::move(its);
    return report;
  }
  std::string Text(const ExperimentReport& report) {
    return ResultsJson(report.results.at(0), settings_.metrics).dump();
  }
  void Keep() {
    std::unique_ptr<ExperimentPass> pass;
    const ExperimentReport report = ReportFrom(-kDayMs, &pass);
    const Status kept = pass->Keep(PosixFileSystem(), folder_.string(), report);
    ASSERT_TRUE(kept.ok()) << kept.error().ToString();
  }

  std::filesystem::path folder_;
  ExperimentSettings settings_;
};

TEST_F(KeptUnitsTest, ResultsOfATrimmedLogEqualThoseOfTheWholeOneToTheBit) {
  const std::string whole = Text(ReportFrom(-kDayMs));
  const std::string trimmed_alone = Text(ReportFrom(3 * kDayMs));
  Keep();
  EXPECT_EQ(Text(ReportFrom(-kDayMs)), whole);
  EXPECT_NE(trimmed_alone, whole);
  for (int days = 1; days <= 5; ++days) EXPECT_EQ(Text(ReportFrom(days * kDayMs)), whole) << days;
  EXPECT_EQ(Text(ReportFrom(3 * kDayMs + 10 * kHourMs + 5 * kMinuteMs)), whole) << "trimmed within a day";
}

TEST_F(KeptUnitsTest, ADayIsExportedOnceWhenItIsOverAndAllItsUnitsAreMature) {
  Keep();
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.insert(entry.path().filename().string());
  EXPECT_EQ(names.size(), 10u) << "five days that are over, with two files each";
  EXPECT_TRUE(names.contains("2026-01-01.price.parquet"));
  EXPECT_TRUE(names.contains("2026-01-05.price.json"));
  EXPECT_FALSE(names.contains("2026-01-06.price.json"));
  const auto before = std::filesystem::last_write_time(folder_ / "2026-01-02.price.json");
  Keep();
  EXPECT_EQ(std::filesystem::last_write_time(folder_ / "2026-01-02.price.json"), before);
}

TEST_F(KeptUnitsTest, AMetricThatIsDefinedAnewHasNoKeptValues) {
  Keep();
  settings_.metrics[0].window_ms = 3 * kHourMs;
  const ExperimentReport report = ReportFrom(3 * kDayMs);
  EXPECT_EQ(report.results[0].exposed[0] + report.results[0].exposed[1], 60);
  EXPECT_LE(report.results[0].metrics[0].control.n + report.results[0].metrics[0].treatment.n, 30);
}

TEST_F(KeptUnitsTest, AnErasureTakesRowsAndIsToldByArmAndEffect) {
  Keep();
  const ExperimentReport before = ReportFrom(3 * kDayMs);
  const auto removed = RemoveParquetRows((folder_ / "2026-01-01.price.parquet").string(), "user", {KeyOf("u3")}, false);
  ASSERT_TRUE(removed.ok());
  EXPECT_EQ(removed.value(), 1u);
  const ExperimentReport after = ReportFrom(3 * kDayMs);
  const auto erasure = ErasureOf(before, after, settings_.metrics);
  ASSERT_EQ(erasure.size(), 1u);
  EXPECT_EQ(erasure[0]["users_left"].dump(), R"({"high":1.0})");
  EXPECT_NE(erasure[0]["effects"][0]["relative"][0], erasure[0]["effects"][0]["relative"][1]);
  EXPECT_TRUE(ErasureOf(after, after, settings_.metrics).empty());
  const std::string path = (folder_ / "erasures.list").string();
  ASSERT_TRUE(RecordErasure(PosixFileSystem(), path, erasure, kFirstDay).ok());
  ASSERT_TRUE(RecordErasure(PosixFileSystem(), path, erasure, kFirstDay + kDayMs).ok());
  nlohmann::ordered_json report{{"experiments", {ResultsJson(after.results[0], settings_.metrics)}}};
  ASSERT_TRUE(AddErasures(PosixFileSystem(), path, &report).ok());
  ASSERT_EQ(report["experiments"][0]["erasures"].size(), 2u);
  EXPECT_EQ(report["experiments"][0]["erasures"][1]["at"], "2026-01-02T00:00:00Z");
  EXPECT_NE(ReportHtml(report).find("Erased users"), std::string::npos);
}

}  // namespace
}  // namespace gfr
