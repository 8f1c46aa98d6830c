#include "operations/canary_calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/time.h"

namespace gfr {
namespace {

constexpr std::int64_t kCanaryAtMs = 1'800'000'000'000;

CanaryCalibration::Options CanaryOptions() {
  return {.experiment = "canary.r",
          .champion = "champion",
          .candidate = "candidate",
          .objective = {.name = "pctr"},
          .window_ms = kHourMs,
          .lateness_ms = 10 * kMinuteMs};
}

// A log of slates of three items, written as it comes.
struct CanaryLog {
  CanaryCalibration calibration = CanaryCalibration::Of(CanaryOptions()).value();
  std::uint64_t offset = 0;
  std::int64_t now_ms = kCanaryAtMs;

  void Put(Event event) {
    event.time_ms = event.time_ms == 0 ? now_ms : event.time_ms;
    calibration.Add({.offset = offset++, .arrival_ms = now_ms, .event = std::move(event)});
  }
  Event Slate(const std::string& user, const std::string& arm, float p, const std::string& request) {
    Event e;
    e.type = EventType::kFeedRequest;
    e.user_id = user;
    e.request_id = request;
    for (int i = 0; i < 4; ++i) {
      e.items.push_back({.item_id = "i" + std::to_string(i)});
      e.items.back().index = i < 3 ? i : -1;  // The last one was no part of the slate.
    }
    e.served.positions = {{0, 1}};
    e.served.unit = user;
    e.served.experiments = {{"other", "a"}, {"canary.r", arm}};
    e.served.models = {{.name = "feed/1"}};
    e.served.scores = {{.model = 0, .objective = "pctr", .values = std::vector<float>(4, p), .at_shown = {}}};
    return e;
  }
  void React(EventType type, const std::string& request, int items, std::int64_t after_ms = kMinuteMs) {
    Event e;
    e.type = type;
    e.request_id = request;
    e.time_ms = now_ms + after_ms;
    for (int i = 0; i < items; ++i) e.items.push_back({.item_id = "i" + std::to_string(i)});
    Put(std::move(e));
  }
};

TEST(CanaryCalibration, CountsEachUnitOnceByWhatItSawOfItsFirstFeed) {
  CanaryLog log;
  log.Put(log.Slate("u", "candidate", 0.25f, "r1"));
  log.React(EventType::kFeedImpression, "r1", 2);
  log.React(EventType::kFeedClick, "r1", 1);
  log.React(EventType::kFeedClick, "r1", 1);               // The same item again.
  log.React(EventType::kFeedClick, "r1", 2, 2 * kHourMs);  // After the window.
  log.Put(log.Slate("u", "candidate", 0.25f, "r2"));
  log.React(EventType::kFeedClick, "r2", 3);
  log.Put(log.Slate("c", "champion", 0.5f, "r3"));
  log.React(EventType::kFeedImpression, "r3", 3);
  Event overridden = log.Slate("o", "candidate", 0.5f, "r4");
  overridden.served.experiments[1].overridden = true;
  log.Put(std::move(overridden));
  log.Put(log.Slate("unseen", "candidate", 0.5f, "r5"));
  EXPECT_EQ(log.calibration.Now().candidate.units, 0) << "no window is whole";

  log.now_ms += 2 * kHourMs;
  log.Put(log.Slate("late", "champion", 0.5f, "r6"));
  const auto arms = log.calibration.Now();
  EXPECT_EQ(arms.candidate.units, 1);
  EXPECT_EQ(arms.candidate.observed, 1);
  EXPECT_EQ(arms.candidate.expected, 0.5);
  EXPECT_EQ(arms.champion.units, 1);
  EXPECT_EQ(arms.champion.observed, 0);
  EXPECT_EQ(arms.champion.expected, 1.5);

  CanaryCalibration::Options options = CanaryOptions();
  options.leave_out.users = {"u"};
  CanaryLog without{.calibration = CanaryCalibration::Of(std::move(options)).value()};
  without.Put(without.Slate("u", "candidate", 0.25f, "r1"));
  without.React(EventType::kFeedImpression, "r1", 2);
  without.now_ms += 2 * kHourMs;
  without.Put(without.Slate("late", "champion", 0.5f, "r6"));
  EXPECT_EQ(without.calibration.Now().candidate.units, 0) << "[traffic] leave_out";
}

TEST(CanaryCalibration, IsOfClicksOnImpressionsAlone) {
  CanaryCalibration::Options options = CanaryOptions();
  options.objective.label = EventType::kPurchase;
  EXPECT_FALSE(CanaryCalibration::Of(options));
}

// Units with three impressions each, whose clicks come at `rate` and are promised at `promised`.
ArmCalibration ArmOf(Rng& rng, int units, double rate, double promised) {
  ArmCalibration arm;
  for (int u = 0; u < units; ++u) {
    double clicks = 0;
    for (int i = 0; i < 3; ++i) clicks += rng.Uniform() < rate;
    arm.Add(clicks, 3 * promised);
  }
  return arm;
}

TEST(CanaryCalibration, ACandidateThatPromisesTwiceAsMuchIsFoundAndAnEqualOneIsNot) {
  Rng rng(7);
  const ArmCalibration right = ArmOf(rng, 5000, 0.1, 0.1);
  EXPECT_THAT(WhyMiscalibrated(right, ArmOf(rng, 5000, 0.1, 0.2), 0.25, 0.01), testing::HasSubstr("below 1 and below"));
  EXPECT_THAT(WhyMiscalibrated(right, ArmOf(rng, 5000, 0.2, 0.1), 0.25, 0.01), testing::HasSubstr("above 1 and above"));
  EXPECT_EQ(WhyMiscalibrated(right, ArmOf(rng, 5000, 0.1, 0.1), 0.25, 0.01), "");
  EXPECT_EQ(WhyMiscalibrated(right, ArmOf(rng, 5000, 0.1, 0.11), 0.25, 0.01), "") << "within the bound";
  // What both arms have is the world's: the base rate halved since both were trained.
  EXPECT_EQ(WhyMiscalibrated(ArmOf(rng, 5000, 0.05, 0.1), ArmOf(rng, 5000, 0.05, 0.1), 0.25, 0.01), "");
  // And one that repairs it is no worse for being another.
  EXPECT_EQ(WhyMiscalibrated(ArmOf(rng, 5000, 0.05, 0.1), ArmOf(rng, 5000, 0.05, 0.05), 0.25, 0.01), "");
  EXPECT_EQ(WhyMiscalibrated(right, ArmOf(rng, 300, 0.1, 0.4), 0.25, 0.01), "") << "too few units with a click";
}

TEST(CanaryCalibration, WatchedAllTheTimeACandidateAtTheBoundIsSeldomEnded) {
  int ended = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    ArmCalibration champion, candidate;
    bool is_ended = false;
    for (int look = 0; look < 40 && !is_ended; ++look) {
      for (int u = 0; u < 100; ++u) {
        for (auto* arm : {&champion, &candidate}) {
          double clicks = 0;
          for (int i = 0; i < 3; ++i) clicks += rng.Uniform() < 0.1;
          arm->Add(clicks, arm == &champion ? 0.3 : 0.3 / 1.25);
        }
      }
      is_ended = !WhyMiscalibrated(champion, candidate, 0.25, 0.01).empty();
    }
    ended += is_ended;
  }
  EXPECT_LE(ended, 6);  // Of 200 that are no worse than the bound, of which at most 1 % are to be ended.
}

}  // namespace
}  // namespace gfr
