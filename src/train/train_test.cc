#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "base/file_system.h"
#include "base/rng.h"
#include "base/test_python.h"
#include "model/model.h"
#include "score/scorer.h"
#include "train/fit_calibrator.h"
#include "train/part.h"
#include "train/resuming_trainer.h"
#include "train/test_rows.h"
#include "train/xgboost_api.h"
#include "train/xgboost_trainer.h"

namespace gfr {
namespace {

constexpr std::size_t kTrainColumns = LabelledRows::kColumns;

class TrainTest : public testing::Test {
 protected:
  TrainTest() : engine(std::move(XgboostTrainer::Load(FindXgboostLibrary())).value()) {}
  std::unique_ptr<XgboostTrainer> engine;
};

TEST_F(TrainTest, ScoresEqualXgboostsBitForBit) {
  const LabelledRows rows = RandomRows(1, 4000), other = RandomRows(2, 3001);
  for (const int depth : {1, 3, 8}) {
    const auto trained =
        engine->Train(rows.matrix(), nullptr, {.depth = depth, .eta = 0.3, .max_rounds = 60}, [](int, double) {});
    ASSERT_TRUE(trained.ok()) << trained.error().message;
    const auto forest = ParseXgboost(trained.value().bytes);
    ASSERT_TRUE(forest.ok()) << forest.error().message;
    std::vector<float> mine(other.labels.size());
    Scorer::Make(forest.value()).value()->Margins(other.values.data(), mine.size(), kTrainColumns, mine.data());
    const auto theirs = engine->PredictMargins(trained.value().bytes, other.values.data(), mine.size(), kTrainColumns);
    ASSERT_EQ(std::memcmp(mine.data(), theirs.value().data(), mine.size() * sizeof(float)), 0) << "depth " << depth;
  }
}

TEST_F(TrainTest, StopsEarlyWhereValidationIsBest) {
  const LabelledRows rows = RandomRows(3, 500), validation = RandomRows(4, 2000);
  const TrainMatrix held = validation.matrix();
  std::vector<double> losses;
  const auto trained =
      engine->Train(rows.matrix(), &held, {.depth = 6, .eta = 0.3, .max_rounds = 300, .early_stopping = 10},
                    [&](int, double loss) { losses.push_back(loss); });
  const auto best = std::ranges::min_element(losses) - losses.begin();
  EXPECT_EQ(trained.value().rounds, best + 1);
  EXPECT_LT(losses.size(), 300u);
  EXPECT_EQ(ParseXgboost(trained.value().bytes).value().root.size(), static_cast<std::size_t>(best) + 1);
}

TEST_F(TrainTest, TheSoftmaxWithinRequestsEqualsXgboostWithThatObjectiveFromPython) {
  const RequestRows rows = RandomRequests(11, 600);
  const TrainMatrix m = rows.grouped();
  const auto trained = engine->Train(m, &m, {.depth = 3, .eta = 0.3, .max_rounds = 15}, [](int, double) {});
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  const auto mine = engine->PredictMargins(trained.value().bytes, rows.values.data(), m.count, kTrainColumns);
  const TestFolder folder;
  std::ofstream(folder / "x.f32", std::ios::binary)
      .write(reinterpret_cast<const char*>(rows.values.data()), static_cast<std::streamsize>(4 * rows.values.size()));
  {
    std::ofstream file(folder / "rows.txt");
    for (std::size_t i = 0; i < m.count; ++i) file << rows.labels[i] << " " << rows.request[i] << "\n";
  }
  std::istringstream reference(RunPython(folder, R"(
import numpy as np, xgboost as xgb
y, g = np.loadtxt("rows.txt").T
x = np.fromfile("x.f32", np.float32).reshape(len(y), -1)
def shares(m):
    p = np.empty(len(m))
    for r in np.unique(g):
        e = np.exp(m[g == r].astype(np.float64) - m[g == r].max())
        p[g == r] = e / e.sum()
    return p
def objective(m, d):
    p = shares(m)
    return (p - y).astype(np.float32), np.maximum(p * (1 - p), 1e-6).astype(np.float32)
b = xgb.train(dict(max_depth=3, eta=0.3, tree_method="hist", base_score=0.0, max_bin=256, seed=7), xgb.DMatrix(x, y), 15, obj=objective)
m = b.predict(xgb.DMatrix(x), output_margin=True)
print(repr(float(-np.log(shares(m)[y == 1]).mean())), *m.tolist())
)"));
  double loss = 0, margin = 0;
  reference >> loss;
  EXPECT_EQ(trained.value().rounds, 15);
  EXPECT_NEAR(trained.value().best_log_loss, loss, 1e-6);
  for (std::size_t i = 0; i < m.count; ++i) {
    ASSERT_TRUE(reference >> margin);
    ASSERT_NEAR(mine.value()[i], margin, 1e-4) << i;
  }
}

TEST_F(TrainTest, RankingWithinRequestsEqualsXgboostsFromPython) {
  RequestRows rows = RandomRequests(21, 600);
  const TestFolder folder;
  std::ofstream(folder / "x.f32", std::ios::binary)
      .write(reinterpret_cast<const char*>(rows.values.data()), static_cast<std::streamsize>(4 * rows.values.size()));
  std::vector<float> weights;
  {
    std::ofstream file(folder / "rows.txt");
    for (std::size_t i = 0; i < rows.labels.size(); ++i) {
      weights.push_back(0.5f + static_cast<float>(rows.request[i] % 3));
      file << rows.labels[i] << " " << rows.request[i] << " " << weights[i] << "\n";
    }
  }
  std::istringstream reference(RunPython(folder, R"(
import numpy as np, xgboost as xgb
y, g, w = np.loadtxt("rows.txt").T
x = np.fromfile("x.f32", np.float32).reshape(len(y), -1)
first = np.r_[True, g[1:] != g[:-1]]
for loss in ("rank:ndcg", "rank:pairwise"):
    d = xgb.QuantileDMatrix(x, y, qid=g.astype(np.uint32))  # Quantiles of rows that count alike.
    d.set_weight(w[first])
    seen = {}
    b = xgb.train(dict(objective=loss, eval_metric="ndcg", max_depth=3, eta=0.3, tree_method="hist", base_score=0.0, max_bin=256, seed=7, min_child_weight=0.1),
                  d, 15, evals=[(d, "d")], evals_result=seen, verbose_eval=False)
    best = int(np.argmax(seen["d"]["ndcg"]))
    print(repr(1 - seen["d"]["ndcg"][best]), *b.predict(xgb.DMatrix(x), iteration_range=(0, best + 1)).tolist())
)"));
  for (const Loss loss : {Loss::kRankNdcg, Loss::kRankPairwise}) {
    TrainMatrix m = rows.grouped();
    m.loss = loss;
    m.weights = weights.data();
    const auto ragged = std::make_shared<RaggedRows>(rows.values, kTrainColumns);  // Batches end within requests.
    m.rows = ragged;
    const auto trained =
        engine->Train(m, &m, {.depth = 3, .eta = 0.3, .max_rounds = 15, .early_stopping = 15, .min_child_weight = 0.1},
                      [](int, double) {});
    ASSERT_TRUE(trained.ok()) << trained.error().message;
    const Forest forest = ParseForest(trained.value().bytes).value();
    EXPECT_EQ(forest.objective, LossName(loss));
    double least = 0, margin = 0;
    reference >> least;
    EXPECT_NEAR(trained.value().best_log_loss, least, 1e-5);
    std::vector<float> mine(m.count);
    Scorer::Make(forest).value()->Margins(rows.values.data(), m.count, kTrainColumns, mine.data());
    for (std::size_t i = 0; i < m.count; ++i) {
      ASSERT_TRUE(reference >> margin);
      ASSERT_NEAR(mine[i], margin, 1e-4) << LossName(loss) << " " << i;
    }
  }
}

TEST(Select, PutsTheRowsOfARequestTogetherToRank) {
  ObjectiveRows all;
  for (const Key request : {7, 3, 7, 5, 3, 7}) {
    all.request.push_back(request);
    all.features.push_back(static_cast<float>(all.size()));
    all.offset.push_back(all.size());
    all.user.push_back(request + 100);
    all.arrival_ms.push_back(static_cast<std::int64_t>(1000 * all.size()));
    all.position.push_back(static_cast<std::int32_t>(all.size()));
    all.label.push_back(all.size() == 2);
  }
  const Model model{.columns = {"f"}, .categorical = {0}, .categories = {{}}};
  const Part part = Select(all, Loss::kRankNdcg, model, INT64_MIN, INT64_MAX, {.half_life_ms = 1000});
  EXPECT_THAT(part.requests, testing::ElementsAre(7, 7, 7, 3, 3, 5));
  EXPECT_THAT(part.users, testing::ElementsAre(107, 107, 107, 103, 103, 105));
  EXPECT_THAT(part.indices, testing::ElementsAre(0, 2, 5, 1, 4, 3));
  EXPECT_THAT(part.positions, testing::ElementsAre(0, 2, 5, 1, 4, 3));
  EXPECT_THAT(part.labels, testing::ElementsAre(0, 1, 0, 0, 0, 0));
  EXPECT_THAT(part.weights, testing::ElementsAre(0.03125f, 0.125f, 1, 0.0625f, 0.5f, 0.25f));
  const TrainMatrix m = part.matrix();
  EXPECT_THAT(m.rows->Next().value(), testing::ElementsAre(0, 2, 5, 1, 4, 3));
  EXPECT_THAT(m.requests->GroupOfRows(), testing::ElementsAre(0, 0, 0, 1, 1, 2));
}

TEST_F(TrainTest, TheSoftmaxKnowsTheShareOfAClickBetterThanALogisticForest) {
  const RequestRows rows = RandomRequests(12, 3000), held = RandomRequests(13, 3000);
  const auto loss = [&](const TrainMatrix& train, const TrainMatrix& validation) {
    const auto trained =
        engine->Train(train, &validation, {.depth = 4, .eta = 0.1, .max_rounds = 300}, [](int, double) {});
    std::vector<float> margins =
        engine->PredictMargins(trained.value().bytes, held.values.data(), held.labels.size(), kTrainColumns).value();
    if (train.requests) ApplySoftmaxLink(*held.groups, margins);
    double sum = 0;
    for (std::size_t i = 0; i < margins.size(); ++i)
      sum += std::log1p(std::exp(held.labels[i] > 0 ? -margins[i] : margins[i]));
    return sum / static_cast<double>(margins.size());
  };
  EXPECT_LT(loss(rows.grouped(), held.grouped()), 0.97 * loss(rows.matrix(), held.matrix()));
}

TEST_F(TrainTest, ARequestWithoutAClickTeachesTheSoftmaxNothing) {
  RequestRows rows = RandomRequests(14, 400);
  const auto train = [&] {
    return engine
        ->Train(rows.grouped(), nullptr, {.depth = 3, .max_rounds = 20, .min_child_weight = 0.1}, [](int, double) {})
        .value();
  };
  const double gain = train().gain[0];
  EXPECT_GT(gain, 0);
  std::ranges::fill(rows.labels, 0.0f);
  EXPECT_EQ(train().gain[0], 0);
}

TEST_F(TrainTest, NegativesLeftOutAreUndoneInTheMargins) {
  const LabelledRows all = RandomRows(16, 40000), held = RandomRows(17, 20000);
  Rng rng(18);
  LabelledRows kept;
  for (std::size_t i = 0; i < all.labels.size(); ++i) {
    if (all.labels[i] == 0 && !rng.Chance(0.1)) continue;
    kept.labels.push_back(all.labels[i]);
    kept.values.insert(kept.values.end(), all.values.begin() + static_cast<std::ptrdiff_t>(i * kTrainColumns),
                       all.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * kTrainColumns));
  }
  const auto observed_over_expected = [&](double negatives) {
    TrainMatrix m = kept.matrix();
    m.negatives = negatives;
    const auto trained = engine->Train(m, nullptr, {.depth = 4, .max_rounds = 80}, [](int, double) {});
    const auto margins =
        engine->PredictMargins(trained.value().bytes, held.values.data(), held.labels.size(), kTrainColumns).value();
    // Scored by ours: the correction is in the file.
    std::vector<float> mine(margins.size());
    Scorer::Make(ParseXgboost(trained.value().bytes).value())
        .value()
        ->Margins(held.values.data(), mine.size(), kTrainColumns, mine.data());
    EXPECT_EQ(mine, margins);
    double observed = 0, expected = 0;
    for (std::size_t i = 0; i < margins.size(); ++i) {
      observed += held.labels[i];
      expected += 1 / (1 + std::exp(-static_cast<double>(margins[i])));
    }
    return observed / expected;
  };
  EXPECT_NEAR(observed_over_expected(0.1), 1, 0.04);
  EXPECT_LT(observed_over_expected(1), 0.6);
}

TEST_F(TrainTest, ImportanceEqualsXgboostsFromPython) {
  const LabelledRows rows = RandomRows(15, 800);
  const auto trained = engine->Train(rows.matrix(), nullptr, {.depth = 4, .max_rounds = 30}, [](int, double) {});
  const auto mine = engine->Explain(trained.value().bytes, rows.values.data(), 200, kTrainColumns);
  ASSERT_TRUE(mine.ok()) << mine.error().message;
  EXPECT_EQ(mine.value().gain, trained.value().gain);
  const TestFolder folder;
  std::ofstream(folder / "m.ubj", std::ios::binary) << trained.value().bytes;
  std::ofstream(folder / "x.f32", std::ios::binary)
      .write(reinterpret_cast<const char*>(rows.values.data()), 200 * kTrainColumns * 4);
  std::istringstream reference(RunPython(folder, R"(
import numpy as np, xgboost as xgb
b = xgb.Booster(model_file="m.ubj")
x = xgb.DMatrix(np.fromfile("x.f32", np.float32).reshape(200, -1))
shap = b.predict(x, pred_contribs=True).astype(float)
assert np.allclose(shap.sum(1), b.predict(x, output_margin=True), atol=1e-4)
print(*np.abs(shap[:, :-1]).mean(0).tolist())
)"));
  for (std::size_t k = 0; k < kTrainColumns; ++k) {
    double theirs = -1;
    reference >> theirs;
    EXPECT_NEAR(mine.value().mean_abs_shap[k], theirs, 1e-6) << k;
  }
}

TEST_F(TrainTest, CalibratorsOfSlicesAreInTheModelFileAndThoseOfNoColumnAreRefused) {
  const LabelledRows rows = RandomRows(19, 300);
  const auto trained = engine->Train(rows.matrix(), nullptr, {.depth = 2, .max_rounds = 2}, [](int, double) {});
  Model model{.columns = {"device", "b", "c", "d", "e", "f"},
              .categorical = {1, 0, 0, 0, 0, 0},
              .categories = std::vector<std::map<float, float>>(kTrainColumns)};
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

// Counts what another learns.
class CountingTrainer final : public ForestTrainer {
 public:
  explicit CountingTrainer(const ForestTrainer& trainer) : trainer_(trainer) {}
  Result<TrainedForest> Train(const TrainMatrix& train, const TrainMatrix* validation, const ForestParams& params,
                              const std::function<void(int, double)>& progress) const override {
    ++trained;
    return trainer_.Train(train, validation, params, progress);
  }
  Result<Importance> Explain(const std::string& forest, const float* rows, std::size_t count,
                             std::size_t columns) const override {
    return trainer_.Explain(forest, rows, count, columns);
  }
  mutable int trained = 0;

 private:
  const ForestTrainer& trainer_;
};

TEST_F(TrainTest, AForestThatWasFinishedIsNotLearntAgainAndAnotherIs) {
  LabelledRows rows = RandomRows(22, 400), held = RandomRows(23, 200);
  const TestFolder folder;
  const CountingTrainer counting(*engine);
  const auto train = [&](const TrainMatrix* validation, const ForestParams& params, const std::string& name) {
    const ResumingTrainer resuming(PosixFileSystem(), folder / "training", name, counting);
    return resuming.Train(rows.matrix(), validation, params, [](int, double) {}).value();
  };
  const TrainMatrix validation = held.matrix();
  const ForestParams params{.depth = 3, .max_rounds = 5};
  const TrainedForest first = train(&validation, params, "xgboost");
  const TrainedForest again = train(&validation, params, "xgboost");
  EXPECT_EQ(counting.trained, 1);
  EXPECT_EQ(again.bytes, first.bytes);
  EXPECT_EQ(again.rounds, first.rounds);
  EXPECT_EQ(again.best_log_loss, first.best_log_loss);
  EXPECT_EQ(again.gain, first.gain);
  // Any other row, label, parameter, validation or engine is another forest.
  (void)train(nullptr, params, "xgboost");
  (void)train(&validation, {.depth = 4, .max_rounds = 5}, "xgboost");
  (void)train(&validation, params, "lightgbm");
  rows.values[7] += 1;
  (void)train(&validation, params, "xgboost");
  rows.labels[7] = 1 - rows.labels[7];
  (void)train(&validation, params, "xgboost");
  held.labels[3] = 1 - held.labels[3];
  (void)train(&validation, params, "xgboost");
  EXPECT_EQ(counting.trained, 7);
  // Files that were damaged are learnt anew.
  const auto files = PosixFileSystem().List(folder / "training").value();
  ASSERT_EQ(files.size(), 7u);
  for (const std::string& name : files) {
    const std::string path = folder / ("training/" + name);
    std::string text = PosixFileSystem().ReadAll(path).value();
    text.back() = static_cast<char>(text.back() ^ 1);
    std::ofstream(path, std::ios::binary) << text;
  }
  (void)train(&validation, params, "xgboost");
  EXPECT_EQ(counting.trained, 8);
  ASSERT_TRUE(ResumingTrainer(PosixFileSystem(), folder / "training", "xgboost", counting).Forget().ok());
  EXPECT_FALSE(PosixFileSystem().Exists(folder / "training"));
}

TEST_F(TrainTest, AModelFileOfAnyBytesIsRefusedOrRead) {
  const LabelledRows rows = RandomRows(5, 300);
  const std::string ubj =
      engine->Train(rows.matrix(), nullptr, {.depth = 3, .max_rounds = 5}, [](int, double) {}).value().bytes;
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
