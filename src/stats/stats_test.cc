#include <gtest/gtest.h>

#include <sstream>

#include "base/rng.h"
#include "base/test_python.h"
#include "stats/descriptive.h"
#include "stats/isotonic.h"

namespace gfr {
namespace {

TEST(Descriptive, EqualsNumpyAndScipy) {
  Rng rng(7);
  const TestFolder folder;
  std::vector<float> x, y;
  {
    std::ofstream file(folder / "x.txt");
    file.precision(9);
    for (int i = 0; i < 997; ++i) {
      x.push_back(static_cast<float>(1000 + rng.Normal() * 3));
      y.push_back(rng.Chance(0.3 + 0.1 * (x.back() > 1000)));
      file << x.back() << " " << y.back() << "\n";
    }
  }
  std::istringstream reference(RunPython(folder, R"(
import numpy as np
from scipy.stats import binomtest, pearsonr
rows = np.loadtxt("x.txt", dtype=np.float32).astype(np.float64)
x, y = rows[:, 0], rows[:, 1]
w = binomtest(3, 41).proportion_ci(method="wilson")
z = binomtest(0, 9).proportion_ci(method="wilson")
for v in [x.mean(), x.std(ddof=1), *np.quantile(x, [0, 0.1, 0.5, 0.99, 1]), pearsonr(x, y)[0], w.low, w.high, z.low, z.high]:
    print(repr(float(v)))
)"));
  const Moments m = MomentsOf(x);
  const double r = Correlation(x, y);
  std::ranges::sort(x);
  const Interval w = Share(3, 41).interval, z = Share(0, 9).interval;
  for (const double ours : {m.mean, m.sd, QuantileOfSorted(x, 0), QuantileOfSorted(x, 0.1), QuantileOfSorted(x, 0.5),
                            QuantileOfSorted(x, 0.99), QuantileOfSorted(x, 1), r, w.low, w.high, z.low, z.high}) {
    double theirs = NAN;
    reference >> theirs;
    EXPECT_NEAR(ours, theirs, 1e-9 * std::max(1.0, std::fabs(theirs)));
  }
}

TEST(Descriptive, IsMissingWhereItDoesNotExist) {
  EXPECT_TRUE(std::isnan(MomentsOf({}).mean));
  EXPECT_TRUE(std::isnan(MomentsOf(std::vector<float>{1}).sd));
  EXPECT_TRUE(std::isnan(QuantileOfSorted({}, 0.5)));
  EXPECT_TRUE(std::isnan(Correlation(std::vector<float>{1, 1}, std::vector<float>{0, 1})));
  EXPECT_TRUE(std::isnan(Share(0, 0).value));
}

TEST(Isotonic, EqualsScikitLearns) {
  Rng rng(3);
  const TestFolder folder;
  std::vector<double> y, w;
  {
    std::ofstream file(folder / "x.txt");
    file.precision(17);
    for (int i = 0; i < 2000; ++i) {
      y.push_back(rng.Chance(i / 2500.0));
      w.push_back(1 + static_cast<double>(rng.Below(3)));
      file << y.back() << " " << w.back() << "\n";
    }
  }
  std::istringstream reference(RunPython(folder, R"(
import numpy as np
from sklearn.isotonic import IsotonicRegression
y, w = np.loadtxt("x.txt").T
for v in IsotonicRegression().fit_transform(np.arange(len(y)), y, sample_weight=w): print(repr(float(v)))
)"));
  std::size_t at = 0;
  for (const IsotonicBlock& block : FitIsotonicBlocks(y, w)) {
    EXPECT_EQ(block.first, at);
    for (; at <= block.last; ++at) {
      double theirs = NAN;
      reference >> theirs;
      ASSERT_NEAR(block.value(), theirs, 1e-9) << at;
    }
  }
  EXPECT_EQ(at, y.size());
}

}  // namespace
}  // namespace gfr
