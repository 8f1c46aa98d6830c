#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "feature/test_view.h"

namespace gfr {
namespace {

TEST(Arithmetic, FollowsTheMathWithinItsBound) {
  Rng rng(6);
  for (int i = 0; i < 100000; ++i) {
    const double x = std::exp2(40 * rng.Normal()), y = 100 * rng.Normal();
    ASSERT_NEAR(Log2(x), std::log2(x), 1e-8 * std::max(1.0, std::fabs(std::log2(x))));
    ASSERT_NEAR(Exp2(y) / std::exp2(y), 1.0, 1e-8);
  }
  EXPECT_EQ(Log2(8), 3);
  EXPECT_EQ(Exp2(0), 1);
  EXPECT_EQ(Exp2(-2000), 0);
}

}  // namespace
}  // namespace gfr
