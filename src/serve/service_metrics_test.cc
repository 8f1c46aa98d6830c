#include "serve/service_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "feed/feed.h"
#include "runtime/test_prometheus.h"

namespace gfr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(ServiceMetricsTest, CallsAndStagesAreTimedByEndpointStatusAndStage) {
  ServiceMetrics metrics;
  const auto explain = std::make_shared<const Operation>(Operation{.id = "explain", .problems = {410}});
  metrics.Declare({{.method = "POST", .path = "/v1/feed", .scope = AccessScope::kFeed, .lane = Lane::kCompute},
                   {.method = "GET",
                    .path = "/v1/explain/",
                    .scope = AccessScope::kAdmin,
                    .lane = Lane::kBlocking,
                    .operation = explain}});
  ++metrics.feeds;
  metrics.accepted += 3;
  metrics.Answered("/v1/feed", 503, 0.002);
  metrics.Answered("/v1/explain/", 410, 0.001);
  metrics.Ranked("scores", 0.0003);
  metrics.log_records.Set(7);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("\ngfr_feeds_total 1\n"));
  EXPECT_THAT(text, HasSubstr("\ngfr_events_accepted_total 3\n"));
  EXPECT_THAT(text, HasSubstr("gfr_request_duration_seconds_count{endpoint=\"/v1/feed\",status=\"503\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("gfr_request_duration_seconds_count{endpoint=\"/v1/explain/\",status=\"410\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("gfr_rank_stage_duration_seconds_count{stage=\"scores\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\ngfr_log_records 7\n"));
  EXPECT_THAT(PrometheusFaults(text), ElementsAre());
}

TEST(ServiceMetricsTest, WhatWasShownIsCountedByChannelAndSource) {
  ServiceMetrics metrics;
  metrics.Shown({{.item_id = "a", .channel = "exploit", .source = "affinity"},
                 {.item_id = "b", .channel = "exploit", .source = "affinity"},
                 {.item_id = "c", .channel = "exploit", .source = "similar"},
                 {.item_id = "d", .channel = "exploit", .source = "affinity"}});
  metrics.Shown({{.item_id = "a", .channel = "supplied"}});
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("gfr_feed_items_total{channel=\"exploit\",source=\"affinity\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("gfr_feed_items_total{channel=\"exploit\",source=\"similar\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("gfr_feed_items_total{channel=\"supplied\",source=\"supplied\"} 1\n"));
}

TEST(ServiceMetricsTest, WhatAClientMakesUpIsOneSeries) {
  ServiceMetrics metrics;
  for (int i = 0; i < 1000; ++i) metrics.Answered("/made/up/" + std::to_string(i), 600 + i, 0.001);
  EXPECT_THAT(metrics.Text(),
              HasSubstr("gfr_request_duration_seconds_count{endpoint=\"other\",status=\"other\"} 1000\n"));
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("made")));
}

}  // namespace
}  // namespace gfr
