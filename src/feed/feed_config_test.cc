#include "feed/feed_config.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(Feeds, ASurfaceNamesAFeedAndAnyOtherGetsTheFirst) {
  Feeds feeds;
  feeds.all.resize(2);
  feeds.all[0].name = "search";
  feeds.all[1].name = "home";
  EXPECT_EQ(feeds.ForSurface("home").feed, &feeds.all[1]);
  EXPECT_TRUE(feeds.ForSurface("home").declared);
  EXPECT_EQ(feeds.ForSurface("").feed, &feeds.all[0]);
  EXPECT_TRUE(feeds.ForSurface("").declared) << "a request without a surface means the first";
  EXPECT_EQ(feeds.ForSurface("basket").feed, &feeds.all[0]);
  EXPECT_FALSE(feeds.ForSurface("basket").declared);
}

}  // namespace
}  // namespace gfr
