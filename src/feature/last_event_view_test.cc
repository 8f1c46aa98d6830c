#include <gtest/gtest.h>

#include <cmath>

#include "feature/test_view.h"

namespace gfr {
namespace {

constexpr char kLastEvent[] = "type = \"last_event\"\nscope = \"session\"\nevents = [\"item.view\", \"feed.click\"]\n";

TEST(LastEvent, IsTheTypeOfTheLatestEventThatCountsForEveryCandidate) {
  Rng rng(91);
  TestView v(kLastEvent);
  EXPECT_TRUE(v.view().spec().categorical);
  EXPECT_TRUE(std::isnan(v.Read(0)[0]));
  float expected = kMissing;
  for (const Line& line : RandomLines(rng, 200)) {
    v.Fold(line);
    if (line.type == EventType::kItemView) expected = CategoryCode(KeyOf("item.view"));
    if (line.type == EventType::kFeedClick) expected = CategoryCode(KeyOf("feed.click"));
    for (const float value : v.Read(line.time_ms))
      ASSERT_TRUE(std::isnan(expected) ? std::isnan(value) : value == expected);
  }
}

TEST(LastEvent, IsTheKindOfAnEventThatHasOne) {
  TestView v(kLastEvent);
  TestView::State state = v.NewState();
  const std::vector<PropertyValue> none(3);
  const EventLine line{EventType::kItemView, KeyOf("image"), 1, 5, -1, true, none};
  v.view().Fold(line, reinterpret_cast<std::byte*>(state.data()));
  EXPECT_EQ(v.ReadState(state, 9)[2], CategoryCode(KeyOf("image")));
}

TEST(LastEvent, OfJoinedHistoriesIsTheLatestOfAll) { ExpectJoinedHistoriesReadLikeTheWhole(kLastEvent, 0, false, 92); }

}  // namespace
}  // namespace gfr
