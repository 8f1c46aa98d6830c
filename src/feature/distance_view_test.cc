#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "feature/test_view.h"

namespace gfr {
namespace {

TEST(Distance, CountsStandardDeviationsOfTheUsersOwnPrices) {
  TestView h("type = \"distance\"\nscope = \"user\"\nproperty = \"price\"\nevents = [\"feed.click\"]\n");
  EXPECT_TRUE(std::isnan(h.Read(0)[0]));
  std::vector<double> logs;
  for (const double price : {10.0, 20.0, 40.0, 15.0}) {
    h.Fold({EventType::kFeedClick, 1, 0, {.number = price}});
    logs.push_back(std::log2(price));
  }
  double mean = 0, squares = 0;
  for (const double x : logs) mean += x / 4;
  for (const double x : logs) squares += (x - mean) * (x - mean);
  EXPECT_NEAR(h.Read(0)[2], (std::log2(30.0) - mean) / std::sqrt((squares + 0.5) / 5), 1e-5);
}

TEST(Distance, OfJoinedHistoriesIsThatOfTheWhole) {
  ExpectJoinedHistoriesReadLikeTheWhole(
      "type = \"distance\"\nscope = \"user\"\nproperty = \"price\"\nevents = [\"feed.click\"]\n", 1e-5, false, 61);
}

}  // namespace
}  // namespace gfr
