#include "runtime/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/file_system.h"
#include "base/test_folder.h"
#include "runtime/test_prometheus.h"

namespace gfr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

void AddSome(Telemetry* telemetry) {
  auto& requests = telemetry->AddHistogram("gfr_request_duration_seconds", "Time of a request.", {0.1, 1},
                                           {{"endpoint", {"feed", "events"}}, {"status", {"2xx", "5xx"}}});
  requests.With({"feed", "2xx"}).Observe(0.1);
  requests.With({"feed", "2xx"}).Observe(0.5);
  requests.With({"feed", "2xx"}).Observe(7);
  requests.With({"made/up", "2xx"}).Observe(0.01);
  telemetry->AddCounter("gfr_events_total", "Events, with a \\ and\na new line.")->Add(3);
  telemetry->AddGauge("gfr_state_bytes", "Memory.", {{"feed", {"a \"quoted\"\n\\name"}}})
      .With({"a \"quoted\"\n\\name"})
      .Set(1.5e9);
}

TEST(TelemetryTest, TheTextIsWhatPrometheusReads) {
  Telemetry telemetry;
  AddSome(&telemetry);
  EXPECT_THAT(telemetry.Text(),
              HasSubstr("# HELP gfr_request_duration_seconds Time of a request.\n"
                        "# TYPE gfr_request_duration_seconds histogram\n"
                        "gfr_request_duration_seconds_bucket{endpoint=\"feed\",status=\"2xx\",le=\"0.1\"} 1\n"
                        "gfr_request_duration_seconds_bucket{endpoint=\"feed\",status=\"2xx\",le=\"1\"} 2\n"
                        "gfr_request_duration_seconds_bucket{endpoint=\"feed\",status=\"2xx\",le=\"+Inf\"} 3\n"
                        "gfr_request_duration_seconds_sum{endpoint=\"feed\",status=\"2xx\"} 7.6\n"
                        "gfr_request_duration_seconds_count{endpoint=\"feed\",status=\"2xx\"} 3\n"));
  EXPECT_THAT(telemetry.Text(), HasSubstr("\ngfr_events_total 3\n"));
  EXPECT_THAT(telemetry.Text(), HasSubstr("gfr_state_bytes{feed=\"a \\\"quoted\\\"\\n\\\\name\"} 1.5e+09\n"));
  EXPECT_THAT(PrometheusFaults(telemetry.Text()), ElementsAre());
}

TEST(TelemetryTest, AHistogramEstimatesItsQuantilesAsPrometheusDoes) {
  const std::vector<double> bounds{1, 2, 4};
  Histogram histogram(bounds);
  EXPECT_TRUE(std::isnan(histogram.Quantile(0.5)));
  histogram.Observe(0.7, 50);
  histogram.Observe(3, 50);
  EXPECT_DOUBLE_EQ(histogram.Quantile(0.25), 0.5) << "half of the first bucket's values";
  EXPECT_DOUBLE_EQ(histogram.Quantile(0.5), 1);
  EXPECT_DOUBLE_EQ(histogram.Quantile(0.75), 3);
  EXPECT_DOUBLE_EQ(histogram.sum(), 50 * 0.7 + 50 * 3);
  histogram.Observe(100, 1000);
  EXPECT_DOUBLE_EQ(histogram.Quantile(0.99), 4) << "above the last bound nothing is known";
}

TEST(TelemetryTest, AValueThatWasNotDeclaredCountsAsOther) {
  Telemetry telemetry;
  auto& feeds = telemetry.AddCounter("gfr_feeds_total", "Feeds.", {{"feed", {"home"}}});
  for (int i = 0; i < 100; ++i) feeds.With({"made-up-" + std::to_string(i)}).Add();
  EXPECT_THAT(telemetry.Text(), HasSubstr("gfr_feeds_total{feed=\"other\"} 100\n"));
  EXPECT_THAT(telemetry.Text(), Not(HasSubstr("made-up")));
  feeds.Declare("feed", "made-up-1");
  feeds.With({"made-up-1"}).Add(2);
  EXPECT_THAT(telemetry.Text(), HasSubstr("gfr_feeds_total{feed=\"made-up-1\"} 2\n"));
}

TEST(TelemetryTest, GaugesAreRefreshedBeforeTheTextIsMade) {
  Telemetry telemetry;
  Gauge& size = *telemetry.AddGauge("gfr_log_records", "Records.");
  int calls = 0;
  telemetry.BeforeText([&] { size.Set(++calls); });
  EXPECT_THAT(telemetry.Text(), HasSubstr("\ngfr_log_records 1\n"));
  EXPECT_THAT(telemetry.Text(), HasSubstr("\ngfr_log_records 2\n"));
}

TEST(TelemetryTest, NothingIsLostWhenThreadsCountTogether) {
  Telemetry telemetry;
  auto& counted = telemetry.AddCounter("gfr_counted_total", "Counts.", {{"by", {"all"}}});
  Histogram& observed = *telemetry.AddHistogram("gfr_observed_seconds", "Times.", kDurationsS);
  {
    std::vector<Thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back("counts", [&] {
        for (int i = 0; i < 1000; ++i) {
          counted.With({"all"}).Add();
          observed.Observe(1);
        }
      });
    }
  }
  EXPECT_EQ(counted.With({"all"}).value(), 4000u);
  EXPECT_EQ(observed.count(), 4000u);
  EXPECT_EQ(observed.sum(), 4000.0);
}

// The checker of the tests finds what it is for.
TEST(PrometheusFaultsTest, BadTextIsFound) {
  const std::string good = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\"} 1\na_total{x=\"2\"} 1\n";
  EXPECT_THAT(PrometheusFaults(good), ElementsAre());
  for (const char* bad : {
           "a_total 1\n",                                                        // No HELP and TYPE.
           "# HELP a_total A.\n# TYPE a_total counter\na_total 1\na_total 2\n",  // Twice.
           "# HELP a A.\n# TYPE a counter\na 1\n",                               // A counter without _total.
           "# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n",               // A gauge with it.
           "# HELP a_total A.\n# TYPE a_total counter\na_total{x=1} 1\n",        // No quotes.
           "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\"} one\n",  // No number.
           "# HELP a_total A.\n# TYPE a_total counter\na_total 1",               // No end of line.
           "# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n",                        // No base unit.
           "# HELP a_seconds A.\n# TYPE a_seconds histogram\na_seconds_bucket{le=\"1\"} 2\n"
           "a_seconds_bucket{le=\"+Inf\"} 1\na_seconds_sum 1\na_seconds_count 1\n",  // Buckets descend.
           "# HELP a_seconds A.\n# TYPE a_seconds histogram\na_seconds_bucket{le=\"1\"} 1\n"
           "a_seconds_sum 1\na_seconds_count 1\n",  // No +Inf.
       })
    EXPECT_FALSE(PrometheusFaults(bad).empty()) << bad;
}

TEST(TelemetryTest, PromtoolAcceptsTheTextWhereItIsInstalled) {
  if (std::system("promtool --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  Telemetry telemetry;
  AddSome(&telemetry);
  const TestFolder folder;
  ASSERT_TRUE(PublishFile(PosixFileSystem(), folder.path() + "/metrics", telemetry.Text()).ok());
  EXPECT_EQ(std::system(("promtool check metrics < '" + folder.path() + "/metrics'").c_str()), 0);
}

}  // namespace
}  // namespace gfr
