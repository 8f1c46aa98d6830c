#include "monitor/live_traffic.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/rng.h"
#include "monitor/drift_options.h"
#include "monitor/traffic_judgement.h"

namespace gfr {
namespace {

constexpr std::int64_t kBeginMs = 1767225600000;  // 2026-01-01

LogRecord RecordAt(std::int64_t arrival_ms, EventType type, const std::string& user, const std::string& request,
                   std::vector<std::string> items) {
  LogRecord record{.arrival_ms = arrival_ms};
  record.event.type = type;
  record.event.time_ms = arrival_ms;
  record.event.source = "app";
  record.event.user_id = user;
  record.event.request_id = request;
  for (std::string& item : items) record.event.items.push_back({.item_id = std::move(item)});
  return record;
}

TrafficCount Sum(const LiveTraffic& traffic, const std::string& name) {
  const auto id = static_cast<std::size_t>(std::ranges::find(traffic.names(), name) - traffic.names().begin());
  TrafficCount sum;
  for (const auto& [hour, counts] : traffic.hours()) {
    if (id < counts.size()) sum = {sum.count + counts[id].count, sum.of + counts[id].of};
  }
  return sum;
}

TEST(LiveTraffic, CountsByTypeAndJoinsRequestToPurchase) {
  std::vector<LogRecord> records;
  const auto add = [&](int minute, EventType type, const char* user, const char* request,
                       std::vector<std::string> items) {
    records.push_back(RecordAt(kBeginMs + minute * kMinuteMs, type, user, request, std::move(items)));
    records.back().offset = records.size() - 1;
  };
  add(0, EventType::kFeedRequest, "u", "r1", {"a", "b"});
  add(1, EventType::kFeedRequest, "u", "r2", {"a", "b"});
  add(2, EventType::kFeedImpression, "u", "r1", {"a", "b"});
  add(3, EventType::kFeedClick, "u", "r1", {"a"});
  add(4, EventType::kFeedClick, "u", "r2", {"b"});    // Of a request that was not shown.
  add(5, EventType::kFeedClick, "u", "r9", {"b"});    // Of none.
  add(6, EventType::kFeedImpression, "u", "r9", {});  // Likewise.
  add(7, EventType::kPurchase, "u", "", {"a", "c"});  // One of them was clicked.
  LiveTraffic traffic;
  for (const LogRecord& record : records) traffic.Fold(record);
  traffic.Advance(kBeginMs + 3 * kHourMs);
  EXPECT_EQ(Sum(traffic, "feed.click from app"), (TrafficCount{3, 0}));
  EXPECT_EQ(Sum(traffic, "request shown"), (TrafficCount{1, 2}));
  EXPECT_EQ(Sum(traffic, "impression known"), (TrafficCount{1, 2}));
  EXPECT_EQ(Sum(traffic, "click known"), (TrafficCount{2, 3}));
  EXPECT_EQ(Sum(traffic, "click shown"), (TrafficCount{1, 2}));
  EXPECT_EQ(Sum(traffic, "purchase clicked"), (TrafficCount{1, 2}));
}

TEST(LiveTraffic, CountsClocksFieldsAndWhatWasRefused) {
  LiveTraffic traffic;
  LogRecord late = RecordAt(kBeginMs, EventType::kItemView, "u", "", {"a"}), ahead = late, asked = late;
  late.event.time_ms -= 2 * kHourMs;
  ahead.event.time_ms += kMinuteMs;
  asked.event.type = EventType::kFeedRequest;
  asked.event.context = {{.name = "city", .text = "Rome"}};
  LogRecord without = asked;
  without.event.context.clear();
  std::uint64_t offset = 0;
  for (LogRecord record : {late, ahead, asked, without}) {
    record.offset = offset++;
    traffic.Fold(record);
    traffic.Fold(record);  // Passed over.
  }
  traffic.AddRefused(kBeginMs, 2, 3, 20);
  EXPECT_EQ(Sum(traffic, "clock late from app"), (TrafficCount{1, 2}));
  EXPECT_EQ(Sum(traffic, "clock ahead from app"), (TrafficCount{1, 2}));
  EXPECT_EQ(Sum(traffic, "field context.city of feed.request"), (TrafficCount{1, 2}));
  EXPECT_EQ(Sum(traffic, "refused"), (TrafficCount{2, 20}));
  EXPECT_EQ(Sum(traffic, "twice"), (TrafficCount{3, 20}));
}

TEST(LiveTraffic, GoesOnFromItsBytesAsIfItHadNeverStopped) {
  std::vector<LogRecord> records;
  Rng rng(1);
  for (int i = 0; i < 600; ++i) {
    const EventType types[] = {EventType::kFeedRequest, EventType::kFeedImpression, EventType::kFeedClick,
                               EventType::kPurchase};
    records.push_back(RecordAt(kBeginMs + i * kMinuteMs, types[rng.Below(4)], "u" + std::to_string(rng.Below(5)),
                               "r" + std::to_string(rng.Below(50)), {"i" + std::to_string(rng.Below(9))}));
    records.back().offset = static_cast<std::uint64_t>(i);
    records.back().event.source = "s" + std::to_string(rng.Below(30));
  }
  LiveTraffic whole;
  for (std::size_t i = 0; i < records.size(); ++i) {
    whole.Fold(records[i]);
    if (i == 400) whole.Advance(records[i].arrival_ms);
  }
  for (std::size_t stop = 1; stop < records.size(); stop += 97) {
    LiveTraffic before, after;
    for (std::size_t i = 0; i < records.size(); ++i) {
      LiveTraffic& traffic = i < stop ? before : after;
      if (i == stop) {
        const Status restored = after.Restore(before.Encode());
        ASSERT_TRUE(restored.ok()) << restored.error().message;
        EXPECT_EQ(after.next(), stop);
      }
      traffic.Fold(records[i]);
      if (i == 400) traffic.Advance(records[i].arrival_ms);
    }
    ASSERT_EQ(after.Encode(), whole.Encode()) << stop;
  }
  const std::string bytes = whole.Encode();
  for (std::size_t size = 0; size < bytes.size(); size += 31)
    EXPECT_EQ(LiveTraffic().Restore(std::string_view(bytes).substr(0, size)).error().code, ErrorCode::kCorrupt) << size;
}

TEST(LiveTraffic, FollowsABoundedShareOfManyRequests) {
  LiveTraffic traffic;
  const int requests = 3 * static_cast<int>(LiveTraffic::kMostKeys);
  std::uint64_t offset = 0;
  for (int i = 0; i < requests; ++i) {
    for (const EventType type : {EventType::kFeedRequest, EventType::kFeedImpression}) {
      if (type == EventType::kFeedImpression && i % 4 == 0) continue;
      LogRecord record = RecordAt(kBeginMs + i, type, "u", "r" + std::to_string(i), {"a"});
      record.offset = offset++;
      traffic.Fold(record);
    }
  }
  traffic.Advance(kBeginMs + 3 * kHourMs);
  const TrafficCount shown = Sum(traffic, "request shown");
  EXPECT_LE(shown.of, LiveTraffic::kMostKeys);
  EXPECT_GT(shown.of, LiveTraffic::kMostKeys / 3);
  EXPECT_NEAR(static_cast<double>(shown.count) / static_cast<double>(shown.of), 0.75, 0.02);
}

// Hours of requests, shown ones and clicks with a rhythm of day and week, made as counts.
struct Change {
  double volume = 1, shown = 0.8, late = 0.01;
};
LiveTraffic TrafficOf(std::uint64_t seed, int days, const std::function<Change(int hour)>& change) {
  LiveTraffic traffic;
  Rng rng(seed);
  std::uint64_t offset = 0;
  for (int hour = 0; hour < days * 24; ++hour) {
    const Change now = change(hour);
    const double daily = 0.6 + 0.4 * std::sin((hour % 24 - 8) * 0.2618);
    const bool weekend = (hour / 24) % 7 >= 5;
    const auto requests =
        static_cast<int>(rng.Poisson(60 * daily * (weekend ? 1.2 : 1) * now.volume * std::exp(0.05 * rng.Normal())));
    for (int i = 0; i < requests; ++i) {
      const std::string request = std::to_string(hour) + "-" + std::to_string(i);
      const std::int64_t at = kBeginMs + hour * kHourMs + i;
      for (const EventType type : {EventType::kFeedRequest, EventType::kFeedImpression}) {
        if (type == EventType::kFeedImpression && !rng.Chance(now.shown)) continue;
        LogRecord record = RecordAt(at, type, "u", request, {"a"});
        if (rng.Chance(now.late)) record.event.time_ms -= 2 * kHourMs;
        record.offset = offset++;
        traffic.Fold(record);
      }
    }
    traffic.Advance(kBeginMs + (hour + 1) * kHourMs);
  }
  return traffic;
}

TrafficJudgement JudgedTraffic(const LiveTraffic& traffic, int days) {
  return JudgeTraffic(traffic, kBeginMs + days * kDayMs, DriftOptions{}.AlertsADay(5));
}

TEST(JudgeTraffic, IsQuietOnQuietDays) {
  std::size_t alerts = 0;
  for (const std::uint64_t seed : {1, 2, 3}) {
    const TrafficJudgement judged = JudgedTraffic(TrafficOf(seed, 44, [](int) { return Change{}; }), 44);
    alerts += judged.alerts.size();
    EXPECT_TRUE(std::isfinite(judged.threshold));
    EXPECT_TRUE(judged.by_hour_of_week);
  }
  EXPECT_LE(alerts, 2u);
}

TEST(JudgeTraffic, NamesWhatChangedWithinThreeHours) {
  struct Fault {
    const char* name;
    AlertKind kind;
    Change change;
  };
  const Fault faults[] = {{"feed.impression from app", AlertKind::kVolume, {.volume = 0.2}},
                          {"request shown", AlertKind::kInstrumentation, {.shown = 0.3}},
                          {"clock late from app", AlertKind::kInstrumentation, {.late = 0.6}}};
  const int from_hour = 30 * 24 + 12;
  for (const Fault& fault : faults) {
    const TrafficJudgement judged =
        JudgedTraffic(TrafficOf(7, 32, [&](int hour) { return hour >= from_hour ? fault.change : Change{}; }), 32);
    const std::int64_t from_ms = kBeginMs + from_hour * kHourMs;
    const auto alert = std::ranges::find_if(judged.alerts, [&](const DriftAlert& a) { return a.found_ms > from_ms; });
    ASSERT_NE(alert, judged.alerts.end()) << fault.name;
    std::vector<std::string> names = alert->grouped;
    names.push_back(alert->name);
    EXPECT_GT(std::ranges::count(names, fault.name), 0) << fault.name << ": " << alert->text;
    EXPECT_EQ(alert->since_ms, from_ms) << fault.name;
    EXPECT_LE(alert->found_ms, from_ms + 3 * kHourMs) << fault.name;
    EXPECT_TRUE(alert->open);
  }
}

TEST(JudgeTraffic, AnAlertIsTheSameWheneverItIsAskedFor) {
  const LiveTraffic traffic =
      TrafficOf(7, 34, [](int hour) { return hour >= 30 * 24 && hour < 31 * 24 ? Change{.volume = 0.2} : Change{}; });
  const TrafficJudgement early = JudgedTraffic(traffic, 31), late = JudgedTraffic(traffic, 34);
  ASSERT_FALSE(early.alerts.empty());
  const auto same = std::ranges::find(late.alerts, early.alerts.back().id, &DriftAlert::id);
  ASSERT_NE(same, late.alerts.end());
  EXPECT_TRUE(early.alerts.back().open);
  EXPECT_FALSE(same->open);
}

TEST(JudgeTraffic, SaysNothingOfAFewDays) {
  const TrafficJudgement judged =
      JudgedTraffic(TrafficOf(1, 5, [](int hour) { return hour > 100 ? Change{.volume = 0} : Change{}; }), 5);
  EXPECT_TRUE(judged.alerts.empty());
  EXPECT_TRUE(std::isinf(judged.threshold));
  EXPECT_FALSE(judged.series.empty());
}

}  // namespace
}  // namespace gfr
