#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>

#include "base/file_system.h"
#include "base/rng.h"
#include "base/test_python.h"
#include "model/model.h"
#include "score/scorer.h"
#include "train/engine/xgboost_api.h"
#include "train/engine/xgboost_trainer.h"
#include "train/test_engine_contract.h"
#include "train/test_rows.h"
#include "train/test_softmax.h"

namespace gfr {
namespace {

constexpr std::size_t kXgboostColumns = LabelledRows::kColumns;

class XgboostTest : public testing::Test {
 protected:
  XgboostTest() : engine(std::move(XgboostTrainer::Load(FindXgboostLibrary())).value()) {}
  std::unique_ptr<XgboostTrainer> engine;
};

TEST_F(XgboostTest, ScoresEqualXgboostsBitForBit) {
  const LabelledRows rows = RandomRows(1, 4000), other = RandomRows(2, 3001);
  for (const int depth : {1, 3, 8}) {
    const auto trained =
        engine->Train(rows.matrix(), nullptr, {.depth = depth, .eta = 0.3, .max_rounds = 60}, [](int, double) {});
    ASSERT_TRUE(trained.ok()) << trained.error().message;
    const auto forest = ParseXgboost(trained.value().bytes);
    ASSERT_TRUE(forest.ok()) << forest.error().message;
    std::vector<float> mine(other.labels.size());
    Scorer::Make(forest.value()).value()->Margins(other.values.data(), mine.size(), kXgboostColumns, mine.data());
    const auto theirs =
        engine->PredictMargins(trained.value().bytes, other.values.data(), mine.size(), kXgboostColumns);
    ASSERT_EQ(std::memcmp(mine.data(), theirs.value().data(), mine.size() * sizeof(float)), 0) << "depth " << depth;
  }
}

TEST_F(XgboostTest, StopsEarlyWhereValidationIsBest) {
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

TEST_F(XgboostTest, TheSoftmaxWithinRequestsEqualsXgboostWithThatObjectiveFromPython) {
  const RequestRows rows = RandomRequests(11, 600);
  const TrainMatrix m = rows.grouped();
  const auto trained = engine->Train(m, &m, {.depth = 3, .eta = 0.3, .max_rounds = 15}, [](int, double) {});
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  const auto mine = engine->PredictMargins(trained.value().bytes, rows.values.data(), m.count, kXgboostColumns);
  const SoftmaxReference reference = SoftmaxFromPython(rows, R"(
import xgboost as xgb
b = xgb.train(dict(max_depth=3, eta=0.3, tree_method="hist", base_score=0.0, max_bin=256, seed=7), xgb.DMatrix(x, y), 15, obj=objective)
m = b.predict(xgb.DMatrix(x), output_margin=True)
)");
  EXPECT_EQ(trained.value().rounds, 15);
  EXPECT_NEAR(trained.value().best_log_loss, reference.loss, 1e-6);
  ASSERT_EQ(reference.margins.size(), m.count);
  for (std::size_t i = 0; i < m.count; ++i) ASSERT_NEAR(mine.value()[i], reference.margins[i], 1e-4) << i;
}

TEST_F(XgboostTest, RankingWithinRequestsEqualsXgboostsFromPython) {
  RequestRows rows = RandomRequests(21, 600);
  const TestFolder folder;
  WriteFloats(folder / "x.f32", rows.values);
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
    const auto ragged = std::make_shared<RaggedRows>(rows.values, kXgboostColumns);  // Batches end within requests.
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
    Scorer::Make(forest).value()->Margins(rows.values.data(), m.count, kXgboostColumns, mine.data());
    for (std::size_t i = 0; i < m.count; ++i) {
      ASSERT_TRUE(reference >> margin);
      ASSERT_NEAR(mine[i], margin, 1e-4) << LossName(loss) << " " << i;
    }
  }
}

TEST_F(XgboostTest, TheSoftmaxKnowsTheShareOfAClickBetterThanALogisticForest) {
  const RequestRows rows = RandomRequests(12, 3000), held = RandomRequests(13, 3000);
  const auto loss = [&](const TrainMatrix& train, const TrainMatrix& validation) {
    const auto trained =
        engine->Train(train, &validation, {.depth = 4, .eta = 0.1, .max_rounds = 300}, [](int, double) {});
    std::vector<float> margins =
        engine->PredictMargins(trained.value().bytes, held.values.data(), held.labels.size(), kXgboostColumns).value();
    if (train.requests) ApplySoftmaxLink(*held.groups, margins);
    double sum = 0;
    for (std::size_t i = 0; i < margins.size(); ++i)
      sum += std::log1p(std::exp(held.labels[i] > 0 ? -margins[i] : margins[i]));
    return sum / static_cast<double>(margins.size());
  };
  EXPECT_LT(loss(rows.grouped(), held.grouped()), 0.97 * loss(rows.matrix(), held.matrix()));
}

TEST_F(XgboostTest, ARequestWithoutAClickTeachesTheSoftmaxNothing) {
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

TEST_F(XgboostTest, NegativesLeftOutAreUndoneInTheMargins) {
  const LabelledRows all = RandomRows(16, 40000), held = RandomRows(17, 20000);
  Rng rng(18);
  LabelledRows kept;
  for (std::size_t i = 0; i < all.labels.size(); ++i) {
    if (all.labels[i] == 0 && !rng.Chance(0.1)) continue;
    kept.labels.push_back(all.labels[i]);
    kept.values.insert(kept.values.end(), all.values.begin() + static_cast<std::ptrdiff_t>(i * kXgboostColumns),
                       all.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * kXgboostColumns));
  }
  const auto observed_over_expected = [&](double negatives) {
    TrainMatrix m = kept.matrix();
    m.negatives = negatives;
    const auto trained = engine->Train(m, nullptr, {.depth = 4, .max_rounds = 80}, [](int, double) {});
    const auto margins =
        engine->PredictMargins(trained.value().bytes, held.values.data(), held.labels.size(), kXgboostColumns).value();
    // Scored by ours: the correction is in the file.
    std::vector<float> mine(margins.size());
    Scorer::Make(ParseXgboost(trained.value().bytes).value())
        .value()
        ->Margins(held.values.data(), mine.size(), kXgboostColumns, mine.data());
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

TEST_F(XgboostTest, ImportanceEqualsXgboostsFromPython) {
  const LabelledRows rows = RandomRows(15, 800);
  const auto trained = engine->Train(rows.matrix(), nullptr, {.depth = 4, .max_rounds = 30}, [](int, double) {});
  const auto mine = engine->Explain(trained.value().bytes, rows.values.data(), 200, kXgboostColumns);
  ASSERT_TRUE(mine.ok()) << mine.error().message;
  EXPECT_EQ(mine.value().gain, trained.value().gain);
  const TestFolder folder;
  std::ofstream(folder / "m.ubj", std::ios::binary) << trained.value().bytes;
  std::ofstream(folder / "x.f32", std::ios::binary)
      .write(reinterpret_cast<const char*>(rows.values.data()), 200 * kXgboostColumns * 4);
  std::istringstream reference(RunPython(folder, R"(
import numpy as np, xgboost as xgb
b = xgb.Booster(model_file="m.ubj")
x = xgb.DMatrix(np.fromfile("x.f32", np.float32).reshape(200, -1))
shap = b.predict(x, pred_contribs=True).astype(float)
assert np.allclose(shap.sum(1), b.predict(x, output_margin=True), atol=1e-4)
print(*np.abs(shap[:, :-1]).mean(0).tolist())
)"));
  for (std::size_t k = 0; k < kXgboostColumns; ++k) {
    double theirs = -1;
    reference >> theirs;
    EXPECT_NEAR(mine.value().mean_abs_shap[k], theirs, 1e-6) << k;
  }
}

TEST_F(XgboostTest, MeansAreLearntAsXgboostDoesFromPythonAndTheirSumIsNearThatOfTheAmounts) {
  const AmountRows rows = RandomAmounts(41, 3000);
  const TestFolder folder;
  WriteFloats(folder / "x.f32", rows.values);
  WriteFloats(folder / "y.f32", rows.labels);
  std::istringstream reference(RunPython(folder, R"(
import numpy as np, xgboost as xgb
y = np.fromfile("y.f32", np.float32)
x = np.fromfile("x.f32", np.float32).reshape(len(y), -1)
b = xgb.train(dict(objective="reg:tweedie", tweedie_variance_power=1.5, base_score=float(y.astype(float).mean()), max_depth=3, eta=0.3, tree_method="hist", max_bin=256, seed=7),
              xgb.QuantileDMatrix(x, y), 20)
np.savetxt("/dev/stdout", b.predict(xgb.DMatrix(x), output_margin=True).astype(float), fmt="%.17g")
)"));
  ExpectMeansOf(reference, *engine, rows, "reg:tweedie");
}

TEST_F(XgboostTest, ContributionsOfARowAreThoseOfAnXgboostPrediction) {
  const LabelledRows rows = RandomRows(31, 1500);
  const auto trained = engine->Train(rows.matrix(), nullptr, {.depth = 6, .max_rounds = 80}, [](int, double) {});
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  const Forest forest = ParseForest(trained.value().bytes).value();
  const TestFolder folder;
  std::ofstream(folder / "m.ubj", std::ios::binary) << trained.value().bytes;
  WriteFloats(folder / "x.f32", std::span(rows.values).first(300 * kXgboostColumns));
  std::istringstream reference(RunPython(folder, R"(
import numpy as np, xgboost as xgb
b = xgb.Booster(model_file="m.ubj")
x = xgb.DMatrix(np.fromfile("x.f32", np.float32).reshape(300, -1))
np.savetxt("/dev/stdout", b.predict(x, pred_contribs=True).astype(float), fmt="%.17g")
)"));
  ExpectContributionsOf(reference, forest, rows, 300, 1e-5);
}

TEST_F(XgboostTest, AModelFileOfAnyBytesIsRefusedOrRead) {
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

TEST_F(XgboostTest, QuantilesFilledByAnyBatchesGiveTheSameForest) {
  constexpr std::size_t kRows = 6000, kColumns = 4;
  Rng rng(9);
  std::vector<float> values, labels, weights;
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t k = 0; k < kColumns; ++k)
      values.push_back(rng.Chance(0.2) ? std::nanf("") : static_cast<float>(rng.Normal()));
    labels.push_back(rng.Chance(values[i * kColumns] > 0 ? 0.6 : 0.2));
    weights.push_back(static_cast<float>(0.2 + rng.Uniform()));
  }
  const auto ragged = std::make_shared<RaggedRows>(values, kColumns);
  TrainMatrix m{.rows = std::make_shared<DenseRows>(values, kColumns),
                .count = kRows,
                .columns = kColumns,
                .labels = labels.data(),
                .weights = weights.data(),
                .negatives = 0.5};
  const auto train = [&] {
    auto trained = engine->Train(m, &m, {.depth = 5, .max_rounds = 20}, [](int, double) {});
    EXPECT_TRUE(trained.ok()) << trained.error().message;
    return std::move(trained).value();
  };
  const TrainedForest whole = train();
  m.rows = ragged;
  const TrainedForest batched = train();
  EXPECT_GT(ragged->batches, 50);
  EXPECT_EQ(batched.bytes, whole.bytes);
  EXPECT_EQ(batched.best_log_loss, whole.best_log_loss);
}

TEST_F(XgboostTest, RowsThatEndTooEarlyAreAnError) {
  const std::vector<float> values(200), labels(200);
  const TrainMatrix m{.rows = std::make_shared<DenseRows>(std::span(values).first(100), 2),
                      .count = 100,
                      .columns = 2,
                      .labels = labels.data(),
                      .weights = nullptr};
  const auto trained = engine->Train(m, nullptr, {.max_rounds = 2}, [](int, double) {});
  ASSERT_FALSE(trained.ok());
  EXPECT_THAT(trained.error().message, testing::HasSubstr("a matrix of 100 rows gave 50"));
}

}  // namespace
}  // namespace gfr
