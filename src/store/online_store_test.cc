#include "store/online_store.h"

#include <gtest/gtest.h>

#include "base/time.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

constexpr const char* kConfig = R"(
[item]
category = "category"
[user]
city = "category"
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
[[feature]]
name = "item_clicks"
type = "count"
scope = "item"
events = ["feed.click"]
[[feature]]
name = "price"
type = "property"
property = "price"
[[feature]]
name = "city_item_clicks"
type = "count"
scope = "user.city x item"
events = ["feed.click"]
)";

class OnlineStoreTest : public testing::Test {
 protected:
  OnlineStoreTest() {
    auto config = Config::Parse(kConfig, "gfr.toml");
    store = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
  }
  void Fold(EventType type, std::int64_t arrival_ms, const std::string& user = "u", double price = std::nan("")) {
    Event e{.type = type,
            .time_ms = arrival_ms,
            .user_id = user,
            .items = {{.item_id = "i", .price = price}},
            .context = {{.name = "city", .text = "rome"}}};
    store->Fold({next++, arrival_ms, e});
  }
  std::vector<float> Read(std::int64_t now_ms, const std::string& user = "u", std::vector<Property> own = {}) {
    store->AdvanceTo(EpochEndAt(now_ms));
    std::vector<EventItem> items{{.item_id = "i", .properties = std::move(own)}};
    const std::vector<Property> context{{.name = "city", .text = "rome"}};
    std::vector<float> out(4);
    store->Read({.now_ms = now_ms, .user = KeyOf(user), .context = context, .items = items}, out.data());
    return out;
  }
  std::unique_ptr<OnlineStore> store;
  std::uint64_t next = 0;
  const std::int64_t minute = 28'000'000 * kMinuteMs;
};

TEST_F(OnlineStoreTest, SeesAUsersOwnEventAtOnceAndTheShopsWhenItsEpochIsSealed) {
  Fold(EventType::kFeedClick, minute + 10 * kSecondMs);
  EXPECT_EQ(Read(minute + 11 * kSecondMs)[0], 1);
  EXPECT_EQ(Read(minute + 11 * kSecondMs)[1], 0);
  EXPECT_EQ(Read(minute + 64 * kSecondMs)[1], 0) << "the epoch ended at 60 s, and is sealed 5 s later";
  EXPECT_EQ(Read(minute + 65 * kSecondMs)[1], 1);
  EXPECT_EQ(Read(minute + 65 * kSecondMs)[3], 1) << "city x item";
  EXPECT_EQ(Read(minute + 65 * kSecondMs, "stranger")[0], 0);
}

TEST_F(OnlineStoreTest, TakesTheLatestCatalogueOfTheEpochAndTheRequestsOwnValueOverIt) {
  Fold(EventType::kItemUpdate, minute, "", 10);
  Fold(EventType::kItemUpdate, minute + 1, "", 12);
  EXPECT_TRUE(std::isnan(Read(minute + 2)[2]));
  EXPECT_EQ(Read(minute + 70 * kSecondMs)[2], 12);
  EXPECT_EQ(Read(minute + 70 * kSecondMs, "u", {{.name = "price", .number = 9}})[2], 9);
}

TEST_F(OnlineStoreTest, DoesNotGoBackWhenAReadIsOfAnEarlierEpoch) {
  Fold(EventType::kFeedClick, minute);
  EXPECT_EQ(Read(minute + 70 * kSecondMs)[1], 1);
  EXPECT_EQ(Read(minute)[1], 1);
}

TEST_F(OnlineStoreTest, RemembersWhatAUserTouchedLastOnce) {
  Fold(EventType::kFeedClick, minute);
  Fold(EventType::kItemView, minute + 1);
  EXPECT_EQ(store->RecentItems(KeyOf("u")).size(), 1u);
  EXPECT_TRUE(store->RecentItems(KeyOf("nobody")).empty());
}

TEST_F(OnlineStoreTest, GoesOnFromASnapshotAsIfItHadFoldedEverything) {
  Fold(EventType::kItemUpdate, minute, "", 10);
  for (int i = 0; i < 50; ++i)
    Fold(i % 3 ? EventType::kFeedClick : EventType::kFeedImpression, minute + i * 7 * kSecondMs,
         "u" + std::to_string(i % 5), 3.0 + i);
  const std::string bytes = EncodeSnapshot(*store, "mine");
  auto config = Config::Parse(kConfig, "gfr.toml");
  auto restored = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
  std::string extra;
  ASSERT_TRUE(DecodeSnapshot(bytes, restored.get(), &extra).ok());
  EXPECT_EQ(extra, "mine");
  EXPECT_EQ(restored->next_offset(), store->next_offset());
  const std::uint64_t from = next;
  std::vector<std::vector<float>> values[2];
  for (int which = 0; which < 2; ++which) {
    if (which == 1) store.swap(restored);
    next = from;
    for (int i = 0; i < 30; ++i) {
      Fold(EventType::kFeedClick, minute + 500 * kSecondMs + i * 9 * kSecondMs, "u1");
      values[which].push_back(Read(minute + 501 * kSecondMs + i * 9 * kSecondMs, "u1"));
    }
  }
  EXPECT_EQ(values[0], values[1]);
  EXPECT_EQ(store->RecentItems(KeyOf("u1")).size(), restored->RecentItems(KeyOf("u1")).size());
}

TEST_F(OnlineStoreTest, RefusesASnapshotOfOtherDefinitionsOrOtherBytes) {
  Fold(EventType::kFeedClick, minute);
  const std::string bytes = EncodeSnapshot(*store, "");
  std::string text(kConfig), extra;
  text.replace(text.find("feed.click"), 10, "item.view");
  auto config = Config::Parse(text, "gfr.toml");
  OnlineStore other(FeatureSet::Make(config.value()).value());
  EXPECT_EQ(DecodeSnapshot(bytes, &other, &extra).error().code, ErrorCode::kNotFound);
  for (std::size_t i = 20; i < bytes.size(); i += 3) {
    std::string bad = bytes;
    bad[i] ^= 4;
    auto again = Config::Parse(kConfig, "gfr.toml");
    OnlineStore fresh(FeatureSet::Make(again.value()).value());
    ASSERT_EQ(DecodeSnapshot(bad, &fresh, &extra).error().code, ErrorCode::kCorrupt);
    ASSERT_FALSE(DecodeSnapshot(bytes.substr(0, i), &fresh, &extra).ok());
  }
}

}  // namespace
}  // namespace gfr
