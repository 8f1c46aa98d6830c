#include "train/distributed/caller_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/rng.h"
#include "base/test_python.h"
#include "train/engine/xgboost_api.h"
#include "train/engine/xgboost_trainer.h"

namespace gfr {
namespace {

using testing::HasSubstr;

constexpr std::size_t kColumns = 4;

struct Sample {
  std::vector<float> rows, labels, weights;
  std::vector<std::uint64_t> request;
  std::unique_ptr<const RequestGroups> groups;
  TrainMatrix matrix() const {
    return {std::make_shared<DenseRows>(rows, kColumns), labels.size(), kColumns, labels.data(), weights.data()};
  }
};

// Requests of three rows that do not lie together, one of them positive.
Sample RandomSample(std::uint64_t seed, std::size_t requests) {
  Rng rng(seed);
  Sample s;
  for (std::size_t i = 0; i < 3 * requests; ++i) {
    for (std::size_t k = 0; k < kColumns; ++k)
      s.rows.push_back(rng.Chance(0.1) ? std::nanf("") : static_cast<float>(rng.Normal()));
    const float x = s.rows[i * kColumns];
    s.request.push_back(i % requests);
    s.labels.push_back(i / requests == (x > 0 ? 0 : 1 + rng.Below(2)));
    s.weights.push_back(0.5f + static_cast<float>(rng.Below(3)));
  }
  s.groups = std::make_unique<const RequestGroups>(s.request);
  return s;
}

// What a caller does, by XGBoost from Python in one process, as docs/formats/exchange.md says.
constexpr const char* kCaller = R"(
import json, numpy as np, pyarrow.parquet as pq, xgboost as xgb
asked = json.load(open("asked.json"))
def load(part):
    t = pq.read_table(asked[part]["path"])
    assert t.column_names == ["label", "weight", "first_of_request"] + [f"f{k}" for k in range(asked["columns"])]
    x = np.column_stack([c.to_numpy() for c in t.columns])
    assert (len(x), x[:, 0].sum()) == (asked[part]["rows"], asked[part]["positives"])
    return x
def matrix(x):
    d = xgb.DMatrix(x[:, 3:], x[:, 0], weight=x[:, 1] if asked["weighted"] else None)
    if asked["base_margin"] is not None: d.set_base_margin(np.full(len(x), asked["base_margin"], np.float32))
    return d
train = load("train")
def objective(m, d):
    g = np.cumsum(train[:, 2]).astype(int) - 1
    e = np.exp(m.astype(np.float64)); p = e / np.bincount(g, e)[g]; n = np.bincount(g, train[:, 0])[g]
    return train[:, 1] * (n * p - train[:, 0]), train[:, 1] * np.maximum(n * p * (1 - p), 1e-6)
more = {}
history = {}
if asked["validation"]:
    v = load("validation")
    more = dict(evals=[(xgb.DMatrix(v[:, 3:], v[:, 0]), "v")], evals_result=history, verbose_eval=False,
                callbacks=[xgb.callback.EarlyStopping(rounds=asked["early_stopping"], min_delta=1e-7, save_best=True)])
b = xgb.train({**asked["parameters"], "nthread": 1}, matrix(train), asked["rounds"], obj=objective if asked["link"] == "softmax" else None, **more)
b.set_attr(best_iteration=None, best_score=None)
b.save_model(asked["answer"])
print(json.dumps({"log_loss": min(history["v"]["logloss"]) if history else None}))
)";

class CallerTrainerTest : public testing::Test {
 protected:
  CallerTrainerTest() : engine(std::move(XgboostTrainer::Load(FindXgboostLibrary())).value()) {}

  CallerTrainer ByPython() {
    return {PosixFileSystem(), folder / "exchange",
            [this](const std::string& line) -> Result<std::string> {
              std::ofstream(folder / "asked.json") << line;
              return RunPython(folder, kCaller);
            },
            *engine};
  }
  CallerTrainer Saying(const std::string& answer, const std::string& forest = "") {
    return {PosixFileSystem(), folder / "exchange",
            [this, answer, forest](const std::string&) -> Result<std::string> {
              std::ofstream(folder / "exchange/forest-1/forest.ubj", std::ios::binary) << forest;
              return answer;
            },
            *engine};
  }
  void ExpectTheSame(const std::vector<float>& rows, const TrainMatrix& train, const TrainMatrix* validation,
                     const ForestParams& params) {
    const auto mine = engine->Train(train, validation, params, [](int, double) {});
    const auto theirs = ByPython().Train(train, validation, params, [](int, double) {});
    ASSERT_TRUE(mine.ok()) << mine.error().message;
    ASSERT_TRUE(theirs.ok()) << theirs.error().message;
    EXPECT_EQ(mine.value().rounds, theirs.value().rounds);
    if (validation) {
      EXPECT_NEAR(mine.value().best_log_loss, theirs.value().best_log_loss, 1e-5);
    }
    const auto a = engine->PredictMargins(mine.value().bytes, rows.data(), train.count, kColumns),
               b = engine->PredictMargins(theirs.value().bytes, rows.data(), train.count, kColumns);
    for (std::size_t i = 0; i < train.count; ++i) ASSERT_NEAR(a.value()[i], b.value()[i], 1e-3) << i;
    EXPECT_TRUE(std::filesystem::is_empty(folder / "exchange"));
  }
  std::string Refusal(const CallerTrainer& trainer) {
    const Sample s = RandomSample(1, 200);
    const auto made = trainer.Train(s.matrix(), nullptr, {.max_rounds = 3}, [](int, double) {});
    return made.ok() ? "" : made.error().message;
  }

  TestFolder folder;
  std::unique_ptr<XgboostTrainer> engine;
};

TEST_F(CallerTrainerTest, ACallerTrainsTheForestThatThisProcessWouldWithWeightsAndEarlyStopping) {
  const Sample s = RandomSample(1, 700), held = RandomSample(2, 400);
  TrainMatrix validation = held.matrix();
  validation.weights = nullptr;
  ExpectTheSame(s.rows, s.matrix(), &validation, {.depth = 4, .eta = 0.3, .max_rounds = 80, .early_stopping = 5});
}

TEST_F(CallerTrainerTest, ACallerUndoesTheNegativesThatWereLeftOut) {
  const Sample s = RandomSample(3, 700);
  TrainMatrix m = s.matrix();
  m.negatives = 0.3;
  m.weights = nullptr;
  ExpectTheSame(s.rows, m, nullptr, {.depth = 3, .eta = 0.2, .max_rounds = 10});
}

TEST_F(CallerTrainerTest, TheRowsOfARequestFollowOneAnother) {
  const Sample s = RandomSample(4, 700);
  TrainMatrix m = s.matrix();
  m.requests = s.groups.get();
  m.loss = Loss::kSoftmax;
  ExpectTheSame(s.rows, m, nullptr, {.depth = 3, .eta = 0.3, .max_rounds = 10});
}

TEST_F(CallerTrainerTest, AnAnswerThatIsNoneIsRefusedWithItsReason) {
  const Sample s = RandomSample(1, 200);
  const std::string few = engine
                              ->Train({std::make_shared<DenseRows>(std::span(s.rows).first(900), 3), 300, 3,
                                       s.labels.data(), nullptr},
                                      nullptr, {.max_rounds = 2}, [](int, double) {})
                              .value()
                              .bytes,
                    long_one = engine->Train(s.matrix(), nullptr, {.max_rounds = 4}, [](int, double) {}).value().bytes,
                    good = engine->Train(s.matrix(), nullptr, {.max_rounds = 3}, [](int, double) {}).value().bytes;
  EXPECT_EQ(Refusal(Saying(R"({"log_loss": null})", good)), "");
  EXPECT_THAT(Refusal(Saying("soon", good)), HasSubstr("no JSON object"));
  EXPECT_THAT(Refusal(Saying(R"({"error": "no worker is there"})", good)),
              HasSubstr("forest 1 was not trained: no worker is there"));
  EXPECT_THAT(Refusal(Saying("{}", good)), HasSubstr("no number 'log_loss'"));
  EXPECT_NE(Refusal(Saying(R"({"log_loss": 0.5})", "{\"learner\":")), "");
  EXPECT_THAT(Refusal(Saying(R"({"log_loss": 0.5})", few)), HasSubstr("with 3 columns"));
  EXPECT_THAT(Refusal(Saying(R"({"log_loss": 0.5})", long_one)), HasSubstr("and 4 rounds"));
}

}  // namespace
}  // namespace gfr
