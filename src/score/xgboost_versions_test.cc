// Files of XGBoost versions that write a model otherwise than those before, with what their engine gives
// (testdata/xgboost_3.4).
#include <gtest/gtest.h>

#include "base/file_system.h"
#include "model/forest.h"
#include "score/scorer.h"

namespace gfr {
namespace {

std::vector<float> MarginsOf(const std::string& file, const std::vector<float>& rows, std::size_t count) {
  const std::string bytes =
      PosixFileSystem().ReadAll(std::string(GFR_SOURCE_DIR) + "/src/score/testdata/xgboost_3.4/" + file).value();
  const auto forest = ParseXgboost(bytes);
  EXPECT_TRUE(forest.ok()) << forest.error().message;
  std::vector<float> margins(count * static_cast<std::size_t>(forest.value().classes));
  Scorer::Make(forest.value()).value()->Margins(rows.data(), count, rows.size() / count, margins.data());
  return margins;
}

TEST(XgboostVersions, TheWeightsOfDartAreReadWhereverTheyStand) {
  const std::vector<float> rows{1.764052391052246f,  0.40015721321105957f, 0.978738009929657f,
                                2.2408931255340576f, 1.8675580024719238f,  -0.9772778749465942f};
  for (const char* file : {"dart_of_3.3.json", "dart_of_3.4.json"}) {
    for (const float margin : MarginsOf(file, rows, 3)) EXPECT_FLOAT_EQ(margin, 1.8017745f) << file;
  }
}

TEST(XgboostVersions, ALabelThatNeverWasHasABaseScoreOf0WhichItsMakerClips) {
  const std::vector<float> row{1.7640524f, 0.4001572f, 0.978738f, 2.2408931f};
  const std::vector<float> margins = MarginsOf("absent_label_of_3.2.json", row, 1);
  const auto probability = [&](std::size_t k) { return 1 / (1 + std::exp(-margins[k])); };
  EXPECT_NEAR(probability(0), 0.8966774, 1e-6);
  EXPECT_NEAR(probability(1), 9.999998e-07, 1e-12);
  EXPECT_NEAR(probability(2), 0.06342813, 1e-7);
}

}  // namespace
}  // namespace gfr
