#include "retrieve/trends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/time.h"
#include "retrieve/test_shop.h"

namespace gfr {
namespace {

constexpr std::int64_t kTrendsNow = 28'000'000 * kMinuteMs;

PropertySchema SchemaWith(const std::string& user_properties) {
  auto config = Config::Parse("[user]\n" + user_properties + kFeature, "gfr.toml");
  return FeatureSet::Make(config.value()).value()->schema;
}

LogRecord TrendClick(std::uint64_t offset, std::int64_t at_ms, const std::string& city, const std::string& item) {
  LogRecord record{offset, at_ms, {.type = EventType::kFeedClick, .time_ms = at_ms, .user_id = "u"}};
  record.event.items = {{.item_id = item}};
  record.event.context = {{.name = "city", .text = city}, {.name = "page", .text = "p" + std::to_string(offset)}};
  return record;
}

TEST(Trends, SegmentsHaveTheirOwnOrderAndWhatIsNewBeatsWhatWas) {
  TrendCounts counts(SchemaWith("city = \"category\"\n"));
  std::uint64_t offset = 0;
  for (int n = 0; n < 30; ++n) counts.Fold(TrendClick(offset++, kTrendsNow, "rome", "old"));
  for (int n = 0; n < 4; ++n) counts.Fold(TrendClick(offset++, kTrendsNow + kDayMs, "rome", "new"));
  for (int n = 0; n < 9; ++n) counts.Fold(TrendClick(offset++, kTrendsNow + kDayMs, "oslo", "snow"));
  const auto lists = counts.MakeLists();
  EXPECT_THAT(lists->Of(SegmentOf("city", KeyOf("rome"))), testing::ElementsAre(KeyOf("new"), KeyOf("old")))
      << "30 clicks have halved four times in a day";
  EXPECT_THAT(lists->Of(SegmentOf("city", KeyOf("oslo"))), testing::ElementsAre(KeyOf("snow")));
  EXPECT_THAT(lists->Of(kWholeShop), testing::ElementsAre(KeyOf("snow"), KeyOf("new"), KeyOf("old")));
  EXPECT_EQ(lists->by_segment().size(), 3u) << "a page is no property of [user]";
}

TEST(Trends, AnItemThatBeginsToBeClickedComesIntoAFullSegment) {
  TrendCounts counts(SchemaWith("city = \"category\"\n"));
  std::uint64_t offset = 0;
  for (std::size_t item = 0; item < TrendCounts::kItems; ++item) {
    for (int n = 0; n < 5; ++n) counts.Fold(TrendClick(offset++, kTrendsNow, "rome", "i" + std::to_string(item)));
  }
  for (int n = 0; n < 20; ++n) counts.Fold(TrendClick(offset++, kTrendsNow, "rome", "hot"));
  const auto lists = counts.MakeLists();
  ASSERT_EQ(lists->Of(kWholeShop).size(), TrendCounts::kItems);
  EXPECT_EQ(lists->Of(kWholeShop)[0], KeyOf("hot"));
}

TEST(Trends, GoOnFromTheirBytesAsIfTheyHadNeverStopped) {
  const TrendCounts none(SchemaWith("city = \"category\"\n"));
  TrendCounts whole = none, resumed = none;
  Rng rng(5);
  for (std::uint64_t offset = 0; offset < 4000; ++offset) {
    const LogRecord record = TrendClick(offset, kTrendsNow + static_cast<std::int64_t>(offset) * kMinuteMs,
                                        "c" + std::to_string(rng.Below(20)), "i" + std::to_string(rng.Below(200)));
    whole.Fold(record);
    resumed.Fold(record);
    if (offset % 600 != 7) continue;
    auto decoded = none.Decode(resumed.Encode());
    ASSERT_TRUE(decoded.ok()) << decoded.error().ToString();
    resumed = std::move(decoded).value();
  }
  EXPECT_EQ(resumed.Encode(), whole.Encode());
  EXPECT_EQ(resumed.next_offset(), 4000u);
  const TrendCounts other(SchemaWith("device = \"category\"\n"));
  EXPECT_EQ(other.Decode(whole.Encode()).error().code, ErrorCode::kInvalidArgument);
  std::string torn = whole.Encode();
  torn.resize(torn.size() / 2);
  EXPECT_EQ(none.Decode(torn).error().code, ErrorCode::kCorrupt);
}

TEST(Trends, TheSourceTakesTurnsOfTheUsersSegmentsAndTheShop) {
  Shop shop("[user]\ncity = \"category\"\n" + kCatalogue, {{"popularity", 10, "trending"}});
  for (const char* item : {"pasta", "pizza", "fish", "knife"}) shop.Put(item, {});
  shop.Put("gone", {});
  shop.Note(EventType::kItemDelete, "gone");
  shop.Seal();
  TrendCounts counts(shop.schema());
  std::uint64_t offset = 0;
  const auto click = [&](const char* city, const char* item, int times) {
    for (int n = 0; n < times; ++n) counts.Fold(TrendClick(offset++, shop.now, city, item));
  };
  click("rome", "pasta", 5);
  click("rome", "gone", 9);
  click("rome", "pizza", 3);
  click("oslo", "fish", 20);
  click("bern", "knife", 6);
  shop.maker->SetLogLists({.cooccurrence = nullptr, .trends = counts.MakeLists()});
  shop.maker->Update();
  const std::vector<PropertyValue> roman{{.category = KeyOf("rome")}};
  const auto ask = [&](std::span<const PropertyValue> user) {
    return shop.Ask(
        [&](const SourceQuery& q) {
          return shop.maker->lists()->Find({.shared = q.shared,
                                            .schema = q.schema,
                                            .items = q.items,
                                            .epoch_end_ms = q.epoch_end_ms,
                                            .recent = q.recent,
                                            .rng = q.rng,
                                            .user_properties = user},
                                           shop.channels, {});
        },
        {}, 1);
  };
  EXPECT_THAT(ask(roman),
              testing::ElementsAre("popularity fish", "popularity pasta", "popularity pizza", "popularity knife"));
  EXPECT_THAT(ask({}),
              testing::ElementsAre("popularity fish", "popularity knife", "popularity pasta", "popularity pizza"));
}

TEST(Trends, WhoIsLeftOutDoesNotCount) {
  TrendCounts counts(SchemaWith("city = \"category\"\n"), {.left_out = {"u"}});
  counts.Fold(TrendClick(0, kTrendsNow, "rome", "clicked by staff"));
  LogRecord other = TrendClick(1, kTrendsNow, "rome", "jam");
  other.event.user_id = "ann";
  counts.Fold(other);
  EXPECT_THAT(counts.MakeLists()->Of(kWholeShop), testing::ElementsAre(KeyOf("jam")));
}

}  // namespace
}  // namespace gfr
