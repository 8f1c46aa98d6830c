// For tests: what every engine does alike, beside what its own Python package gives.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <istream>
#include <string>
#include <vector>

#include "model/forest.h"
#include "score/scorer.h"
#include "score/tree_shap.h"
#include "train/forest_trainer.h"
#include "train/test_rows.h"

namespace gfr {

// 20 rounds of depth 3 on amounts: margins are those of `theirs`, a line a row, and the loss falls.
inline void ExpectMeansOf(std::istream& theirs, const ForestTrainer& engine, const AmountRows& rows,
                          const std::string& objective) {
  const TrainMatrix m = rows.amounts();
  std::vector<double> losses;
  const auto trained = engine.Train(m, &m, {.depth = 3, .eta = 0.3, .max_rounds = 20, .early_stopping = 20},
                                    [&](int, double loss) { losses.push_back(loss); });
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  EXPECT_TRUE(std::ranges::is_sorted(losses, std::greater<>())) << "the loss of the training falls";
  const Forest forest = ParseForest(trained.value().bytes).value();
  EXPECT_EQ(forest.objective, objective);
  std::vector<float> mine(m.count);
  Scorer::Make(forest).value()->Margins(rows.values.data(), m.count, LabelledRows::kColumns, mine.data());
  double observed = 0, expected = 0;
  for (std::size_t i = 0; i < m.count; ++i) {
    double margin = NAN;
    ASSERT_TRUE(theirs >> margin);
    ASSERT_NEAR(mine[i], margin, 1e-4) << i;
    observed += rows.labels[i];
    expected += std::exp(static_cast<double>(mine[i]));
  }
  EXPECT_NEAR(observed / expected, 1, 0.2) << "what the loss leaves to calibration";
}

// Of the first `count` rows, the contributions of each column and the bias are those of `theirs`.
inline void ExpectContributionsOf(std::istream& theirs, const Forest& forest, const LabelledRows& rows,
                                  std::size_t count, double tolerance) {
  const auto columns = static_cast<std::size_t>(forest.columns);
  const TreeShap shap = TreeShap::Make(forest).value();
  std::vector<double> mine(columns + 1);
  for (std::size_t i = 0; i < count; ++i) {
    shap.Contributions(Rows(rows.values.data(), count, columns), i, mine);
    for (std::size_t k = 0; k < mine.size(); ++k) {
      double term = NAN;
      ASSERT_TRUE(theirs >> term);
      ASSERT_NEAR(mine[k], term, tolerance) << "row " << i << ", column " << k;
    }
  }
}

}  // namespace gfr
