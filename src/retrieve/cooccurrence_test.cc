#include "retrieve/cooccurrence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "base/time.h"

namespace gfr {
namespace {

constexpr std::int64_t kNow = 28'000'000 * kMinuteMs;

class Log {
 public:
  explicit Log(CooccurrenceCounts::Limits limits = {}) : counts(limits) {}
  void Add(EventType type, const std::string& user, const std::vector<std::string>& items, std::int64_t at_ms = kNow) {
    LogRecord record{next++, at_ms, {.type = type, .time_ms = at_ms, .user_id = user}};
    for (const std::string& item : items) record.event.items.push_back({.item_id = item});
    counts.Fold(record);
  }
  std::vector<std::string> Names(const std::string& item, Together kind) const {
    std::vector<std::string> names;
    for (const SimilarItem& similar : counts.Similar(KeyOf(item), kind)) {
      for (const char* name : {"bread", "butter", "jam", "milk"}) {
        if (KeyOf(name) == similar.item) names.emplace_back(name);
      }
    }
    return names;
  }
  CooccurrenceCounts counts;
  std::uint64_t next = 0;
};

TEST(Cooccurrence, ViewsCartsAndPurchasesAreCountedApart) {
  Log log;
  for (int n = 0; n < 5; ++n) {
    const std::string user = "u" + std::to_string(n);
    log.Add(EventType::kFeedClick, user, {"bread"});
    log.Add(EventType::kItemView, user, {"butter"});
    log.Add(EventType::kCartAdd, user, {"bread"});
    log.Add(EventType::kCartAdd, user, {"jam"});
    log.Add(EventType::kPurchase, user, {"bread", "milk"});
  }
  EXPECT_THAT(log.Names("bread", Together::kViews), testing::ElementsAre("butter"));
  EXPECT_THAT(log.Names("bread", Together::kCarts), testing::ElementsAre("jam"));
  EXPECT_THAT(log.Names("milk", Together::kPurchases), testing::ElementsAre("bread"));
  EXPECT_TRUE(log.counts.Similar(KeyOf("cheese"), Together::kViews).empty());
}

TEST(Cooccurrence, LiftIsOneByChanceAndAboveItForWhatBelongsTogether) {
  Log log;
  Rng rng(4);
  // Bread is with everyone; butter goes with jam, and with nothing else but by chance.
  for (int n = 0; n < 2000; ++n) {
    const std::string user = "u" + std::to_string(n);
    log.Add(EventType::kItemView, user, {"bread"});
    if (rng.Chance(0.2)) log.Add(EventType::kItemView, user, {"butter", "jam"});
    log.Add(EventType::kItemView, user, {"other" + std::to_string(rng.Below(5))});
  }
  const auto similar = log.counts.Similar(KeyOf("butter"), Together::kViews);
  const auto find = [&](const char* name) { return *std::ranges::find(similar, KeyOf(name), &SimilarItem::item); };
  const SimilarItem jam = find("jam"), bread = find("bread");
  EXPECT_EQ(similar.front().item, KeyOf("jam"));
  EXPECT_GT(jam.lift, 3 * bread.lift);
  EXPECT_EQ(jam.together, bread.together) << "lift tells them apart, not the count";
}

TEST(Cooccurrence, WhatComesAgainIsNotCountedAgainAndOneUserCountsOnlySoOften) {
  Log log;
  for (int n = 0; n < 50; ++n) log.Add(EventType::kItemView, "fan", {n % 2 == 0 ? "bread" : "butter"});
  EXPECT_EQ(log.counts.Similar(KeyOf("bread"), Together::kViews)[0].together, 1u);
  Log robot;
  for (int n = 0; n < 5000; ++n) robot.Add(EventType::kItemView, "robot", {"x" + std::to_string(n)});
  EXPECT_EQ(robot.counts.items(), CooccurrenceCounts::kMostADay);
  robot.Add(EventType::kItemView, "robot", {"bread"}, kNow + kDayMs);
  EXPECT_EQ(robot.counts.items(), CooccurrenceCounts::kMostADay + 1) << "the next day counts again";
  // A month later nothing is together with what was before.
  robot.Add(EventType::kItemView, "robot", {"butter"}, kNow + 40 * kDayMs);
  EXPECT_TRUE(robot.counts.Similar(KeyOf("butter"), Together::kViews).empty());
}

LogRecord RandomRecord(Rng& rng, std::uint64_t offset) {
  static constexpr EventType kTypes[] = {EventType::kFeedClick, EventType::kItemView, EventType::kCartAdd,
                                         EventType::kPurchase, EventType::kFeedImpression};
  LogRecord record{offset, kNow + static_cast<std::int64_t>(offset) * 1000, {.type = kTypes[rng.Below(5)]}};
  if (rng.Chance(0.8)) record.event.user_id = "u" + std::to_string(rng.Below(120));
  record.event.session_id = "s" + std::to_string(rng.Below(200));
  for (std::uint64_t n = 1 + rng.Below(3); n > 0; --n)
    record.event.items.push_back({.item_id = "i" + std::to_string(rng.Below(300))});
  return record;
}

TEST(Cooccurrence, GoesOnFromItsBytesAsIfItHadNeverStopped) {
  const CooccurrenceCounts::Limits limits{.items = 150, .users = 60};  // Both are reached often.
  Rng rng(9);
  CooccurrenceCounts whole(limits), resumed(limits);
  for (std::uint64_t offset = 0; offset < 6000; ++offset) {
    const LogRecord record = RandomRecord(rng, offset);
    whole.Fold(record);
    resumed.Fold(record);
    ASSERT_LE(whole.items(), limits.items);
    if (offset % 700 != 13) continue;
    auto decoded = CooccurrenceCounts::Decode(resumed.Encode(), limits);
    ASSERT_TRUE(decoded.ok()) << decoded.error().ToString();
    resumed = std::move(decoded).value();
    ASSERT_EQ(resumed.Encode(), whole.Encode()) << offset;
  }
  EXPECT_EQ(resumed.Encode(), whole.Encode());
  EXPECT_EQ(resumed.next_offset(), 6000u);
}

TEST(Cooccurrence, BytesThatWereNotWrittenAreRefused) {
  Log log;
  log.Add(EventType::kItemView, "u", {"bread", "butter"});
  const std::string bytes = log.counts.Encode();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string wrong = bytes;
    wrong[at] = static_cast<char>(wrong[at] ^ 0x41);
    EXPECT_EQ(CooccurrenceCounts::Decode(wrong, {}).error().code, ErrorCode::kCorrupt) << at;
    EXPECT_FALSE(CooccurrenceCounts::Decode(bytes.substr(0, at), {}).ok());
  }
  EXPECT_FALSE(CooccurrenceCounts::Decode(bytes, {.items = 1, .users = 10}).ok()) << "made with other limits";
}

TEST(Cooccurrence, TheCountsThatARowKeepsAreNeverAboveTheTrueOnes) {
  Log log;
  Rng rng(3);
  std::map<std::string, std::uint32_t> with_hub;
  for (int n = 0; n < 4000; ++n) {
    const std::string user = "u" + std::to_string(n),
                      other = "i" + std::to_string(rng.Below(rng.Chance(0.5) ? 3 : 200));
    log.Add(EventType::kItemView, user, {"hub", other});
    ++with_hub[other];
  }
  const auto similar = log.counts.Similar(KeyOf("hub"), Together::kViews);
  std::map<Key, std::uint32_t> kept;
  for (const SimilarItem& one : similar) kept[one.item] = one.together;
  for (const auto& [name, count] : with_hub) {
    const auto at = kept.find(KeyOf(name));
    EXPECT_LE(at == kept.end() ? 0 : at->second, count) << name;
  }
  for (const char* often : {"i0", "i1", "i2"}) EXPECT_GT(kept[KeyOf(often)], with_hub[often] * 3 / 10) << often;
}

TEST(Cooccurrence, AFullRowGivesUpItsOldestNeighbourNotTheOneThatCameLast) {
  Log log;
  const auto meet = [&](std::size_t other) {
    log.Add(EventType::kItemView, "u" + std::to_string(log.next), {"hub", "i" + std::to_string(other)});
  };
  const std::size_t places = CooccurrenceCounts::kNeighbours[0];
  for (std::size_t other = 0; other < places + 3; ++other) meet(other);
  std::vector<Key> kept, newest;
  for (const SimilarItem& one : log.counts.Similar(KeyOf("hub"), Together::kViews)) kept.push_back(one.item);
  for (std::size_t other = 3; other < places + 3; ++other) newest.push_back(KeyOf("i" + std::to_string(other)));
  EXPECT_THAT(kept, testing::UnorderedElementsAreArray(newest));
}

LogRecord AliasRecord(std::uint64_t offset, const std::string& login, const std::string& device) {
  return {offset, kNow, {.type = EventType::kUserAlias, .time_ms = kNow, .user_id = login, .kind = device}};
}

TEST(Cooccurrence, ADeviceBringsItsLastItemsAlongToTheUserThatItIs) {
  Log log;
  log.Add(EventType::kItemView, "device", {"bread"});
  log.Add(EventType::kItemView, "ann", {"jam"});
  log.counts.Fold(AliasRecord(log.next++, "ann", "device"));
  log.Add(EventType::kItemView, "ann", {"butter"});
  EXPECT_THAT(log.Names("butter", Together::kViews), testing::UnorderedElementsAre("bread", "jam"));
  log.Add(EventType::kItemView, "device", {"milk"});
  EXPECT_THAT(log.Names("milk", Together::kViews), testing::UnorderedElementsAre("bread", "jam", "butter"))
      << "what the device does from now on is the user's too";
}

TEST(Cooccurrence, AnAliasThatJoinsNothingLeavesTheTwoApart) {
  Log log;
  log.counts = CooccurrenceCounts({}, {.alias = {.keeps = AliasRule::Keeps::kNone}});
  log.Add(EventType::kItemView, "device", {"bread"});
  log.counts.Fold(AliasRecord(log.next++, "ann", "device"));
  log.Add(EventType::kItemView, "ann", {"butter"});
  EXPECT_TRUE(log.Names("butter", Together::kViews).empty());
}

TEST(Cooccurrence, WhoIsLeftOutDoesNotCountNorDoTheirDevices) {
  Log log;
  log.counts = CooccurrenceCounts({}, {.left_out = {"staff"}});
  log.counts.Fold(AliasRecord(log.next++, "staff", "device"));
  for (const char* user : {"staff", "device"}) log.Add(EventType::kItemView, user, {"bread", "butter"});
  EXPECT_EQ(log.counts.items(), 0u);
  log.Add(EventType::kItemView, "ann", {"bread", "butter"});
  EXPECT_THAT(log.Names("bread", Together::kViews), testing::ElementsAre("butter"));
}

TEST(Cooccurrence, JoinedDevicesComeBackFromTheBytesAndOtherRulesCountAnew) {
  Log log;
  log.Add(EventType::kItemView, "device", {"bread"});
  log.counts.Fold(AliasRecord(log.next++, "ann", "device"));
  const std::string bytes = log.counts.Encode();
  auto again = CooccurrenceCounts::Decode(bytes, {});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().Encode(), bytes);
  log.counts = std::move(again).value();
  log.Add(EventType::kItemView, "device", {"jam"});
  log.Add(EventType::kItemView, "ann", {"butter"});
  EXPECT_THAT(log.Names("butter", Together::kViews), testing::UnorderedElementsAre("bread", "jam"));
  EXPECT_FALSE(CooccurrenceCounts::Decode(bytes, {}, {.left_out = {"staff"}}).ok());
}

}  // namespace
}  // namespace gfr
