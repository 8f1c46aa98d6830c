#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "feature/test_view.h"

namespace gfr {
namespace {

constexpr char kTouches[] =
    "type = \"interaction\"\nscope = \"session\"\nevents = [\"item.view\"]\ncapacity = 4\nread = \"steps_since\"\n";

// What in_slate says of `values`, from its definition.
std::vector<float> Compared(const std::string& how, const std::vector<float>& values) {
  double sum = 0, known = 0;
  for (const float v : values) {
    if (std::isnan(v)) continue;
    sum += static_cast<double>(v);
    ++known;
  }
  std::vector<float> result;
  for (const float v : values) {
    float below = 0;
    for (const float other : values) below += other < v ? 1.0f : 0.0f;
    if (how == "rank") result.push_back(std::isnan(v) ? kMissing : below);
    if (how == "share") result.push_back(sum > 0 ? static_cast<float>(static_cast<double>(v) / sum) : kMissing);
    if (how == "mean") result.push_back(known > 0 ? static_cast<float>(sum / known) : kMissing);
    if (how == "known") result.push_back(static_cast<float>(known));
  }
  return result;
}

TEST(InSlate, ComparesAFeaturesValueWithThoseOfTheOtherCandidates) {
  for (const std::string how : {"rank", "share", "mean", "known"}) {
    Rng rng(101);
    TestView plain(kTouches), compared(std::string(kTouches) + "in_slate = \"" + how + "\"\n");
    for (const Line& line : RandomLines(rng, 300)) {
      const std::vector<float> expected = Compared(how, plain.Read(line.time_ms)), got = compared.Read(line.time_ms);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_TRUE(Same(expected[i], got[i])) << how << " " << got[i];
      plain.Fold(line);
      compared.Fold(line);
    }
  }
}

TEST(InSlate, OfTheRequestsOwnValuesHasEqualRanksForEqualValues) {
  TestView v("type = \"property\"\nproperty = \"price\"\nin_slate = \"rank\"\n");
  v.prices = {40, 20, 20, std::nan(""), 80, 60};
  const std::vector<float> ranks = v.Read(0);
  EXPECT_EQ(ranks[0], 2);
  EXPECT_EQ(ranks[1], 0);
  EXPECT_EQ(ranks[2], 0);
  EXPECT_TRUE(std::isnan(ranks[3]));
  EXPECT_EQ(ranks[4], 4);
}

TEST(InSlate, KeepsOneStateWithTheFeatureItComparesAndItsOwnFingerprint) {
  const auto set = MakeSet(std::string("[[feature]]\nname = \"a\"\n") + kTouches + "[[feature]]\nname = \"b\"\n" +
                           kTouches + "in_slate = \"rank\"\n");
  ASSERT_TRUE(set.ok()) << set.error().ToString();
  EXPECT_TRUE(set.value()->features[1].shares_state);
  EXPECT_EQ(set.value()->session_row_bytes, set.value()->features[0].view->spec().state_bytes);
  EXPECT_NE(set.value()->features[0].view->spec().fingerprint, set.value()->features[1].view->spec().fingerprint);
}

TEST(InSlate, RefusesCategoriesSharedScopesAndUnknownComparisons) {
  EXPECT_THAT(ErrorOf("type = \"property\"\nproperty = \"category\"\nin_slate = \"rank\"\n"),
              testing::HasSubstr("this is a category"));
  EXPECT_THAT(ErrorOf("type = \"count\"\nscope = \"item\"\nevents = [\"feed.click\"]\nin_slate = \"rank\"\n"),
              testing::HasSubstr("shared scope"));
  EXPECT_THAT(ErrorOf("type = \"property\"\nproperty = \"price\"\nin_slate = \"best\"\n"),
              testing::HasSubstr("valid are rank, share, mean, known"));
}

}  // namespace
}  // namespace gfr
