#include "experiment/metric_fold.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiment/results.h"

namespace gfr {
namespace {

// A log written by hand: records in order, each a minute after the one before unless said otherwise.
class FoldedLog {
 public:
  static constexpr std::int64_t kStart = 1'700'000'000'000;

  explicit FoldedLog(std::vector<MetricConfig> metrics, const AliasRule& rule = {},
                     const std::optional<ClusterConfig>& clusters = {})
      : metrics_(metrics), fold_(std::move(metrics), {{"price", {.clusters = clusters}}}, rule) {}

  Event& Next(EventType type, const std::string& user, std::int64_t at_ms) {
    Flush();
    pending_ = true;
    record_ = {.offset = offset_++, .arrival_ms = kStart + at_ms, .event = {}};
    record_.event.type = type;
    record_.event.time_ms = kStart + at_ms;
    record_.event.user_id = user;
    return record_.event;
  }
  void Expose(const std::string& user, const std::string& arm, std::int64_t at_ms, bool overridden = false) {
    Next(EventType::kFeedRequest, user, at_ms).served.experiments = {{"price", arm, overridden}};
  }
  void Buy(const std::string& user, double value, std::int64_t at_ms, const std::string& order = "") {
    Event& e = Next(EventType::kPurchase, user, at_ms);
    e.value = value;
    e.transaction_id = order;
    e.items = {{.item_id = "i"}};
  }
  void ArriveLater(std::int64_t by_ms) { record_.arrival_ms += by_ms; }
  std::vector<ExperimentUnits> Finish(std::int64_t now_ms, Key left_out = 0, std::vector<std::int64_t> cuts = {}) {
    Flush();
    MetricFold::Question question{
        .left_out = [&](Key person) { return person == left_out; }, .now_ms = kStart + now_ms, .cuts = {}};
    for (const std::int64_t at : cuts) question.cuts["price"].push_back(kStart + at);
    return fold_.Finish(question);
  }
  const ExposedUnit& Of(const std::vector<ExperimentUnits>& all, const std::string& user) {
    for (const ExposedUnit& unit : all.at(0).units) {
      if (unit.person == KeyOf(user)) return unit;
    }
    ADD_FAILURE() << user << " was not exposed";
    return all.at(0).units.at(0);
  }
  const std::vector<MetricConfig>& metrics() const { return metrics_; }

 private:
  void Flush() {
    if (pending_) fold_.Add(record_);
    pending_ = false;
  }
  const std::vector<MetricConfig> metrics_;
  MetricFold fold_;
  LogRecord record_;
  std::uint64_t offset_ = 0;
  bool pending_ = false;
};

std::vector<MetricConfig> MetricsOf(const std::string& toml) {
  auto config = Config::Parse(toml, "gfr.toml").value();
  auto metrics = MetricConfig::ReadAll(config);
  EXPECT_TRUE(metrics.ok()) << (metrics.ok() ? "" : metrics.error().ToString());
  return std::move(metrics).value();
}

constexpr const char* kRevenue = R"(
[[metric]]
name = "revenue"
window = "2d"
returns = "1d"
before = "10d"
winsorise = 0
)";

TEST(MetricConfig, RefusesAKindThatDoesNotExistAndNamesTheValidOnes) {
  auto config = Config::Parse("[[metric]]\nname = \"conversoin\"\n", "gfr.toml").value();
  const auto metrics = MetricConfig::ReadAll(config);
  ASSERT_FALSE(metrics.ok());
  EXPECT_NE(metrics.error().ToString().find("gfr.toml:2"), std::string::npos) << metrics.error().ToString();
  EXPECT_NE(metrics.error().message.find("conversion, purchases"), std::string::npos);
  for (const char* bad : {"name = \"clicks\"\nwindow = \"0s\"", "name = \"a\"\nkind = \"count\"",
                          "name = \"clicks\"\nmargin = 0.1", "name = \"value\"\nkind = \"clicks\"",
                          "name = \"retention\"\nfrom = \"8d\"", "name = \"clicks\"\nrole = \"judge\""}) {
    auto other = Config::Parse(std::string("[[metric]]\n") + bad + "\n", "gfr.toml").value();
    EXPECT_FALSE(MetricConfig::ReadAll(other).ok()) << bad;
  }
}

TEST(MetricFold, CountsEventsFromExposureToTheEndOfTheWindowThatArriveInTime) {
  FoldedLog log(MetricsOf(kRevenue));
  log.Buy("u", 100, -kDayMs);  // Before: the covariate.
  log.Expose("u", "high", 0);
  log.Buy("u", 1, 0);
  log.Buy("u", 2, 2 * kDayMs - 1);
  log.Buy("u", 4, 2 * kDayMs);  // After the window.
  log.Buy("u", 8, kDayMs);      // Arrives too late: window 2 d, returns 1 d, lateness 1 d.
  log.ArriveLater(3 * kDayMs);
  const auto units = log.Finish(5 * kDayMs);
  const UnitMetric& got = log.Of(units, "u").metrics.at(0);
  EXPECT_EQ(got.value, 3);
  EXPECT_EQ(got.before, 100);
  EXPECT_TRUE(got.mature);
}

TEST(MetricFold, AUnitIsMatureWhenWindowReturnsAndLatenessAreOver) {
  FoldedLog log(MetricsOf(kRevenue));
  log.Expose("u", "high", 0);
  EXPECT_FALSE(log.Of(log.Finish(4 * kDayMs - 1), "u").metrics.at(0).mature);
  EXPECT_TRUE(log.Of(log.Finish(4 * kDayMs), "u").metrics.at(0).mature);
}

TEST(MetricFold, RevenueIsNetOfReturnsOfItsOwnPurchases) {
  FoldedLog log(MetricsOf(kRevenue));
  log.Buy("u", 50, -kDayMs, "old");
  log.Expose("u", "high", 0);
  log.Buy("u", 30, 1000, "a");
  log.Buy("u", 20, 2000, "b");
  log.Next(EventType::kPurchaseReturn, "u", kDayMs).transaction_id = "old";    // Of a purchase before exposure.
  Event& part = log.Next(EventType::kPurchaseReturn, "u", 2 * kDayMs + 1000);  // Within `returns`.
  part.transaction_id = "a", part.value = 12;
  log.Next(EventType::kPurchaseCancel, "u", 3000).transaction_id = "b";  // All of it.
  Event& late = log.Next(EventType::kPurchaseReturn, "u", 3 * kDayMs);   // After `returns`.
  late.transaction_id = "a", late.value = 18;
  EXPECT_EQ(log.Of(log.Finish(9 * kDayMs), "u").metrics.at(0).value, 18);
}

TEST(MetricFold, APersonStaysInTheArmOfFirstExposureWhicheverIdCame) {
  FoldedLog log(MetricsOf(kRevenue));
  log.Expose("phone", "low", 0);
  log.Buy("phone", 5, 1000);
  log.Expose("login", "high", 2000);
  log.Buy("login", 7, 3000);
  log.Next(EventType::kUserAlias, "login", 4000).kind = "phone";
  log.Expose("skipped", "low", 5000, /*overridden=*/true);
  const auto units = log.Finish(9 * kDayMs);
  ASSERT_EQ(units.at(0).units.size(), 1u);
  const ExposedUnit& unit = log.Of(units, "login");
  EXPECT_EQ(units.at(0).arms.at(unit.arm), "low");
  EXPECT_TRUE(unit.other_arm);
  EXPECT_EQ(unit.metrics.at(0).value, 12);
  EXPECT_TRUE(log.Finish(9 * kDayMs, KeyOf("login")).empty());
}

TEST(MetricFold, TheCovariateEndsAtTheExperimentsStartForThoseWhoComeLater) {
  FoldedLog log(MetricsOf(kRevenue));
  log.Buy("late", 3, -kDayMs);
  log.Expose("first", "high", 0);
  log.Buy("late", 100, kDayMs);  // Before its exposure, and after the experiment's start.
  log.Expose("late", "low", 2 * kDayMs);
  const auto units = log.Finish(20 * kDayMs);
  EXPECT_EQ(log.Of(units, "late").metrics.at(0).before, 3);
  EXPECT_TRUE(log.Of(units, "late").has_history);
  EXPECT_FALSE(log.Of(units, "first").has_history);
}

TEST(MetricFold, AnExposureEventNamesItsExperimentInItsContext) {
  FoldedLog log(MetricsOf(kRevenue));
  Event& e = log.Next(EventType::kExperimentExposure, "u", 0);
  e.variant = "high";
  e.context = {{.name = "experiment", .text = "price"}};
  const auto units = log.Finish(0);
  EXPECT_EQ(units.at(0).experiment, "price");
  EXPECT_EQ(units.at(0).units.size(), 1u);
}

TEST(MetricFold, ADeviceThatChangesHandsIsTwoUnitsEachWithWhatItsOwnerDid) {
  FoldedLog log(MetricsOf(kRevenue), {.keeps = AliasRule::Keeps::kLast});
  log.Next(EventType::kUserAlias, "ann", -2000).kind = "phone";
  log.Expose("phone", "high", 0);
  log.Buy("phone", 5, 1000);
  log.Next(EventType::kUserAlias, "ben", 2000).kind = "phone";
  log.Expose("phone", "high", 3000);
  log.Buy("phone", 7, 4000);
  const auto units = log.Finish(9 * kDayMs);
  ASSERT_EQ(units.at(0).units.size(), 2u);
  EXPECT_EQ(log.Of(units, "ann").metrics.at(0).value, 5);
  EXPECT_EQ(log.Of(units, "ben").metrics.at(0).value, 7);
}

TEST(MetricFold, ADeviceOfTooManyLoginsIsAUnitOfItsOwn) {
  FoldedLog log(MetricsOf(kRevenue), {.max_logins = 1});
  log.Next(EventType::kUserAlias, "ann", -2000).kind = "kiosk";
  log.Expose("kiosk", "high", 0);
  log.Buy("kiosk", 5, 1000);
  log.Next(EventType::kUserAlias, "ben", 2000).kind = "kiosk";
  log.Expose("kiosk", "low", 3000);
  log.Buy("kiosk", 7, 4000);
  const auto units = log.Finish(9 * kDayMs);
  ASSERT_EQ(units.at(0).units.size(), 2u);
  EXPECT_EQ(log.Of(units, "ann").metrics.at(0).value, 5);
  const ExposedUnit& kiosk = log.Of(units, "kiosk");
  EXPECT_EQ(units.at(0).arms.at(kiosk.arm), "low");
  EXPECT_EQ(kiosk.metrics.at(0).value, 7);
}

TEST(MetricFold, ExposuresToExperimentsThatNobodyAskedAboutAreNone) {
  FoldedLog log(MetricsOf(kRevenue));
  Event& e = log.Next(EventType::kExperimentExposure, "u", 0);
  e.variant = "high";
  e.context = {{.name = "experiment", .text = "made up by a client"}};
  EXPECT_TRUE(log.Finish(9 * kDayMs).empty());
  log.Expose("u", "high", 1000);
  EXPECT_EQ(log.Finish(9 * kDayMs).size(), 1u);
}

TEST(MetricFold, WindowsOfAllArmsEndWhereUnitsMove) {
  FoldedLog log(MetricsOf(kRevenue));
  log.Expose("stays", "high", 0);
  log.Expose("moves", "low", 0);
  for (const char* user : {"stays", "moves"}) {
    log.Buy(user, 1, kHourMs);
    log.Buy(user, 10, kDayMs + kHourMs);  // After the move, within the window.
  }
  log.Expose("moves", "high", kDayMs + kHourMs);
  log.Expose("new", "high", kDayMs + kHourMs);
  log.Buy("new", 100, 2 * kDayMs);
  const auto units = log.Finish(9 * kDayMs, 0, {kDayMs});
  EXPECT_EQ(log.Of(units, "stays").metrics.at(0).value, 1);
  EXPECT_EQ(log.Of(units, "moves").metrics.at(0).value, 1);
  EXPECT_EQ(log.Of(units, "new").metrics.at(0).value, 100);
}

TEST(MetricFold, MoneyIsCutAtTheQuantileOfTheSameWindowBeforeTheStartWithoutACovariateToo) {
  FoldedLog log(MetricsOf("[[metric]]\nname = \"revenue\"\nwindow = \"2d\"\nbefore = \"0s\"\nwinsorise = 0.9\n"));
  for (int n = 0; n < 100; ++n) {
    log.Buy("known" + std::to_string(n), 1000, -5 * kDayMs);  // Longer ago than a window.
    log.Buy("known" + std::to_string(n), n + 1, -kDayMs);
  }
  log.Expose("u", "high", 0);
  log.Buy("u", 1e6, 1000);
  const auto units = log.Finish(9 * kDayMs);
  EXPECT_EQ(units.at(0).caps.at(0).people, 100);
  EXPECT_NEAR(units.at(0).caps.at(0).value, 90, 1);
  const ExperimentDesign design{.name = "price", .arms = {"high", "low"}, .weights = {1, 1}};
  const auto results = AnalyzeExperiment(design, log.metrics(), units.at(0), FoldedLog::kStart + 9 * kDayMs);
  EXPECT_NEAR(results.metrics.at(0).control.value, 90, 1);
}

TEST(MetricFold, AQuantileOfTooFewPeopleCutsNothingAndTheReportSaysSo) {
  FoldedLog log(MetricsOf("[[metric]]\nname = \"revenue\"\nwindow = \"2d\"\nbefore = \"0s\"\n"));
  for (int n = 0; n < 99; ++n) log.Buy("known" + std::to_string(n), n + 1, -kDayMs);
  log.Expose("u", "high", 0);
  log.Buy("u", 1e6, 1000);
  const auto units = log.Finish(9 * kDayMs);
  const ExperimentDesign design{.name = "price", .arms = {"high", "low"}, .weights = {1, 1}};
  const auto results = AnalyzeExperiment(design, log.metrics(), units.at(0), FoldedLog::kStart + 9 * kDayMs);
  EXPECT_EQ(results.metrics.at(0).control.value, 1e6);
  const auto how = ResultsJson(results, log.metrics())["metrics"][0]["how"].get<std::string>();
  EXPECT_NE(how.find("values are not cut: their 0.999 quantile takes 10000 people"), std::string::npos) << how;
}

TEST(MetricFold, OfASwitchbackAPersonCountsInEachPeriodAndNothingReachesBeyondIt) {
  FoldedLog log(MetricsOf(kRevenue), {}, ClusterConfig{.by = "surface", .period_ms = kDayMs});
  const auto day_ms = FoldedLog::kStart / kDayMs * kDayMs - FoldedLog::kStart;  // kStart is within a day.
  const auto expose = [&](const std::string& arm, std::int64_t at_ms) {
    Event& e = log.Next(EventType::kFeedRequest, "u", at_ms);
    e.surface = "home";
    e.served.experiments = {{"price", arm, false}};
  };
  expose("low", day_ms + kDayMs);
  log.Buy("u", 1, day_ms + kDayMs + 1000);
  expose("high", day_ms + 2 * kDayMs + kHourMs);
  log.Buy("u", 10, day_ms + 2 * kDayMs + 2 * kHourMs);
  log.Buy("u", 100, day_ms + 3 * kDayMs);
  const auto units = log.Finish(20 * kDayMs);
  ASSERT_EQ(units.at(0).units.size(), 2u);
  EXPECT_NE(units[0].units[0].cluster, units[0].units[1].cluster);
  EXPECT_EQ(units[0].units[0].metrics[0].value, 1);
  EXPECT_EQ(units[0].units[1].metrics[0].value, 10);
  EXPECT_FALSE(units[0].units[0].other_arm) << "it met one arm in that period";
}

TEST(MetricFold, DaysOpensADayRetentionAndRatiosAreCountedByUnit) {
  FoldedLog log(MetricsOf(R"(
[[metric]]
name = "days_active"
window = "4d"
[[metric]]
name = "app_opens_per_day"
window = "4d"
[[metric]]
name = "retention"
from = "1d"
window = "4d"
[[metric]]
name = "click_rate"
kind = "count"
events = "feed.click"
per = "feed.impression"
window = "4d"
)"));
  log.Expose("u", "high", 0);
  for (const std::int64_t hour : {0, 1, 2, 30}) log.Next(EventType::kAppOpen, "u", hour * kHourMs + 1);
  for (int k = 0; k < 3; ++k) log.Next(EventType::kFeedImpression, "u", kHourMs + k);
  log.Next(EventType::kFeedClick, "u", 2 * kHourMs);
  const auto units = log.Finish(9 * kDayMs);
  const auto& m = log.Of(units, "u").metrics;
  EXPECT_EQ(m[0].value, 3);  // kStart is 22:13 UTC: the opens fall on three days.
  EXPECT_EQ(m[1].value, 1);
  EXPECT_EQ(m[2].value, 1);
  EXPECT_EQ(m[3].value, 1);
  EXPECT_EQ(m[3].denominator, 3);
}

}  // namespace
}  // namespace gfr
