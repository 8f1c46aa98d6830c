#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "feature/test_view.h"

namespace gfr {
namespace {

double CosineOf(const std::vector<double>& a, const float* b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    dot += a[k] * b[k];
    aa += a[k] * a[k];
    bb += static_cast<double>(b[k]) * b[k];
  }
  return dot / std::sqrt(aa * bb);
}

TestView WithVectors(const std::string& feature, Rng& rng) {
  TestView v(feature);
  v.vectors.assign(6, {});
  for (int i = 0; i < 5; ++i) {  // The sixth has none.
    for (int k = 0; k < 15; ++k) v.vectors[i].push_back(static_cast<float>(rng.Normal()));
  }
  return v;
}

// Both vector properties: 3 floats at 0, 12 at 3, which is more than one round of eight.
TEST(Similarity, IsTheCosineToTheDecayedMean) {
  Rng rng(101);
  for (const auto& [property, offset, size] : {std::tuple{"embedding", 0, 3}, std::tuple{"other", 3, 12}}) {
    TestView h = WithVectors(
        "type = \"similarity\"\nread = \"mean\"\nscope = \"user\"\nevents = "
        "[\"item.view\"]\nhalf_life = \"2h\"\nproperty = \"" +
            std::string(property) + "\"\n",
        rng);
    EXPECT_TRUE(std::isnan(h.Read(0)[0])) << "nothing was touched";
    std::vector<Line> seen;
    std::int64_t now = 0;
    for (Line line : RandomLines(rng, 100)) {
      now = line.time_ms = std::max(now, line.time_ms);
      h.Fold(line);
      if (line.type == EventType::kItemView && !line.vectors.empty()) seen.push_back(line);
      std::vector<double> sum(static_cast<std::size_t>(size));
      for (const Line& s : seen) {
        const double weight = std::exp2(-static_cast<double>(now - s.time_ms) / (2.0 * static_cast<double>(kHourMs)));
        for (int k = 0; k < size; ++k) sum[k] += weight * s.vectors[static_cast<std::size_t>(offset + k)];
      }
      const std::vector<float> values = h.Read(now);
      ASSERT_TRUE(std::isnan(values[5])) << "a candidate without a vector";
      for (std::size_t i = 0; i < 5 && !seen.empty(); ++i)
        ASSERT_NEAR(values[i], CosineOf(sum, h.vectors[i].data() + offset), 1e-5);
    }
  }
}

TEST(Similarity, IsTheGreatestCosineToTheLastItems) {
  Rng rng(102);
  TestView h = WithVectors(
      "type = \"similarity\"\nread = \"max_last\"\nscope = \"session\"\nevents = [\"item.view\"]\nproperty = "
      "\"embedding\"\ncapacity = 3\n",
      rng);
  std::vector<Line> seen;
  for (const Line& line : RandomLines(rng, 200)) {
    h.Fold(line);
    if (line.type == EventType::kItemView && !line.vectors.empty()) seen.push_back(line);
    std::vector<Line> last;
    for (auto l = seen.rbegin(); l != seen.rend() && last.size() < 3; ++l) {
      if (std::ranges::count(last, l->item, &Line::item) == 0) last.push_back(*l);
    }
    const std::vector<float> values = h.Read(line.time_ms);
    for (std::size_t i = 0; i < 6; ++i) {
      double best = -2;
      for (const Line& l : last) {
        if (i < 5) best = std::max(best, CosineOf({l.vectors.begin(), l.vectors.begin() + 3}, h.vectors[i].data()));
      }
      if (best < -1.5) {
        ASSERT_TRUE(std::isnan(values[i]));
      } else
        ASSERT_NEAR(values[i], best, 1e-5);
    }
  }
}

TEST(Similarity, TakesAVectorThatIsZeroOrNotFiniteForNone) {
  for (const std::string reading : {"read = \"mean\"\nhalf_life = \"1h\"\n", "read = \"max_last\"\n"}) {
    TestView h("type = \"similarity\"\nscope = \"user\"\nevents = [\"item.view\"]\nproperty = \"embedding\"\n" +
               reading);
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinite = std::numeric_limits<float>::infinity();
    const auto vector = [](float a, float b, float c) {
      std::vector<float> v(15, 1.0f);
      v[0] = a, v[1] = b, v[2] = c;
      return v;
    };
    h.vectors = {vector(1, 0, 0), vector(0, 0, 0), vector(nan, nan, nan), vector(infinite, 0, 0)};
    for (const auto& v : {vector(0, 0, 0), vector(nan, 1, 1), vector(1, infinite, 1)})
      h.Fold({EventType::kItemView, 1, 1000, {}, {}, true, v});
    EXPECT_TRUE(std::isnan(h.Read(2000)[0])) << "none was touched";
    h.Fold({EventType::kItemView, 1, 1000, {}, {}, true, vector(1, 1, 0)});
    const std::vector<float> values = h.Read(2000);
    EXPECT_NEAR(values[0], std::sqrt(0.5), 1e-7);
    for (std::size_t i = 1; i < 4; ++i) EXPECT_TRUE(std::isnan(values[i]));
  }
}

TEST(Similarity, OfJoinedHistoriesIsThatOfTheWhole) {
  const std::string rest =
      "type = \"similarity\"\nscope = \"user\"\nevents = [\"item.view\"]\nproperty = \"embedding\"\n";
  ExpectJoinedHistoriesReadLikeTheWhole(rest + "read = \"mean\"\nhalf_life = \"2h\"\n", 1e-5, false, 103);
  ExpectJoinedHistoriesReadLikeTheWhole(rest + "read = \"max_last\"\ncapacity = 3\n", 0, false, 104);
  ExpectJoinedHistoriesReadLikeTheWhole(rest + "read = \"max_last\"\ncapacity = 3\n", 0, true, 105);
}

TEST(Similarity, NeedsADeclaredVector) {
  const std::string rest =
      "type = \"similarity\"\nread = \"max_last\"\nscope = \"user\"\nevents = [\"item.view\"]\nproperty = ";
  EXPECT_THAT(ErrorOf(rest + "\"price\"\n"),
              testing::AllOf(testing::HasSubstr("not a vector"), testing::HasSubstr("embedding, other")));
  EXPECT_EQ(ErrorOf(rest + "\"embedding\"\n"), "ok");
}

}  // namespace
}  // namespace gfr
