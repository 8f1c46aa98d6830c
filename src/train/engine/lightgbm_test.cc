#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/file_system.h"
#include "base/test_python.h"
#include "model/model.h"
#include "score/scorer.h"
#include "train/engine/lightgbm_api.h"
#include "train/engine/lightgbm_trainer.h"
#include "train/test_engine_contract.h"
#include "train/test_rows.h"
#include "train/test_softmax.h"

namespace gfr {
namespace {

constexpr std::size_t kLightGbmColumns = LabelledRows::kColumns;
constexpr std::uint8_t kFirstIsACategory[kLightGbmColumns] = {1};

TrainMatrix Coded(const LabelledRows& rows) {
  TrainMatrix m = rows.matrix();
  m.categorical = kFirstIsACategory;
  return m;
}

std::vector<double> Margins(const std::string& forest, const LabelledRows& rows) {
  std::vector<double> margins(rows.labels.size());
  Scorer::Make(ParseLightgbm(forest).value())
      .value()
      ->Margins(Rows(rows.values.data(), margins.size(), kLightGbmColumns), margins.data());
  return margins;
}

class LightgbmTest : public testing::Test {
 protected:
  LightgbmTest() : engine(std::move(LightgbmTrainer::Load(FindLightgbmLibrary())).value()) {}
  TrainedForest Train(const TrainMatrix& m, const TrainMatrix* validation, const ForestParams& params) const {
    auto trained = engine->Train(m, validation, params, [](int, double) {});
    EXPECT_TRUE(trained.ok()) << trained.error().message;
    return std::move(trained).value();
  }
  std::unique_ptr<LightgbmTrainer> engine;
};

TEST_F(LightgbmTest, TreesEqualThoseFromPythonAndScoresThemToTheLastBit) {
  const LabelledRows rows = RandomRows(1, 4000), held = RandomRows(2, 3001);
  const TestFolder folder;
  WriteFloats(folder / "x.f32", rows.values);
  WriteFloats(folder / "y.f32", rows.labels);
  WriteFloats(folder / "held.f32", held.values);
  std::string asked = "cases = [";
  for (const int depth : {1, 3, 8}) {
    const ForestParams params{.depth = depth, .eta = 0.3, .max_rounds = 60, .subsample = 0.8, .colsample = 0.7};
    const std::string name = "depth" + std::to_string(depth);
    std::ofstream(folder / (name + ".txt"), std::ios::binary) << Train(Coded(rows), nullptr, params).bytes;
    asked += "('" + name + "', {";
    for (const auto& [key, value] : LightgbmParameters(params)) asked += "'" + key + "': '" + value + "', ";
    asked += "}), ";
  }
  RunPython(folder, asked + R"(]
import lightgbm as lgb, numpy as np
x, held = [np.fromfile(f, np.float32).reshape(-1, 6) for f in ("x.f32", "held.f32")]
y = np.fromfile("y.f32", np.float32)
def trees(text): return text[:text.index("end of trees")]
for name, params in cases:
    mine = open(name + ".txt").read()
    params |= dict(num_threads=2, force_row_wise=True)
    theirs = lgb.train(params, lgb.Dataset(x, y, categorical_feature=[0]), 60)
    assert trees(mine) == trees(theirs.model_to_string()), name
    assert "num_cat=1" in mine or name == "depth1"
    lgb.Booster(model_str=mine).predict(held, raw_score=True).tofile(name + ".f64")
)");
  for (const char* name : {"depth1", "depth3", "depth8"}) {
    std::string forest = PosixFileSystem().ReadAll(folder / (std::string(name) + ".txt")).value();
    const std::string theirs = PosixFileSystem().ReadAll(folder / (std::string(name) + ".f64")).value();
    const std::vector<double> mine = Margins(forest, held);
    ASSERT_EQ(theirs.size(), mine.size() * sizeof(double));
    EXPECT_EQ(std::memcmp(mine.data(), theirs.data(), theirs.size()), 0) << name;
  }
}

TEST_F(LightgbmTest, StopsEarlyWhereValidationIsBestAndGivesEqualBytesAgain) {
  const LabelledRows rows = RandomRows(3, 500), held = RandomRows(4, 2000);
  const TrainMatrix validation = held.matrix();
  std::vector<double> losses;
  const ForestParams params{.depth = 6, .eta = 0.3, .max_rounds = 300, .early_stopping = 10};
  const auto trained =
      engine->Train(Coded(rows), &validation, params, [&](int, double loss) { losses.push_back(loss); });
  const auto best = std::ranges::min_element(losses) - losses.begin();
  EXPECT_EQ(trained.value().rounds, best + 1);
  EXPECT_LT(losses.size(), 300u);
  EXPECT_EQ(trained.value().best_log_loss, losses[static_cast<std::size_t>(best)]);
  EXPECT_EQ(ParseLightgbm(trained.value().bytes).value().rounds, best + 1);
  double loss = 0;
  const std::vector<double> margins = Margins(trained.value().bytes, held);
  for (std::size_t i = 0; i < margins.size(); ++i)
    loss += std::log1p(std::exp(held.labels[i] > 0 ? -margins[i] : margins[i]));
  EXPECT_NEAR(loss / static_cast<double>(margins.size()), trained.value().best_log_loss, 1e-6);
  EXPECT_EQ(Train(Coded(rows), &validation, params).bytes, trained.value().bytes);
}

TEST_F(LightgbmTest, BinsFilledByAnyBatchesGiveTheSameForest) {
  const LabelledRows rows = RandomRows(5, 6000);
  const std::vector<float> weights(rows.labels.size(), 0.7f);
  TrainMatrix m = Coded(rows);
  m.weights = weights.data();
  m.negatives = 0.5;
  const TrainedForest whole = Train(m, &m, {.depth = 5, .max_rounds = 20});
  const auto ragged = std::make_shared<RaggedRows>(rows.values, kLightGbmColumns);
  m.rows = ragged;
  EXPECT_EQ(Train(m, &m, {.depth = 5, .max_rounds = 20}).bytes, whole.bytes);
  EXPECT_GT(ragged->batches, 25);
  m.rows = std::make_shared<DenseRows>(std::span(rows.values).first(50 * kLightGbmColumns), kLightGbmColumns);
  const auto short_of = engine->Train(m, nullptr, {.max_rounds = 2}, [](int, double) {});
  ASSERT_FALSE(short_of.ok());
  EXPECT_THAT(short_of.error().message, testing::HasSubstr("a matrix of 6000 rows gave 50"));
}

TEST_F(LightgbmTest, NegativesLeftOutAreUndoneInTheMargins) {
  const LabelledRows all = RandomRows(16, 40000), held = RandomRows(17, 20000);
  Rng rng(18);
  LabelledRows kept;
  for (std::size_t i = 0; i < all.labels.size(); ++i) {
    if (all.labels[i] == 0 && !rng.Chance(0.1)) continue;
    kept.labels.push_back(all.labels[i]);
    kept.values.insert(kept.values.end(), all.values.begin() + static_cast<std::ptrdiff_t>(i * kLightGbmColumns),
                       all.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * kLightGbmColumns));
  }
  const TrainMatrix validation = held.matrix();
  const auto observed_over_expected = [&](double negatives) {
    TrainMatrix m = Coded(kept);
    m.negatives = negatives;
    const TrainedForest trained = Train(m, &validation, {.depth = 4, .max_rounds = 80});
    const std::vector<double> margins = Margins(trained.bytes, held);
    double observed = 0, expected = 0, loss = 0;
    for (std::size_t i = 0; i < margins.size(); ++i) {
      observed += held.labels[i];
      expected += 1 / (1 + std::exp(-margins[i]));
      loss += std::log1p(std::exp(held.labels[i] > 0 ? -margins[i] : margins[i]));
    }
    // What it stopped by is what the file says.
    EXPECT_NEAR(loss / static_cast<double>(margins.size()), trained.best_log_loss, 1e-6);
    return observed / expected;
  };
  EXPECT_NEAR(observed_over_expected(0.1), 1, 0.04);
  EXPECT_LT(observed_over_expected(1), 0.6);
}

TEST_F(LightgbmTest, TheSoftmaxWithinRequestsEqualsLightgbmWithThatObjectiveFromPython) {
  const RequestRows rows = RandomRequests(11, 600);
  const TrainMatrix m = rows.grouped();
  const ForestParams params{.depth = 3, .eta = 0.3, .max_rounds = 15, .min_child_weight = 0.1};
  const TrainedForest trained = Train(m, &m, params);
  EXPECT_EQ(trained.rounds, 15);
  const std::vector<double> mine = Margins(trained.bytes, rows);
  const SoftmaxReference reference = SoftmaxFromPython(rows, R"(
import lightgbm as lgb
b = lgb.train(dict(objective=objective, max_depth=3, num_leaves=8, learning_rate=0.3, min_sum_hessian_in_leaf=0.1, min_data_in_leaf=1, lambda_l2=1,
                   max_bin=256, seed=7, deterministic=True, force_row_wise=True, num_threads=2, verbosity=-1), lgb.Dataset(x, y), 15)
m = b.predict(x, raw_score=True)
)");
  EXPECT_NEAR(trained.best_log_loss, reference.loss, 1e-6);
  ASSERT_EQ(reference.margins.size(), m.count);
  for (std::size_t i = 0; i < m.count; ++i) ASSERT_NEAR(mine[i], reference.margins[i], 1e-4) << i;
}

TEST_F(LightgbmTest, RankingIsRefusedByName) {
  const RequestRows rows = RandomRequests(12, 50);
  TrainMatrix m = rows.grouped();
  m.loss = Loss::kRankPairwise;
  const auto refused = engine->Train(m, nullptr, {}, [](int, double) {});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message,
              testing::HasSubstr("rank:pairwise, which XGBoost learns in one process, and LightGBM"));
}

TEST_F(LightgbmTest, MeansAreLearntAsLightgbmDoesFromPythonAndTheirSumIsNearThatOfTheAmounts) {
  const AmountRows rows = RandomAmounts(41, 3000);
  const TestFolder folder;
  WriteFloats(folder / "x.f32", rows.values);
  WriteFloats(folder / "y.f32", rows.labels);
  std::istringstream reference(RunPython(folder, R"(
import numpy as np, lightgbm as lgb
y = np.fromfile("y.f32", np.float32)
x = np.fromfile("x.f32", np.float32).reshape(len(y), -1)
b = lgb.train(dict(objective="tweedie", tweedie_variance_power=1.5, max_depth=3, num_leaves=8, learning_rate=0.3, min_sum_hessian_in_leaf=1, min_data_in_leaf=1, lambda_l2=1,
                   max_bin=256, seed=7, deterministic=True, force_row_wise=True, verbosity=-1), lgb.Dataset(x, y), 20)
np.savetxt("/dev/stdout", b.predict(x, raw_score=True), fmt="%.17g")
)"));
  ExpectMeansOf(reference, *engine, rows, "tweedie");
}

TEST_F(LightgbmTest, ContributionsOfARowAreThoseOfALightgbmPrediction) {
  const LabelledRows rows = RandomRows(31, 1500);
  const Result<TrainedForest> trained = Train(Coded(rows), nullptr, {.depth = 6, .max_rounds = 80});
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  const Forest forest = ParseForest(trained.value().bytes).value();
  const TestFolder folder;
  std::ofstream(folder / "m", std::ios::binary) << trained.value().bytes;
  WriteFloats(folder / "x.f32", std::span(rows.values).first(300 * kLightGbmColumns));
  std::istringstream reference(RunPython(folder, R"(
import numpy as np, lightgbm as lgb
b = lgb.Booster(model_file="m")
x = np.fromfile("x.f32", np.float32).reshape(300, -1)
np.savetxt("/dev/stdout", b.predict(x, pred_contrib=True), fmt="%.17g")
)"));
  ExpectContributionsOf(reference, forest, rows, 300, 1e-9);
}

TEST_F(LightgbmTest, ImportanceEqualsLightgbmsFromPython) {
  const LabelledRows rows = RandomRows(15, 800);
  const TrainedForest trained = Train(Coded(rows), nullptr, {.depth = 4, .max_rounds = 30});
  const auto mine = engine->Explain(trained.bytes, rows.values.data(), 200, kLightGbmColumns);
  ASSERT_TRUE(mine.ok()) << mine.error().message;
  const TestFolder folder;
  std::ofstream(folder / "m.txt", std::ios::binary) << trained.bytes;
  WriteFloats(folder / "x.f32", std::span(rows.values).first(200 * kLightGbmColumns));
  std::istringstream reference(RunPython(folder, R"(
import numpy as np, lightgbm as lgb
b = lgb.Booster(model_file="m.txt")
x = np.fromfile("x.f32", np.float32).reshape(200, -1)
shap = b.predict(x, pred_contrib=True)
assert np.allclose(shap.sum(1), b.predict(x, raw_score=True))
print(*np.abs(shap[:, :-1]).mean(0).tolist(), *b.feature_importance("gain").tolist())
)"));
  double theirs = -1;
  for (std::size_t k = 0; k < kLightGbmColumns; ++k) {
    reference >> theirs;
    EXPECT_NEAR(mine.value().mean_abs_shap[k], theirs, 1e-9) << k;
  }
  for (std::size_t k = 0; k < kLightGbmColumns; ++k) {
    reference >> theirs;
    EXPECT_NEAR(mine.value().gain[k], theirs, 1e-4 * theirs) << k;
    EXPECT_NEAR(trained.gain[k], theirs, 1e-4 * theirs) << k;
  }
}

TEST_F(LightgbmTest, AVersionKeepsItsForestAndRefusesOneOfAnotherObjective) {
  const LabelledRows rows = RandomRows(7, 500);
  Model model{.columns = std::vector<std::string>(kLightGbmColumns, "c"),
              .categorical = {1, 0, 0, 0, 0, 0},
              .categories = std::vector<std::map<float, float>>(kLightGbmColumns)};
  const std::string bytes = Train(Coded(rows), nullptr, {.max_rounds = 3}).bytes;
  model.objectives.push_back({.name = "pctr", .forest = ParseLightgbm(bytes).value(), .forest_bytes = bytes});
  auto files = ModelToFiles(model);
  const auto read = ModelFromFiles(files, "feed", "1");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read.value().objectives[0].forest.engine, Forest::Engine::kLightgbm);
  EXPECT_EQ(read.value().objectives[0].forest_bytes, bytes);
  std::string& forest = files.at("pctr.lightgbm.txt");
  forest.replace(forest.find("objective=binary"), 16, "objective=poisson");
  const auto refused = ModelFromFiles(files, "feed", "1");
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, testing::HasSubstr("the forest of pctr is of 'poisson'; valid is 'binary'"));
}

TEST_F(LightgbmTest, RowsThatTellNothingGiveTheBaseRate) {
  LabelledRows rows = RandomRows(6, 1000);
  std::ranges::fill(rows.values, 1.0f);
  TrainMatrix m = rows.matrix();
  for (const double negatives : {1.0, 0.5}) {
    m.negatives = negatives;
    const TrainedForest trained = Train(m, &m, {.max_rounds = 5});
    const double rate = BaseRate(m);
    EXPECT_NEAR(Margins(trained.bytes, rows)[0], std::log(rate / (1 - rate)), 1e-5) << negatives;
  }
}

}  // namespace
}  // namespace gfr
