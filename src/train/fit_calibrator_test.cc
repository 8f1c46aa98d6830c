#include "train/fit_calibrator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "base/file_system.h"
#include "base/rng.h"
#include "base/test_python.h"
#include "model/model.h"
#include "score/scorer.h"
#include "train/engine/xgboost_api.h"
#include "train/engine/xgboost_trainer.h"
#include "train/test_rows.h"

namespace gfr {
namespace {

TEST(FitCalibrator, CalibratorsOfSlicesAreInTheModelFileAndThoseOfNoColumnAreRefused) {
  const auto engine = XgboostTrainer::Load(FindXgboostLibrary()).value();
  const LabelledRows rows = RandomRows(19, 300);
  const auto trained = engine->Train(rows.matrix(), nullptr, {.depth = 2, .max_rounds = 2}, [](int, double) {});
  Model model{.columns = {"device", "b", "c", "d", "e", "f"},
              .categorical = {1, 0, 0, 0, 0, 0},
              .categories = std::vector<std::map<float, float>>(LabelledRows::kColumns)};
  model.objectives.push_back(
      {.name = "pctr",
       .forest = ParseXgboost(trained.value().bytes).value(),
       .forest_bytes = trained.value().bytes,
       .calibrator = {.kind = Calibrator::Kind::kPlatt, .a = 0.9, .b = 0.1},
       .slice_column = 0,
       .slice_calibrators = {{0.0f, {.kind = Calibrator::Kind::kPlatt, .a = 1 / 3.0, .b = -0.2}},
                             {2.0f, {.kind = Calibrator::Kind::kIsotonic, .x = {-1, 1}, .y = {0.1, 0.3}}}}});
  auto files = ModelToFiles(model);
  const auto read = ModelFromFiles(files, "feed", "1");
  ASSERT_TRUE(read.ok()) << read.error().message;
  for (const float code : {0.0f, 1.0f, 2.0f, std::nanf("")})
    EXPECT_EQ(read.value().objectives[0].Probability(-0.4, &code), model.objectives[0].Probability(-0.4, &code));
  const float first = 0, third = 2;
  EXPECT_NE(model.objectives[0].Probability(-0.4, &first), model.objectives[0].Probability(-0.4, &third));
  std::string& text = files.at("pctr.calibration.json");
  const std::string good = text;
  for (const char* column : {"\"b\"", "\"nothing\""}) {
    text = good;
    text.replace(text.find("\"device\""), 8, column);
    const auto refused = ModelFromFiles(files, "feed", "1");
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, testing::HasSubstr("the calibration of pctr is by a column"));
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

// Margins far from 0, as of an over-confident forest: plain Newton steps leave the optimum behind.
TEST(FitCalibrator, ComesToItsOptimumWhereFullNewtonStepsDoNot) {
  const std::vector<float> margins{6.75,  -6.67, -6.17, -9.44, 2.19,  -16.81, 7.47,  -7.57, -1.09, -4.5,  5.77,  -15.36,
                                   -4.93, -5.3,  3.8,   -9.6,  -4.03, -8.27,  -2.75, 0.5,   -9.6,  3.87,  2.41,  0.01,
                                   2.41,  -7.1,  -3.74, -8.61, -4.61, 0.18,   -7.15, -5.38, -7.12, -8.07, -7.03, -3.08,
                                   -9.7,  -1.59, 6.96,  1.45,  -4.15, -8.33,  -7.48, 7.15,  -2.7,  -6.82, -1.85, 9.6,
                                   -2.28, 0.7,   -1.2,  -5.11, -9.86, -5.1,   -4.25, 0.52,  2.03,  2.59,  -1.29, 2.31};
  const std::vector<float> labels{1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1,
                                  0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1,
                                  1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  const Calibrator platt = FitCalibratorOf(Calibrator::Kind::kPlatt, margins, labels);
  EXPECT_NEAR(platt.a, 0.269, 1e-3);
  EXPECT_NEAR(platt.b, 0.046, 1e-3);
}

TEST(FitCalibrator, IsNonDecreasingAndAtItsOptimumOnAnyProblem) {
  Rng rng(31);
  const auto soft = [](double z) { return std::log1p(std::exp(-std::fabs(z))) + std::fmax(z, 0.0); };
  int fitted = 0;
  for (int problem = 0; problem < 300; ++problem) {
    const auto n = static_cast<std::size_t>(40 + rng.Below(400));
    const double confident = std::exp(2 * rng.Normal()), at = 4 * rng.Normal(), truth = problem % 7 == 0 ? -0.5 : 1;
    std::vector<float> margins, labels;
    std::vector<Key> users;
    for (std::size_t i = 0; i < n; ++i) {
      const double x = rng.Normal();
      margins.push_back(static_cast<float>(confident * x + at));
      labels.push_back(problem % 11 == 0   ? 0.0f                   // One class.
                       : problem % 13 == 0 ? (x > 0 ? 1.0f : 0.0f)  // Separable.
                                           : static_cast<float>(rng.Chance(1 / (1 + std::exp(1 - truth * x)))));
      users.push_back(rng.Below(50));
    }
    for (const auto kind : {Calibrator::Kind::kPlatt, Calibrator::Kind::kBeta, Calibrator::Kind::kIsotonic}) {
      const auto c = TryCalibratorOf(kind, margins, labels);
      if (!c) continue;
      ++fitted;
      double before = 0;
      for (double m = -60; m <= 60; m += 0.5) {
        ASSERT_GE(c->Apply(m), before - 1e-12) << problem << " " << CalibratorName(kind) << " at " << m;
        before = c->Apply(m);
      }
      if (kind != Calibrator::Kind::kPlatt) continue;
      const auto positives = static_cast<double>(std::ranges::count(labels, 1.0f));
      const auto loss = [&](double a, double b) {
        double sum = 0;
        for (std::size_t i = 0; i < n; ++i) {
          const double z = a * margins[i] + b, t = labels[i] > 0 ? (positives + 1) / (positives + 2)
                                                                 : 1 / (static_cast<double>(n) - positives + 2);
          sum += soft(z) - t * z;
        }
        return sum;
      };
      const double here = loss(c->a, c->b);
      for (const double step : {1e-3, 1e-5}) {  // Convex: no neighbour is lower, so nothing is.
        for (const double da : {-step, 0.0, step}) {
          for (const double db : {-step, 0.0, step}) {
            if (c->a + da >= 0) ASSERT_GE(loss(c->a + da, c->b + db), here - 1e-9) << problem;
          }
        }
      }
    }
    const Calibrator chosen = FitCalibrator(margins, labels, users);
    ASSERT_TRUE(std::isfinite(chosen.Apply(100)) && std::isfinite(chosen.Apply(-100)));
  }
  EXPECT_GT(fitted, 600);
}

// The log loss of Platt's calibrators of five folds of users, each on its own fold, summed up; nothing: one has none.
std::optional<double> CrossFitLossOfPlatt(const std::vector<float>& margins, const std::vector<float>& labels,
                                          const std::vector<Key>& users) {
  double sum = 0;
  for (std::uint64_t fold = 0; fold < 5; ++fold) {
    std::vector<float> others, their_labels;
    for (std::size_t i = 0; i < margins.size(); ++i) {
      if (users[i] % 5 == fold) continue;
      others.push_back(margins[i]);
      their_labels.push_back(labels[i]);
    }
    const auto platt = TryCalibratorOf(Calibrator::Kind::kPlatt, others, their_labels);
    if (!platt) return std::nullopt;
    for (std::size_t i = 0; i < margins.size(); ++i) {
      if (users[i] % 5 != fold) continue;
      const double z = platt->a * margins[i] + platt->b;
      sum += std::log1p(std::exp(-std::fabs(z))) + std::fmax(z, 0.0) - labels[i] * z;
    }
  }
  return sum;
}

// Over- and under-confident, separable, few positives, one class, falling: scipy goes to the minimum of Platt's own
// objective (Platt 1999, smoothed targets) among slopes that are not negative. 1,000 problems with GFR_TEST_ALL.
TEST(FitCalibrator, ReachesScipysOptimumOfPlattsObjectiveOnRandomProblems) {
  const int kProblems = std::getenv("GFR_TEST_ALL") ? 1000 : 150;
  Rng rng(33);
  const TestFolder folder;
  std::vector<std::vector<float>> margins(kProblems), labels(kProblems);
  std::ofstream file(folder / "problems.txt");
  file.precision(9);
  for (int p = 0; p < kProblems; ++p) {
    const auto n = 40 + rng.Below(400);
    const double confident = std::exp(1.5 * rng.Normal()), at = 3 * rng.Normal(), truth = p % 7 == 0 ? -0.5 : 1;
    for (std::size_t i = 0; i < n; ++i) {
      const double x = rng.Normal();
      margins[p].push_back(static_cast<float>(confident * x + at));
      labels[p].push_back(p % 11 == 0   ? static_cast<float>(p % 2)            // One class.
                          : p % 13 == 0 ? (x > 0 ? 1.0f : 0.0f)                // Separable.
                          : p % 5 == 0  ? static_cast<float>(i < 30 && x > 0)  // At most 30 positives.
                                        : static_cast<float>(rng.Chance(1 / (1 + std::exp(1 - truth * x)))));
      file << p << " " << margins[p].back() << " " << labels[p].back() << "\n";
    }
  }
  file.close();
  std::istringstream reference(RunPython(folder, R"(
import numpy as np
from scipy.optimize import minimize
rows = np.loadtxt("problems.txt", dtype=np.float64)
for p in range(1 + int(rows[-1, 0])):
    m, y = rows[rows[:, 0] == p, 1].astype(np.float32).astype(np.float64), rows[rows[:, 0] == p, 2]
    P, N = y.sum(), (1 - y).sum()
    t = np.where(y == 1, (P + 1) / (P + 2), 1 / (N + 2))
    scale = max(m.std(), 1e-9)
    x = np.c_[(m - m.mean()) / scale, np.ones_like(m)]
    def loss(w): return np.sum(np.logaddexp(0, x @ w) - t * (x @ w)), x.T @ (1 / (1 + np.exp(-x @ w)) - t)
    best = minimize(loss, [0.1, 0], jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)],
                    options=dict(ftol=1e-15, gtol=1e-9, maxiter=1000))
    print(repr(float(best.fun)), repr(float(best.x[0])))
)"));
  const auto soft = [](double z) { return std::log1p(std::exp(-std::fabs(z))) + std::fmax(z, 0.0); };
  for (int p = 0; p < kProblems; ++p) {
    double minimum = NAN, slope = NAN;
    ASSERT_TRUE(reference >> minimum >> slope);
    const auto platt = TryCalibratorOf(Calibrator::Kind::kPlatt, margins[p], labels[p]);
    const auto positives = static_cast<double>(std::ranges::count(labels[p], 1.0f));
    if (!platt) {  // Where the best slope is none, as of one class, or would be negative, Platt is no candidate.
      EXPECT_LT(slope, 1e-4) << p;
      continue;
    }
    const double high = (positives + 1) / (positives + 2),
                 low = 1 / (static_cast<double>(labels[p].size()) - positives + 2);
    double loss = 0;
    for (std::size_t i = 0; i < labels[p].size(); ++i) {
      const double z = platt->a * margins[p][i] + platt->b;
      loss += soft(z) - (labels[p][i] > 0 ? high : low) * z;
    }
    EXPECT_LE(loss, minimum * (1 + 1e-6) + 1e-9) << p;
    std::vector<Key> users;
    for (std::size_t i = 0; i < labels[p].size(); ++i) users.push_back(rng.Below(50));
    double uncalibrated = 0;
    for (std::size_t i = 0; i < labels[p].size(); ++i)
      uncalibrated += soft(margins[p][i]) - labels[p][i] * margins[p][i];
    const double chosen = CrossFitLogLoss(margins[p], labels[p], users) * static_cast<double>(labels[p].size());
    // There probabilities are kept 1e-9 away from 0 and 1.
    EXPECT_LE(chosen, uncalibrated * (1 + 1e-6) + 1e-6) << p;
    if (const auto by_platt = CrossFitLossOfPlatt(margins[p], labels[p], users)) {
      EXPECT_LE(chosen, *by_platt * (1 + 1e-6) + 1e-6) << p;
    }
    const Calibrator fitted = FitCalibrator(margins[p], labels[p], users);
    double before = 0;
    for (double m = -60; m <= 60; m += 0.5) {
      ASSERT_GE(fitted.Apply(m), before - 1e-12) << p << " " << CalibratorName(fitted.kind) << " at " << m;
      before = fitted.Apply(m);
    }
  }
}

TEST(FitCalibrator, ASliceHasItsOwnWhereTheCrossFitIsBetterAndRowsAreEnough) {
  Rng rng(9);
  std::vector<float> margins, labels, slice;
  std::vector<Key> users;
  // 0 and 1 are as the pooled margins say, 2 has a third of their odds, 3 likewise but too few rows, NaN is no slice.
  for (int i = 0; i < 60000; ++i) {
    const double z = rng.Normal() - 2;
    const float code = rng.Chance(0.002) ? 3.0f : rng.Chance(0.1) ? std::nanf("") : static_cast<float>(rng.Below(3));
    margins.push_back(static_cast<float>(z));
    slice.push_back(code);
    labels.push_back(rng.Chance(1 / (1 + std::exp(-(code >= 2 ? z - std::log(3.0) : z)))));
    users.push_back(rng.Below(3000));
  }
  const Calibrator pooled = FitCalibrator(margins, labels, users);
  const auto own = FitSliceCalibrators(pooled, margins, labels, users, slice);
  ASSERT_TRUE(own.contains(2));
  EXPECT_FALSE(own.contains(3));
  const ObjectiveModel objective{.calibrator = pooled, .slice_column = 0, .slice_calibrators = own};
  double observed[3] = {}, expected[3] = {}, by_pooled[3] = {};
  for (std::size_t i = 0; i < margins.size(); ++i) {
    if (!(slice[i] < 3)) continue;
    const auto k = static_cast<std::size_t>(slice[i]);
    observed[k] += labels[i];
    expected[k] += objective.Probability(margins[i], &slice[i]);
    by_pooled[k] += pooled.Apply(margins[i]);
  }
  EXPECT_LT(observed[2] / by_pooled[2], 0.6);
  for (int k = 0; k < 3; ++k) EXPECT_NEAR(observed[k] / expected[k], 1, 0.02) << k;
  const float none = std::nanf(""), unseen = 7;
  EXPECT_EQ(objective.Probability(-1, &none), pooled.Apply(-1));
  EXPECT_EQ(objective.Probability(-1, &unseen), pooled.Apply(-1));
}

TEST(FitCalibrator, SlicesThatAreAlikeHaveHardlyAnyOfTheirOwn) {
  Rng rng(10);
  std::vector<float> margins, labels, slice;
  std::vector<Key> users;
  for (int i = 0; i < 100000; ++i) {
    const double z = rng.Normal() - 1;
    margins.push_back(static_cast<float>(z));
    slice.push_back(static_cast<float>(rng.Below(20)));
    labels.push_back(rng.Chance(1 / (1 + std::exp(-(0.8 * z + 0.3)))));
    users.push_back(rng.Below(5000));
  }
  const Calibrator pooled = FitCalibrator(margins, labels, users);
  EXPECT_LE(FitSliceCalibrators(pooled, margins, labels, users, slice).size(), 1u);
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
