#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "feature/test_view.h"

namespace gfr {
namespace {

TEST(Affinity, IsTheShareOfDecayedInteractions) {
  Rng rng(5);
  TestView category(
      "type = \"affinity\"\nscope = \"user\"\nproperty = \"category\"\nevents = [\"feed.click\"]\nhalf_life = "
      "\"3h\"\ncapacity = 8\n");
  TestView band(
      "type = \"affinity\"\nscope = \"user\"\nproperty = \"price\"\nbands = [25, 50]\nevents = "
      "[\"feed.click\"]\nhalf_life = \"3h\"\ncapacity = 8\n");
  category.categories = {1, 2, 3, 1, 2, 3};
  std::vector<Line> seen;
  std::int64_t now = 0;
  for (Line line : RandomLines(rng, 200)) {
    now = line.time_ms = std::max(now, line.time_ms);
    category.Fold(line);
    band.Fold(line);
    seen.push_back(line);
    double total[2] = {}, share[2][3] = {};
    for (const Line& s : seen) {
      if (s.type != EventType::kFeedClick) continue;
      const double weight = std::exp2(-static_cast<double>(now - s.time_ms) / (3.0 * static_cast<double>(kHourMs)));
      if (s.category.category) total[0] += weight, share[0][s.category.category - 1] += weight;
      if (!std::isnan(s.price.number))
        total[1] += weight, share[1][s.price.number < 25 ? 0 : s.price.number < 50 ? 1 : 2] += weight;
    }
    const auto a = category.Read(now), b = band.Read(now);
    for (std::size_t i = 0; i < 6; ++i) {
      const double price = 10.0 * static_cast<double>(i + 1);
      if (total[0] > 0) {
        ASSERT_NEAR(a[i], share[0][i % 3] / total[0], 1e-5);
      } else {
        ASSERT_TRUE(std::isnan(a[i]));
      }
      if (total[1] > 0) {
        ASSERT_NEAR(b[i], share[1][price < 25 ? 0 : price < 50 ? 1 : 2] / total[1], 1e-5);
      }
    }
  }
}

TEST(Affinity, CountsAnEventAsOftenAsItsWeightSays) {
  TestView weighted(
      "type = \"affinity\"\nscope = \"user\"\nproperty = \"category\"\nevents = [\"feed.click\", \"purchase\", "
      "\"item.view\"]\nhalf_life = \"3h\"\nweights = {\"purchase\" = 5, \"item.view\" = 2}\n");
  weighted.categories = {1, 2, 3, 1, 2, 3};
  const std::int64_t now = 1'700'000'000'000;
  weighted.Fold({EventType::kFeedClick, 1, now, {}, {.category = 1}});
  weighted.Fold({EventType::kPurchase, 1, now, {}, {.category = 2}});
  weighted.Fold({EventType::kItemView, 1, now, {}, {.category = 1}});
  weighted.Fold({EventType::kCartAdd, 1, now, {}, {.category = 3}});
  EXPECT_EQ(weighted.Read(now)[0], 3.0f / 8.0f);
  EXPECT_EQ(weighted.Read(now)[1], 5.0f / 8.0f);
  EXPECT_EQ(weighted.Read(now)[2], 0.0f);
}

TEST(Affinity, ForgetsTheLightestCategoryAndKeepsTheTotal) {
  TestView h(
      "type = \"affinity\"\nscope = \"user\"\nproperty = \"category\"\nevents = [\"feed.click\"]\nhalf_life = "
      "\"3h\"\ncapacity = 2\n");
  h.categories = {1, 2, 3};
  const std::int64_t now = 1'700'000'000'000;
  for (const Key category : {1, 1, 2, 3}) h.Fold({EventType::kFeedClick, 1, now, {}, {.category = category}});
  EXPECT_EQ(h.Read(now)[0], 0.5f);
  EXPECT_EQ(h.Read(now)[1], 0.0f);
  EXPECT_EQ(h.Read(now)[2], 0.25f);
}

TEST(Affinity, OfJoinedHistoriesIsThatOfTheWhole) {
  for (const bool in_turn : {false, true})
    ExpectJoinedHistoriesReadLikeTheWhole(
        "type = \"affinity\"\nscope = \"user\"\nproperty = \"category\"\nevents = [\"feed.click\", "
        "\"item.view\"]\nhalf_life = \"3h\"\ncapacity = 3\nweights = {\"feed.click\" = 3}\n",
        1e-6, in_turn, 51);
}

TEST(Affinity, SaysWhatIsWrongWithItsProperty) {
  const std::string rest = "scope = \"user\"\nevents = [\"feed.click\"]\nhalf_life = \"1d\"\ntype = \"affinity\"\n";
  EXPECT_THAT(ErrorOf(rest + "property = \"price\"\n"), testing::HasSubstr("bands"));
  EXPECT_THAT(ErrorOf(rest + "property = \"price\"\nbands = [2, 1]\n"), testing::HasSubstr("rising"));
  EXPECT_THAT(ErrorOf(rest + "property = \"category\"\nbands = [1, 2]\n"), testing::HasSubstr("leave them out"));
  EXPECT_THAT(ErrorOf(rest + "property = \"colour\"\n"), testing::HasSubstr("price, category, released"));
  EXPECT_THAT(ErrorOf(rest + "property = \"category\"\nweights = {\"purchase\" = 2}\n"),
              testing::AllOf(testing::HasSubstr("gfr.toml:22"), testing::HasSubstr("purchase"),
                             testing::HasSubstr("those that events names")));
  EXPECT_THAT(ErrorOf(rest + "property = \"category\"\nweights = {\"feed.click\" = 1001}\n"),
              testing::HasSubstr("1 to 1000"));
}

}  // namespace
}  // namespace gfr
