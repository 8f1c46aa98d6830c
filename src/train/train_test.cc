#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "base/rng.h"
#include "base/test_python.h"
#include "score/scorer.h"
#include "train/fit_calibrator.h"
#include "train/xgboost_trainer.h"

namespace gfr {
namespace {

constexpr std::size_t kColumns = 6;

struct Rows {
  std::vector<float> values, labels;
  TrainMatrix matrix() const { return {values.data(), labels.size(), kColumns, labels.data(), nullptr}; }
};

Rows RandomRows(std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  Rows rows;
  for (std::size_t i = 0; i < count; ++i) {
    double z = -1;
    for (std::size_t k = 0; k < kColumns; ++k) {
      const double x = k == 0 ? static_cast<double>(rng.Below(5)) : rng.Normal();
      const bool missing = rng.Chance(0.2);
      rows.values.push_back(missing ? std::nanf("") : static_cast<float>(x));
      if (!missing) z += (k % 2 ? 0.8 : -0.5) * x;
    }
    rows.labels.push_back(rng.Chance(1 / (1 + std::exp(-z))));
  }
  return rows;
}

class TrainTest : public testing::Test {
 protected:
  TrainTest() : engine(std::move(XgboostTrainer::Load(FindXgboostLibrary())).value()) {}
  std::unique_ptr<XgboostTrainer> engine;
};

TEST_F(TrainTest, ScoresEqualXgboostsBitForBit) {
  const Rows rows = RandomRows(1, 4000), other = RandomRows(2, 3001);
  for (const int depth : {1, 3, 8}) {
    const auto trained =
        engine->Train(rows.matrix(), nullptr, {.depth = depth, .eta = 0.3, .max_rounds = 60}, [](int, double) {});
    ASSERT_TRUE(trained.ok()) << trained.error().message;
    const auto forest = ParseXgboost(trained.value().ubj);
    ASSERT_TRUE(forest.ok()) << forest.error().message;
    std::vector<float> mine(other.labels.size());
    Scorer::Make(forest.value()).value()->Margins(other.values.data(), mine.size(), kColumns, mine.data());
    const auto theirs = engine->PredictMargins(trained.value().ubj, other.values.data(), mine.size(), kColumns);
    ASSERT_EQ(std::memcmp(mine.data(), theirs.value().data(), mine.size() * sizeof(float)), 0) << "depth " << depth;
  }
}

TEST_F(TrainTest, StopsEarlyWhereValidationIsBest) {
  const Rows rows = RandomRows(3, 500), validation = RandomRows(4, 2000);
  const TrainMatrix held = validation.matrix();
  std::vector<double> losses;
  const auto trained =
      engine->Train(rows.matrix(), &held, {.depth = 6, .eta = 0.3, .max_rounds = 300, .early_stopping = 10},
                    [&](int, double loss) { losses.push_back(loss); });
  const auto best = std::ranges::min_element(losses) - losses.begin();
  EXPECT_EQ(trained.value().rounds, best + 1);
  EXPECT_LT(losses.size(), 300u);
  EXPECT_EQ(ParseXgboost(trained.value().ubj).value().root.size(), static_cast<std::size_t>(best) + 1);
}

TEST_F(TrainTest, AModelFileOfAnyBytesIsRefusedOrRead) {
  const Rows rows = RandomRows(5, 300);
  const std::string ubj =
      engine->Train(rows.matrix(), nullptr, {.depth = 3, .max_rounds = 5}, [](int, double) {}).value().ubj;
  Rng rng(6);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = ubj;
    for (std::uint64_t n = 1 + rng.Below(8); n > 0; --n)
      bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Below(256));
    if (rng.Chance(0.3)) bytes.resize(rng.Below(bytes.size()));
    const auto forest = ParseXgboost(bytes);
    if (!forest.ok()) continue;
    const auto scorer = Scorer::Make(forest.value());
    std::vector<float> wide(static_cast<std::size_t>(std::clamp(forest.value().columns, 1, 1 << 20)), 0.5f);
    float margin = 0;
    if (scorer.ok() && forest.value().columns <= (1 << 20))
      scorer.value()->Margins(wide.data(), 1, wide.size(), &margin);
  }
}

TEST(FitCalibrator, EqualsScipysMinimum) {
  Rng rng(7);
  std::vector<float> margins, labels;
  const TestFolder folder;
  {
    std::ofstream file(folder / "rows.txt");
    file.precision(9);
    for (int i = 0; i < 4000; ++i) {
      margins.push_back(static_cast<float>(1.5 * rng.Normal() - 1));
      labels.push_back(rng.Chance(1 / (1 + std::exp(-(0.6 * margins.back() - 0.4)))));
      file << margins.back() << " " << labels.back() << "\n";
    }
  }
  std::istringstream reference(RunPython(folder, R"(
import numpy as np
from scipy.optimize import minimize
from sklearn.calibration import _sigmoid_calibration
rows = np.loadtxt("rows.txt", dtype=np.float32).astype(np.float64)
m, y = rows[:, 0], rows[:, 1]
def softplus(z): return np.logaddexp(0, z)
def fit(x, t):  # scikit-learn stops early (Platt) or cannot go without a penalty (beta): scipy goes to the minimum.
    loss = lambda w: np.sum(softplus(x @ w) - t * (x @ w))
    slope = lambda w: x.T @ (1 / (1 + np.exp(-x @ w)) - t)
    def curve(w):
        p = 1 / (1 + np.exp(-x @ w))
        return (x * (p * (1 - p))[:, None]).T @ x
    w = minimize(loss, np.zeros(x.shape[1]), jac=slope, hess=curve, method="trust-exact", options=dict(gtol=1e-8)).x
    for _ in range(3): w = w - np.linalg.solve(curve(w), slope(w))
    return w
P, N = y.sum(), (1 - y).sum()
platt = fit(np.c_[m, np.ones_like(m)], np.where(y == 1, (P + 1) / (P + 2), 1 / (N + 2)))
a, b = _sigmoid_calibration(m, y)
assert abs(-a - platt[0]) < 1e-3 and abs(-b - platt[1]) < 1e-3
beta = fit(np.c_[-softplus(-m), softplus(m), np.ones_like(m)], y)
print(*[repr(float(v)) for v in [*platt, *beta]])
)"));
  double a, b, ba, bb, bc;
  reference >> a >> b >> ba >> bb >> bc;
  const Calibrator platt = FitCalibratorOf(Calibrator::Kind::kPlatt, margins, labels);
  EXPECT_NEAR(platt.a, a, 1e-9);
  EXPECT_NEAR(platt.b, b, 1e-9);
  const Calibrator beta = FitCalibratorOf(Calibrator::Kind::kBeta, margins, labels);
  EXPECT_NEAR(beta.a, ba, 1e-9);
  EXPECT_NEAR(beta.b, bb, 1e-9);
  EXPECT_NEAR(beta.c, bc, 1e-9);
}

TEST(FitCalibrator, ReturnsAWarpedForestToItsProbabilities) {
  Rng rng(8);
  std::vector<float> margins, labels;
  std::vector<Key> users;
  for (int i = 0; i < 60000; ++i) {
    const double z = 1.5 * rng.Normal() - 1, p = 1 / (1 + std::exp(-z));
    margins.push_back(static_cast<float>(2.5 * z + (z > 0 ? 2 : 0)));
    labels.push_back(rng.Chance(p));
    users.push_back(rng.Below(1000));
  }
  const Calibrator c = FitCalibrator(margins, labels, users);
  double predicted[5] = {}, observed[5] = {};
  for (std::size_t i = 0; i < margins.size(); ++i) {
    const double p = c.Apply(margins[i]);
    const int bin = std::min(4, static_cast<int>(p * 5));
    predicted[bin] += p;
    observed[bin] += labels[i];
  }
  for (int k = 0; k < 5; ++k) EXPECT_NEAR(observed[k] / predicted[k], 1, 0.06) << k;
  const Calibrator again = Calibrator::FromJson(c.ToJson()).value();
  for (const double m : {-9.0, -0.3, 0.0, 2.2, 50.0}) EXPECT_EQ(again.Apply(m), c.Apply(m));
}

}  // namespace
}  // namespace gfr
