#include "doctor/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/key_sample.h"
#include "base/rng.h"
#include "base/time.h"
#include "event/activity.h"

namespace gfr {
namespace {

constexpr std::int64_t kStart = 1'700'000'000'000;

// A small shop whose events are right: ten days of slates, impressions, clicks and some purchases. Tests break it.
struct Shop {
  std::vector<LogRecord> log;
  Rng rng{5};
  std::int64_t now_ms = kStart;
  int serial = 0;

  Event& Add(EventType type, const std::string& user, const std::string& request, std::vector<std::string> items,
             std::int64_t delay_ms = 300) {
    LogRecord r;
    r.arrival_ms = now_ms;
    r.event.id = "e" + std::to_string(serial++);
    r.event.type = type;
    r.event.time_ms = now_ms - delay_ms;
    r.event.user_id = user;
    r.event.session_id = user.empty() ? "" : "s" + user;
    r.event.request_id = request;
    for (auto& id : items) r.event.items.push_back({.item_id = std::move(id), .price = 5});
    log.push_back(std::move(r));
    return log.back().event;
  }

  Shop() {
    for (int i = 0; i < 200; ++i) Add(EventType::kItemUpdate, "", "", {"i" + std::to_string(i)});
    for (int visit = 0; visit < 3000; ++visit) {
      now_ms += static_cast<std::int64_t>(rng.Exponential(10.0 * kDayMs / 3000));
      const std::string user = "u" + std::to_string(rng.Below(400)), request = "r" + std::to_string(visit);
      std::vector<std::string> slate;
      for (std::uint64_t k = rng.Below(190), n = 0; n < 8; ++n) slate.push_back("i" + std::to_string(k + n));
      Add(EventType::kFeedRequest, user, request, slate);
      Add(EventType::kFeedImpression, user, request, slate);
      if (rng.Chance(0.3)) {
        const std::string item = slate[rng.Below(8)];
        now_ms += 5000;
        Add(EventType::kFeedClick, user, request, {item});
        if (rng.Chance(0.3)) Add(EventType::kPurchase, user, "", {item}).transaction_id = "t" + std::to_string(visit);
      }
    }
  }

  DoctorReport Diagnosis(std::size_t memory_bytes = 64u << 20) {
    Doctor doctor({.memory_bytes = memory_bytes});
    for (std::size_t i = 0; i < log.size(); ++i) {
      log[i].offset = i;
      doctor.Add(log[i]);
    }
    return doctor.Finish();
  }
};

Finding Of(const DoctorReport& report, const std::string& check) {
  const Finding none{.check = "missing"};
  const auto at = std::ranges::find(report.findings, check, &Finding::check);
  EXPECT_NE(at, report.findings.end()) << check;
  return at == report.findings.end() ? none : *at;
}

// Applies `fault` to one in `every` events of a type.
template <typename Fault>
Shop Broken(EventType type, std::uint64_t every, Fault fault) {
  Shop shop;
  Rng rng(9);
  for (LogRecord& r : shop.log) {
    if (r.event.type == type && rng.Below(every) == 0) fault(r);
  }
  return shop;
}

TEST(Doctor, FindsNothingBadInALogThatIsRight) {
  Shop shop;
  const DoctorReport report = shop.Diagnosis();
  for (const Finding& f : report.findings) EXPECT_EQ(f.severity, Severity::kOk) << f.check << ": " << f.text;
  EXPECT_EQ(report.events, shop.log.size());
  EXPECT_EQ(Of(report, "click.unknown_request").of,
            static_cast<std::uint64_t>(
                std::ranges::count(shop.log, EventType::kFeedClick, [](const LogRecord& r) { return r.event.type; })));
}

TEST(Doctor, FindsClicksAndImpressionsOfUnknownRequests) {
  Shop shop = Broken(EventType::kFeedClick, 4, [](LogRecord& r) { r.event.request_id += "x"; });
  const Finding& f = Of(shop.Diagnosis(), "click.unknown_request");
  EXPECT_EQ(f.severity, Severity::kBad);
  EXPECT_NEAR(f.figure, 0.25, 0.06);
  ASSERT_FALSE(f.examples.empty());
  EXPECT_EQ(f.examples[0].back(), 'x');
  shop = Broken(EventType::kFeedImpression, 40, [](LogRecord& r) { r.event.request_id = "lost" + r.event.request_id; });
  EXPECT_EQ(Of(shop.Diagnosis(), "impression.unknown_request").severity, Severity::kLook);
}

TEST(Doctor, FindsClicksOutsideTheSlateOrNotShown) {
  Shop shop = Broken(EventType::kFeedClick, 3, [](LogRecord& r) { r.event.items[0].item_id += "-red"; });
  EXPECT_EQ(Of(shop.Diagnosis(), "click.not_in_slate").severity, Severity::kBad);
  shop = Broken(EventType::kFeedImpression, 1, [](LogRecord& r) { r.event.items.resize(1); });
  EXPECT_EQ(Of(shop.Diagnosis(), "click.not_shown").severity, Severity::kBad);
}

TEST(Doctor, FindsClicksThatStandBeforeTheirImpressionOrTheirRequest) {
  Shop shop;
  EXPECT_EQ(Of(shop.Diagnosis(), "click.before_impression").count, 0u);
  const auto swap_with_one_before = [&](EventType before) {
    std::uint64_t swapped = 0;
    for (std::size_t i = 1; i < shop.log.size(); ++i) {
      if (shop.log[i].event.type != EventType::kFeedClick || shop.log[i - 1].event.type != before) continue;
      std::swap(shop.log[i].event, shop.log[i - 1].event);
      ++swapped;
    }
    return swapped;
  };
  const std::uint64_t early = swap_with_one_before(EventType::kFeedImpression);
  Finding f = Of(shop.Diagnosis(), "click.before_impression");
  EXPECT_GT(early, 500u);
  EXPECT_EQ(f.count, early);
  EXPECT_EQ(f.severity, Severity::kLook) << "they label";
  EXPECT_EQ(Of(shop.Diagnosis(), "click.before_request").severity, Severity::kOk);
  EXPECT_EQ(swap_with_one_before(EventType::kFeedRequest), early);
  f = Of(shop.Diagnosis(), "click.before_request");
  EXPECT_EQ(f.count, early);
  EXPECT_EQ(f.severity, Severity::kBad) << "they do not";
  EXPECT_FALSE(f.examples.empty());
}

TEST(Doctor, FindsAClientThatSendsNoImpressionsOrNoRequestIds) {
  Shop shop;
  std::erase_if(shop.log, [](const LogRecord& r) { return r.event.type == EventType::kFeedImpression; });
  EXPECT_EQ(Of(shop.Diagnosis(), "request.not_shown").severity, Severity::kBad);
  shop = Broken(EventType::kFeedClick, 2, [](LogRecord& r) { r.event.request_id.clear(); });
  EXPECT_EQ(Of(shop.Diagnosis(), "click.no_request").severity, Severity::kBad);
  shop = Broken(EventType::kFeedImpression, 2, [](LogRecord& r) { r.event.request_id.clear(); });
  EXPECT_EQ(Of(shop.Diagnosis(), "impression.no_request").severity, Severity::kBad);
}

TEST(Doctor, SaysOfALogWithoutClicksThatTheseAreMissingAndNothingOfPurchasesAfterThem) {
  Shop shop;
  std::erase_if(shop.log, [](const LogRecord& r) { return r.event.type == EventType::kFeedClick; });
  const DoctorReport report = shop.Diagnosis();
  EXPECT_EQ(Of(report, "click.none").severity, Severity::kBad);
  EXPECT_TRUE(std::ranges::none_of(report.findings, [](const Finding& f) { return f.check == "purchase.no_click"; }));
}

TEST(Doctor, FindsPurchasesThatNameItemsOtherwise) {
  Shop shop = Broken(EventType::kPurchase, 1,
                     [](LogRecord& r) { r.event.items[0].item_id = "sku" + r.event.items[0].item_id; });
  const DoctorReport report = shop.Diagnosis();
  EXPECT_EQ(Of(report, "purchase.no_click").severity, Severity::kBad);
  EXPECT_EQ(Of(report, "item.unknown").severity, Severity::kBad);
  EXPECT_EQ(Of(report, "item.unknown").examples[0].substr(0, 3), "sku");
}

TEST(Doctor, FindsIdsThatAreMissingOrUsedTwice) {
  Shop shop = Broken(EventType::kFeedRequest, 20, [](LogRecord& r) { r.event.request_id = "r1"; });
  EXPECT_EQ(Of(shop.Diagnosis(), "request.id_reused").examples, std::vector<std::string>{"r1"});
  shop = Broken(EventType::kPurchase, 10, [](LogRecord& r) { r.event.transaction_id = "t"; });
  EXPECT_NE(Of(shop.Diagnosis(), "purchase.transaction_reused").severity, Severity::kOk);
  shop = Broken(EventType::kFeedClick, 3, [](LogRecord& r) { r.event.user_id = r.event.session_id = ""; });
  EXPECT_EQ(Of(shop.Diagnosis(), "event.nobody").severity, Severity::kBad);
  shop = Broken(EventType::kFeedClick, 3, [](LogRecord& r) { r.event.items.clear(); });
  EXPECT_EQ(Of(shop.Diagnosis(), "event.no_item").severity, Severity::kBad);
  shop = Broken(EventType::kPurchase, 3, [](LogRecord& r) { r.event.items[0].price = NAN; });
  EXPECT_EQ(Of(shop.Diagnosis(), "purchase.no_price").severity, Severity::kLook);
  std::erase_if(shop.log, [](const LogRecord& r) { return r.event.type == EventType::kItemUpdate; });
  EXPECT_EQ(Of(shop.Diagnosis(), "item.no_catalogue").severity, Severity::kLook);
}

TEST(Doctor, FindsClocksThatAreLateOrAheadAndNamesTheirSource) {
  Shop shop = Broken(EventType::kFeedClick, 1, [](LogRecord& r) {
    r.event.source = "android";
    r.event.time_ms = r.arrival_ms - 3 * kHourMs;
  });
  DoctorReport report = shop.Diagnosis();
  EXPECT_EQ(Of(report, "clock.late").severity, Severity::kLook);
  EXPECT_THAT(Of(report, "clock.late").examples, testing::ElementsAre(testing::HasSubstr("android")));
  shop = Broken(EventType::kFeedClick, 1, [](LogRecord& r) { r.event.time_ms = r.arrival_ms + kMinuteMs; });
  EXPECT_EQ(Of(shop.Diagnosis(), "clock.ahead").severity, Severity::kBad);
  shop = Shop();
  for (LogRecord& r : shop.log) r.event.time_ms = r.arrival_ms;
  EXPECT_THAT(Of(shop.Diagnosis(), "clock").text, testing::HasSubstr("imported"));
}

TEST(Doctor, FindsRobotsAndOnlyRobots) {
  Shop shop;
  Shop robots;
  robots.log.clear();
  robots.now_ms = kStart + kDayMs;
  for (int i = 0; i < 2000; ++i) robots.Add(EventType::kItemView, "fast", "", {"i1"});
  for (int i = 0; i < 100; ++i) {
    robots.now_ms += kMinuteMs;
    robots.Add(EventType::kItemView, "clock", "", {"i1"});
  }
  for (int i = 0; i < 96; ++i) {
    robots.now_ms += 15 * kMinuteMs + static_cast<std::int64_t>(robots.rng.Below(900'000));
    robots.Add(EventType::kItemView, "sleepless", "", {"i1"});
  }
  shop.log.insert(shop.log.end(), robots.log.begin(), robots.log.end());
  std::ranges::stable_sort(shop.log, {}, &LogRecord::arrival_ms);
  const Finding& f = Of(shop.Diagnosis(), "user.robots");
  EXPECT_EQ(f.count, 2196u);
  EXPECT_EQ(f.severity, Severity::kBad) << "over a fifth of all events";
  EXPECT_THAT(f.examples, testing::ElementsAre(testing::HasSubstr("fast"), testing::HasSubstr("clock"),
                                               testing::HasSubstr("sleepless")));
}

TEST(Doctor, FindsDaysThatAreEmptyOrUnusual) {
  Shop shop;
  const std::int64_t day = kStart / kDayMs + 4;
  std::erase_if(shop.log, [&](const LogRecord& r) {
    return r.event.type == EventType::kFeedClick && r.arrival_ms / kDayMs == day;
  });
  DoctorReport report = shop.Diagnosis();
  EXPECT_EQ(Of(report, "days.gap").severity, Severity::kBad);
  EXPECT_THAT(Of(report, "days.gap").examples, testing::ElementsAre(testing::HasSubstr("feed.click")));
  shop = Shop();
  std::vector<LogRecord> again;
  for (const LogRecord& r : shop.log) {
    for (int copies = r.arrival_ms / kDayMs == day && r.event.type == EventType::kFeedClick ? 5 : 1; copies > 0;
         --copies)
      again.push_back(r);
  }
  shop.log = again;
  EXPECT_EQ(Of(shop.Diagnosis(), "days.jump").severity, Severity::kLook);
  std::erase_if(shop.log, [&](const LogRecord& r) { return r.arrival_ms / kDayMs == day; });
  EXPECT_EQ(Of(shop.Diagnosis(), "days.gap").severity, Severity::kBad);
}

TEST(Doctor, SamplesIdsWhenTheyDoNotFitAndStillComesNearTheTruth) {
  Shop shop = Broken(EventType::kFeedClick, 4, [](LogRecord& r) { r.event.request_id += "x"; });
  const DoctorReport all = shop.Diagnosis(), small = shop.Diagnosis(400'000);
  EXPECT_EQ(all.share_of_requests, 1);
  EXPECT_LT(small.share_of_requests, 1);
  const Finding &a = Of(all, "click.unknown_request"), &b = Of(small, "click.unknown_request");
  EXPECT_LT(b.of, a.of);
  EXPECT_GE(a.figure, b.interval.low);
  EXPECT_LE(a.figure, b.interval.high);
}

TEST(Doctor, SaysThatAnEmptyLogIsEmptyAndWritesOneObject) {
  const DoctorReport report = Doctor({}).Finish();
  EXPECT_EQ(report.worst(), Severity::kBad);
  const auto json = nlohmann::json::parse(DoctorToJson(report));
  EXPECT_EQ(json["findings"][0]["check"], "log.empty");
  const auto full = nlohmann::json::parse(DoctorToJson(Shop().Diagnosis()));
  EXPECT_EQ(full["worst"], "ok");
  EXPECT_GE(full["days"].size(), 10u);
}

TEST(KeySample, KeepsEverythingOfTheKeysItKeeps) {
  struct Entry {
    int touched = 0;
    std::size_t heap_bytes() const { return 0; }
  };
  KeySample<Entry> sample(10'000);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5000; ++i) {
      if (Entry* e = sample.Touch(KeyOf("k" + std::to_string(i)))) ++e->touched;
    }
  }
  EXPECT_GT(sample.level(), 0);
  EXPECT_GT(sample.entries().size(), 30u);
  EXPECT_LT(sample.entries().size(), 300u);
  for (const auto& [key, entry] : sample.entries()) EXPECT_EQ(entry.touched, 3);
}

}  // namespace
}  // namespace gfr
