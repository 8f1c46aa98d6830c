// What channels find, by the oracle of the simulated market.
#include <gtest/gtest.h>

#include "retrieve/test_market.h"

namespace gfr {
namespace {

TEST(CandidateQuality, ExploitIsAbovePopularityFromTheFirstClickOn) {
  const std::vector<ChannelConfig> channels{{"exploit", 20}, {"popularity", 20}};
  const MarketShop shop({.users = 800, .items = 600, .days = 28, .seed = 7}, channels);
  double before = 0;
  for (const auto& [least, most] : {std::pair{1, 2}, {3, 1000}}) {
    const std::vector<int> users = shop.UsersWith(least, most, 150);
    ASSERT_GT(users.size(), 100u);
    double exploit = 0, popularity = 0;
    for (const int user : users) {
      exploit += shop.MeanPercentile(user, shop.Find(user, {channels[0]}));
      popularity += shop.MeanPercentile(user, shop.Find(user, {channels[1]}));
    }
    const auto n = static_cast<double>(users.size());
    EXPECT_GT(exploit / n, popularity / n + 0.01) << least << " clicks and more";
    EXPECT_GT(exploit / n, before) << "the more is known, the better";
    before = exploit / n;
  }
}

}  // namespace
}  // namespace gfr
