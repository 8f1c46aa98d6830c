// Reports of experiments from a log that grows between looks.
#include "operations/experiment_results.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/set_clock.h"
#include "log/memory_log.h"
#include "operations/interleaving_credits.h"

namespace gfr {
namespace {

constexpr std::int64_t kStart = 1'767'225'600'000;  // 2026-01-01.

// A log in memory, written at set times.
class GrowingLog {
 public:
  GrowingLog() : log_(clock_) {}
  void Write(std::int64_t at_ms, Event e) {
    clock_.ms = e.time_ms = kStart + at_ms;
    e.id = std::to_string(++ids_);
    e.source = "test";
    ASSERT_TRUE(log_.Append({std::move(e)}).ok());
  }
  void Expose(std::int64_t at_ms, const std::string& user, const std::string& arm) {
    Write(at_ms, {.type = EventType::kExperimentExposure,
                  .user_id = user,
                  .variant = arm,
                  .context = {{.name = "experiment", .text = "price"}}});
  }
  void Click(std::int64_t at_ms, const std::string& user) {
    Write(at_ms, {.type = EventType::kFeedClick, .user_id = user, .items = {{.item_id = "i"}}});
  }
  void Join(std::int64_t at_ms, const std::string& login, const std::string& device) {
    Write(at_ms, {.type = EventType::kUserAlias, .user_id = login, .kind = device});
  }
  EventSource& source() { return log_; }

 private:
  SetClock clock_{kStart};
  MemoryLog log_;
  int ids_ = 0;
};

ExperimentSettings PriceSettings() {
  ExperimentSettings settings;
  Experiment price{.name = "price", .salt = "price"};
  price.arms = {{.name = "low"}, {.name = "high"}};
  settings.experiments.all = {price};
  settings.metrics = {{.name = "clicks",
                       .measure = MetricConfig::Measure::kCount,
                       .events = {EventType::kFeedClick},
                       .window_ms = kHourMs,
                       .lateness_ms = 0}};
  return settings;
}

std::string ReportOf(const ExperimentPass& pass) { return pass.Json(pass.Report({}), {}).dump(); }
std::vector<double> ExposedTo(const ExperimentPass& pass) { return pass.Report({}).results.at(0).exposed; }

TEST(ExperimentPass, FindsRobotsAsTheLogGrowsAndComesToWhatAWholePassComesTo) {
  ExperimentSettings settings = PriceSettings();
  settings.leave_out.robots = true;
  GrowingLog log;
  ExperimentPass watching(settings);
  log.Expose(0, "person", "low");
  log.Expose(1, "device", "high");
  for (int n = 0; n < 30; ++n) log.Click(10'000 + n * 5000, "device");
  ASSERT_TRUE(watching.Advance(log.source()).ok());
  EXPECT_EQ(ExposedTo(watching), (std::vector<double>{1, 1})) << "30 events make no robot";
  // Another id goes on at the same step; they are one person, and only together a robot.
  for (int n = 30; n < 60; ++n) log.Click(10'000 + n * 5000, "other");
  ASSERT_TRUE(watching.Advance(log.source()).ok());
  EXPECT_EQ(ExposedTo(watching), (std::vector<double>{1, 1}));
  log.Join(400'000, "login", "device");
  log.Join(400'001, "login", "other");
  ASSERT_TRUE(watching.Advance(log.source()).ok());
  EXPECT_EQ(ExposedTo(watching), (std::vector<double>{1, 0}));
  ExperimentPass whole(settings);
  ASSERT_TRUE(whole.Advance(log.source()).ok());
  EXPECT_EQ(ReportOf(watching), ReportOf(whole));
}

TEST(ExperimentPass, WhoIsNamedIsLeftOutUnderEveryIdOfTheirs) {
  ExperimentSettings settings = PriceSettings();
  settings.leave_out.users = {"staff"};
  GrowingLog log;
  log.Expose(0, "phone", "low");
  log.Expose(1, "person", "high");
  log.Join(2, "staff", "phone");
  ExperimentPass pass(settings);
  ASSERT_TRUE(pass.Advance(log.source()).ok());
  EXPECT_EQ(ExposedTo(pass), (std::vector<double>{0, 1}));
}

TEST(ExperimentPass, MeasuresDeclaredExperimentsAlone) {
  GrowingLog log;
  log.Expose(0, "u", "low");
  log.Write(1, {.type = EventType::kExperimentExposure,
                .user_id = "u",
                .variant = "a",
                .context = {{.name = "experiment", .text = "made up"}}});
  ExperimentPass pass(PriceSettings());
  ASSERT_TRUE(pass.Advance(log.source()).ok());
  const auto results = pass.Report({}).results;
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].design.name, "price");
}

TEST(ExperimentPass, APeriodOfTheAllocationIsAStratumAndEndsTheMetricsOfVariants) {
  ExperimentSettings settings = PriceSettings();
  settings.experiments.all.clear();
  settings.experiments.variants = {{.name = "low"}, {.name = "high"}};
  GrowingLog log;
  const auto serve = [&](std::int64_t at_ms, const std::string& user, const std::string& variant) {
    Event e{.type = EventType::kFeedRequest, .user_id = user, .request_id = user + std::to_string(at_ms)};
    e.served.positions = {{0, 0}};
    e.served.experiments = {{kVariantName, variant, false}};
    log.Write(at_ms, std::move(e));
  };
  serve(0, "moves", "low");
  log.Click(kMinuteMs, "moves");
  serve(31 * kMinuteMs, "moves", "high");
  log.Click(32 * kMinuteMs, "moves");
  serve(33 * kMinuteMs, "new", "high");
  log.Click(34 * kMinuteMs, "new");
  log.Click(9 * kHourMs, "last");
  ExperimentPass pass(settings);
  ASSERT_TRUE(pass.Advance(log.source()).ok());
  const AllocationPeriods periods{{kVariantName,
                                   {{.from_ms = kStart, .shares = {{"low", 0.9}, {"high", 0.1}}},
                                    {.from_ms = kStart + 30 * kMinuteMs, .shares = {{"low", 0.5}, {"high", 0.5}}}}}};
  const auto results = pass.Report(periods).results;
  ASSERT_EQ(results.size(), 1u);
  ASSERT_EQ(results[0].exposed_in, (std::vector<std::vector<double>>{{1, 0}, {0, 1}}));
  EXPECT_EQ(results[0].metrics.at(0).nonzero_control, 1);
  EXPECT_EQ(results[0].metrics.at(0).control.value, 1) << "the click after the move is not the first variant's";
  EXPECT_TRUE(results[0].warnings.empty());
}

TEST(InterleavingCredits, OfPeopleWhoAreLeftOutCountNothing) {
  GrowingLog log;
  const auto serve = [&](std::int64_t at_ms, const std::string& user) {
    Event e{.type = EventType::kFeedRequest, .user_id = user, .request_id = "r-" + user};
    e.items = {{.item_id = "i", .index = 0}};
    e.served.positions = {{0, 0}};
    e.served.unit = user;
    e.served.unit_kind = UnitKind::kUser;
    e.served.experiments = {{"pair", kInterleavedName, false}};
    e.served.interleaving = {.experiment = "pair", .credit = {1.0f}};
    log.Write(at_ms, std::move(e));
    log.Write(at_ms + 1,
              {.type = EventType::kFeedClick, .user_id = user, .request_id = "r-" + user, .items = {{.item_id = "i"}}});
  };
  serve(0, "person");
  serve(10, "phone");
  log.Join(20, "staff", "phone");
  log.Click(9 * kDayMs, "last");
  const Experiment pair{.name = "pair", .interleaves = true, .window_ms = kDayMs};
  LeaveOutConfig leave_out;
  const auto all = ReadInterleavingCredits(log.source(), pair, leave_out, {});
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all.value().credits.At(all.value().last_arrival_ms).units, 2);
  leave_out.users = {"staff"};
  const auto some = ReadInterleavingCredits(log.source(), pair, leave_out, {});
  ASSERT_TRUE(some.ok());
  EXPECT_EQ(some.value().credits.At(some.value().last_arrival_ms).units, 1);
  EXPECT_EQ(some.value().credits.At(some.value().last_arrival_ms).clicks, 1);
}

TEST(ReportPage, SaysWhatWasConcluded) {
  GrowingLog log;
  log.Expose(0, "u", "low");
  ExperimentPass pass(PriceSettings());
  ASSERT_TRUE(pass.Advance(log.source()).ok());
  nlohmann::ordered_json report = pass.Json(pass.Report({}), {});
  EXPECT_EQ(ReportHtml(report).find("Concluded"), std::string::npos);
  Conclusions conclusions;
  conclusions.by_experiment["price"] = {"roll back", "a < b", kStart + kDayMs};
  report = pass.Json(pass.Report({}), conclusions);
  EXPECT_NE(ReportHtml(report).find("<b>Concluded</b> at 2026-01-02T00:00:00Z: roll back: a &lt; b"),
            std::string::npos);
}

}  // namespace
}  // namespace gfr
