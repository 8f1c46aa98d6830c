#include "store/online_store.h"

#include <gtest/gtest.h>

#include "base/time.h"

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
    Event e{.type = type, .time_ms = arrival_ms, .user_id = user, .items = {{.item_id = "i", .price = price}}, .context = {{.name = "city", .text = "rome"}}};
    store->Fold({next++, arrival_ms, e});
  }
  std::vector<float> Read(std::int64_t now_ms, const std::string& user = "u", std::vector<Property> own = {}) {
    store->AdvanceTo(EpochEndAt(now_ms));
    std::vector<EventItem> items{{.item_id = "i", .properties = std::move(own)}};
    const std::vector<Property> context{{.name = "city", .text = "rome"}};
    std::vector<float> out(4);
    store->Read({now_ms, store->epoch_end_ms(), KeyOf(user), 0, context, items, true}, out.data());
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

}  // namespace
}  // namespace gfr
