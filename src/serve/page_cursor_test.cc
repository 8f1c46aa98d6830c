#include "serve/page_cursor.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(PageCursor, SaysWhatWasShownAndOnWhichRequest) {
  Feed feed;
  for (const char* id : {"a", "b"})
    feed.items.push_back({.item_id = id, .channel = "", .value = 0, .propensity = 1, .item = 0});
  const auto second = DecodeCursor(NextCursor({.request_id = "r1"}, feed, 2)).value();
  EXPECT_EQ(second->first_request, "r1");
  EXPECT_EQ(second->shown, (std::vector<Key>{KeyOf("a"), KeyOf("b")}));
  const auto third = DecodeCursor(NextCursor({.request_id = "r2", .page = second}, feed, 2)).value();
  EXPECT_EQ(third->first_request, "r1") << "of the first page";
  EXPECT_EQ(third->shown.size(), 4u);
  EXPECT_EQ(NextCursor({.request_id = "r1"}, feed, 3), "") << "there were no others";
}

TEST(PageCursor, IsBoundedAndAnythingElseIsRefused) {
  FeedPage page{.first_request = std::string(1024, 'r'), .shown = std::vector<Key>(kMostPagedItems, 7)};
  const std::string longest = EncodeCursor(page);
  EXPECT_LE(longest.size(), kMaxCursorBytes);
  EXPECT_TRUE(DecodeCursor(longest).ok());
  page.shown.push_back(8);
  EXPECT_FALSE(DecodeCursor(EncodeCursor(page)).ok());
  std::string other = longest;
  other[40] = other[40] == '0' ? '1' : '0';
  for (const std::string& text :
       {std::string(), std::string("x"), std::string("zz"), longest.substr(2), longest.substr(0, 60), other})
    EXPECT_FALSE(DecodeCursor(text).ok()) << text.substr(0, 60);
}

}  // namespace
}  // namespace gfr
