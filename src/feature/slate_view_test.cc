#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "feature/test_view.h"

namespace gfr {
namespace {

TEST(Slate, ComparesACandidateWithTheOthersAndWithTheItemTouchedLast) {
  const std::vector<double> prices{40, 20, 20, std::nan(""), 80, 60};
  const auto read = [&](const std::string& what) {
    const bool of_last = what.find("last") != std::string::npos;
    TestView h("type = \"slate\"\nread = \"" + what + "\"\n" +
               (of_last ? "scope = \"session\"\nevents = [\"item.view\"]\n" : ""));
    h.prices = prices;
    if (of_last) {
      h.Fold({EventType::kItemView, 2, 0});
      h.Fold({EventType::kFeedClick, 5, 0});
    }
    return h.Read(0);
  };
  EXPECT_EQ(read("supplied_rank")[4], 4);
  EXPECT_EQ(read("size")[0], 6);
  EXPECT_EQ(read("price_over_mean")[0], static_cast<float>(40.0 / 44.0));
  EXPECT_EQ(read("price_over_min")[4], 4);
  EXPECT_EQ(read("price_rank")[5], 3);
  EXPECT_EQ(read("price_rank")[1], 0);
  EXPECT_TRUE(std::isnan(read("price_over_min_above")[0]));
  EXPECT_EQ(read("price_over_min_above")[1], 0.5f);
  EXPECT_EQ(read("price_over_min_above")[4], 4);
  EXPECT_TRUE(std::isnan(read("price_over_min_above")[3]));
  EXPECT_EQ(read("price_over_neighbours")[0], 2);
  EXPECT_EQ(read("price_over_neighbours")[2], static_cast<float>(20.0 / ((40.0 + 20 + 80) / 3)));
  EXPECT_TRUE(std::isnan(read("price_over_neighbours")[3]));
  EXPECT_EQ(read("rank_from_last")[0], -1);
  EXPECT_EQ(read("price_over_last")[4], 4);
  EXPECT_EQ(read("last_in_slate")[3], 1);
  EXPECT_TRUE(std::isnan(read("price_over_mean")[3]));
}

TEST(Slate, OfJoinedHistoriesKnowsTheItemTouchedLastOfAll) {
  ExpectJoinedHistoriesReadLikeTheWhole(
      "type = \"slate\"\nread = \"rank_from_last\"\nscope = \"user\"\nevents = [\"item.view\"]\n", 0, false, 71);
}

}  // namespace
}  // namespace gfr
