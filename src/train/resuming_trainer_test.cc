#include "train/resuming_trainer.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/file_system.h"
#include "train/engine/xgboost_api.h"
#include "train/engine/xgboost_trainer.h"
#include "train/test_rows.h"

namespace gfr {
namespace {

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

TEST(ResumingTrainer, AForestThatWasFinishedIsNotLearntAgainAndAnotherIs) {
  const auto engine = XgboostTrainer::Load(FindXgboostLibrary()).value();
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

}  // namespace
}  // namespace gfr
