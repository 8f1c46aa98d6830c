#include "serve/recent_slates.h"

#include <gtest/gtest.h>

#include "feed/feed_page.h"

namespace gfr {
namespace {

TEST(RecentSlates, AReplyIsFoundUntilItsTimeIsOverAndTheFirstOneStays) {
  RecentSlates slates;
  slates.Add(7, 1000, 4000, "first");
  slates.Add(7, 2000, 5000, "second");
  EXPECT_EQ(slates.Find(7, 3999), "first");
  EXPECT_EQ(slates.Find(8, 3999), std::nullopt);
  EXPECT_EQ(slates.Find(7, 4000), std::nullopt);
  slates.Add(7, 4001, 8000, "third");
  EXPECT_EQ(slates.Find(7, 4001), "third");
  EXPECT_EQ(slates.bytes(), 5u);
}

TEST(RecentSlates, TheOldestLeaveWhereThereAreTooMany) {
  RecentSlates slates;
  const std::string body(1 << 20, 'x');
  for (Key key = 1; key <= 100; ++key) slates.Add(key, 0, 1000, body);
  EXPECT_EQ(slates.bytes(), RecentSlates::kMostBytes);
  EXPECT_EQ(slates.Find(1, 1), std::nullopt);
  EXPECT_TRUE(slates.Find(100, 1).has_value());
}

TEST(RecentSlates, RequestsThatDifferInWhatIsAskedForAreNotOne) {
  const FeedRequest request{.request_id = "r1", .user_id = "u", .session_id = "s", .surface = "home"};
  const Key key = ReloadKey(request, false);
  FeedRequest other = request;
  other.request_id = "r2";
  EXPECT_EQ(ReloadKey(other, false), key) << "the id is what is kept";
  other.user_id = "v";
  EXPECT_NE(ReloadKey(other, false), key);
  other = request;
  other.context = {{.name = "city", .text = "rome"}};
  EXPECT_NE(ReloadKey(other, false), key);
  other = request;
  other.has_candidates = true;
  other.candidates = {{.item_id = "i1"}};
  EXPECT_NE(ReloadKey(other, false), key);
  EXPECT_NE(ReloadKey(request, true), key);
  other = request;
  other.page = std::make_shared<const FeedPage>();
  EXPECT_EQ(ReloadKey(other, false), 0u);
}

}  // namespace
}  // namespace gfr
