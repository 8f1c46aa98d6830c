#include "automation/replica_load.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

std::string Metrics(int feeds, int within_10, int within_50, int all) {
  const auto bucket = [](const char* le, int n, const char* status = "200", const char* endpoint = "/v1/feed") {
    return std::string("gfr_request_duration_seconds_bucket{endpoint=\"") + endpoint + "\",status=\"" + status +
           "\",le=\"" + le + "\"} " + std::to_string(n) + "\n";
  };
  return "# HELP gfr_feeds_total Feeds served.\n# TYPE gfr_feeds_total counter\ngfr_feeds_total " +
         std::to_string(feeds) + "\n" + bucket("0.01", within_10) + bucket("0.05", within_50) + bucket("+Inf", all) +
         bucket("0.01", 1, "503") + bucket("0.05", 1, "503") + bucket("+Inf", 1, "503") +
         bucket("0.01", 77, "200", "/v1/events");
}

TEST(ReplicaLoad, ReadsFeedsAndTheirDurationsOfAllStatuses) {
  const ReplicaCounts counts = ReplicaCounts::Read(Metrics(12, 5, 9, 11) + "garbage\ngfr_feeds_total_of_others 7");
  EXPECT_EQ(counts.feeds, 12);
  ASSERT_EQ(counts.feeds_within.size(), 3u);
  EXPECT_EQ(counts.feeds_within.at(0.01), 6);
  EXPECT_EQ(counts.feeds_within.at(0.05), 10);
}

TEST(ReplicaLoad, AddsTheRatesOfAllServersOverTheWindow) {
  ReplicaLoad load;
  load.Add("a", 0, ReplicaCounts::Read(Metrics(100, 0, 0, 0)));
  EXPECT_EQ(load.feeds_per_minute(), 0);
  load.Add("a", 5000, ReplicaCounts::Read(Metrics(150, 0, 0, 0)));
  load.Add("b", 4000, ReplicaCounts::Read(Metrics(7, 0, 0, 0)));
  load.Add("b", 5000, ReplicaCounts::Read(Metrics(8, 0, 0, 0)));
  EXPECT_DOUBLE_EQ(load.feeds_per_minute(), 600 + 60);
  load.Forget("b");
  EXPECT_DOUBLE_EQ(load.feeds_per_minute(), 600);
}

TEST(ReplicaLoad, ForgetsWhatIsOlderThanTheWindow) {
  ReplicaLoad load;
  for (int s = 0; s <= 100; ++s)  // Ten a second, and none from the 50th on.
    load.Add("a", s * 1000, ReplicaCounts::Read(Metrics(10 * std::min(s, 50), 0, 0, 0)));
  EXPECT_EQ(load.feeds_per_minute(), 0);
}

TEST(ReplicaLoad, GivesTheBucketOfThe99thPercentileOfAllServersTogether) {
  ReplicaLoad load;
  EXPECT_EQ(load.p99_ms(), 0);
  load.Add("a", 0, ReplicaCounts::Read(Metrics(0, 1000, 1000, 1000)));
  load.Add("a", 1000, ReplicaCounts::Read(Metrics(0, 1980, 1990, 1990)));
  EXPECT_EQ(load.p99_ms(), 50);  // 980 of 990 within 10 ms, the rest within 50.
  load.Add("b", 0, ReplicaCounts::Read(Metrics(0, 0, 0, 0)));
  load.Add("b", 1000, ReplicaCounts::Read(Metrics(0, 990, 990, 990)));
  EXPECT_EQ(load.p99_ms(), 10);
}

}  // namespace
}  // namespace gfr
