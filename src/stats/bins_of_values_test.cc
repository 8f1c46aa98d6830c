#include "stats/bins_of_values.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "base/rng.h"

namespace gfr {
namespace {

TEST(BinsOfValues, AreThoseOfEachValueByItself) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNaN = std::numeric_limits<float>::quiet_NaN();
  Rng rng(1);
  for (const bool categorical : {false, true}) {
    for (const std::size_t reference : {0, 1, 5, 300}) {
      std::vector<float> values;
      for (std::size_t i = 0; i < reference; ++i) values.push_back(static_cast<float>(rng.Below(60)) - 20);
      const Bins bins = MakeBins(values, categorical);
      ASSERT_LE(bins.size(), 256u);
      for (std::size_t count = 0; count < 40; ++count) {
        for (const bool same : {false, true}) {
          std::vector<float> column;
          for (std::size_t i = 0; i < count; ++i) {
            const float edges[] = {kNaN, kInfinity, -kInfinity, -0.0f, 0.0f, static_cast<float>(rng.Below(100)) - 40};
            column.push_back(same && i > 0 ? column[0] : edges[rng.Below(10) < 5 ? rng.Below(5) : 5]);
          }
          for (const std::size_t stride : {1, 3}) {
            std::vector<std::uint8_t> got(count * stride, 99);
            BinsOfValues(bins, column.data(), count, got.data(), stride);
            for (std::size_t i = 0; i < got.size(); ++i)
              ASSERT_EQ(got[i], i % stride == 0 ? bins.Of(column[i / stride]) : 99u) << count << " " << i;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace gfr
