// Files of XGBoost versions that write a model otherwise than those before, with what their engine gives
// (testdata/xgboost_versions).
#include <gtest/gtest.h>

#include "base/file_system.h"
#include "model/document.h"
#include "model/forest.h"
#include "model/link.h"
#include "score/scorer.h"

namespace gfr {
namespace {

std::string FileOf(const std::string& file) {
  return PosixFileSystem()
      .ReadAll(std::string(GFR_SOURCE_DIR) + "/src/score/testdata/xgboost_versions/" + file)
      .value();
}

std::vector<float> MarginsOf(const std::string& file, const std::vector<float>& rows, std::size_t count) {
  const auto forest = ParseXgboost(FileOf(file));
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

TEST(XgboostVersions, QuantilesRiseSince3_4AndMarginsDoNot) {
  const Forest forest = ParseXgboost(FileOf("quantiles_of_3.4.json")).value();
  std::vector<float> margins = MarginsOf("quantiles_of_3.4.json", {-2.711162567138672f, -1.8890132904052734f}, 1);
  EXPECT_EQ(margins, (std::vector<float>{-0.795935332775116f, -0.5707830190658569f, -0.623978853225708f}));
  std::vector<double> predictions(margins.begin(), margins.end());
  ApplyLink(forest, predictions.data(), 1);
  EXPECT_EQ(predictions, (std::vector<double>{-0.795935332775116f, -0.623978853225708f, -0.5707830190658569f}));
  std::string older = FileOf("quantiles_of_3.4.json");
  older.replace(older.find("\"version\":[3,4,1]"), 17, "\"version\":[3,3,0]");
  EXPECT_FALSE(ParseXgboost(older).value().sorted_quantiles);
}

TEST(XgboostVersions, TheBaseScoreOfRawLogitsWasAProbabilityBefore1_3) {
  const std::vector<float> rows{1.6243454217910767f, -0.6117563843727112f, -0.5281717777252197f,
                                -1.072968602180481f, 0.8654076457023621f,  -2.3015387058258057f};
  const std::vector<float> margins = MarginsOf("logitraw_of_1.0.json", rows, 2);
  EXPECT_NEAR(margins[0], 0.6542371, 1e-6);
  EXPECT_NEAR(margins[1], -1.6210389, 1e-6);
}

TEST(XgboostVersions, AFileNewerThanTheNewestThatWasComparedIsRefusedUnlessAsked) {
  std::string newer = FileOf("dart_of_3.4.json");
  const std::size_t at = newer.find("\"version\":[3,4,");
  ASSERT_NE(at, std::string::npos);
  newer.replace(at, 14, "\"version\":[3,5");
  const auto refused = ParseXgboost(newer);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("written by XGBoost 3.5; the newest whose files were compared with it is 3.4"),
            std::string::npos)
      << refused.error().message;
  EXPECT_TRUE(ParseXgboost(newer, {.any_version = true}).ok());
}

TEST(XgboostVersions, CategoriesBeyondAsciiAreCutBefore3_4AndSaid) {
  const char* document = R"({"version":[%s],"learner":{"feature_names":["c"],"feature_types":["c"],
    "learner_model_param":{"base_score":"[0E0]","num_feature":"1","num_class":"0"},"objective":{"name":"reg:squarederror"},
    "gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"0"},
    "cats":{"enc":[{"offsets":[0,3,7],"values":[103,114,-61,-68,114,101,100]}],"feature_segments":[0,2],"sorted_idx":[0,1]},
    "iteration_indptr":[0],"tree_info":[],"trees":[]}}}})";
  const auto with = [&](const std::string& version) {
    std::string text = document;
    return ParseXgboost(text.replace(text.find("%s"), 2, version)).value();
  };
  EXPECT_NE(with("3,2,0").category_fault.find("beyond ASCII"), std::string::npos);
  EXPECT_EQ(with("3,4,0").category_fault, "");
  EXPECT_EQ(with("3,4,0").category_codes.at(0).size(), 2);
}

TEST(XgboostVersions, WholeCategoriesBeyond2To53AreAFaultOfTheColumnsCodes) {
  const char* document = R"({"version":[3,4,0],"learner":{"feature_names":["a","c"],"feature_types":["float","c"],
    "learner_model_param":{"base_score":"[0E0]","num_feature":"2","num_class":"0"},"objective":{"name":"reg:squarederror"},
    "gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"0"},
    "cats":{"enc":[{"offsets":[],"values":[]},{"type":7,"values":[%s]}],"feature_segments":[0,0,3],"sorted_idx":[0,1,2]},
    "iteration_indptr":[0],"tree_info":[],"trees":[]}}}})";
  const auto with = [&](const std::string& categories) {
    std::string text = document;
    return ParseXgboost(text.replace(text.find("%s"), 2, categories)).value();
  };
  for (const char* large : {"9007199254740992,1", "5,9007199254740993", "-9007199254740992,-9007199254740993"})
    EXPECT_EQ(with(large).category_fault,
              "column 2 has whole numbers of 2^53 and more as categories, which are not told apart")
        << large;
  const Forest exact = with("9007199254740991,-9007199254740991,7");
  EXPECT_EQ(exact.category_fault, "");
  EXPECT_EQ(exact.category_codes.at(1).size(), 3);
}

TEST(XgboostVersions, NamesThatAreNotOneAColumnAreRefused) {
  std::string text = FileOf("dart_of_3.4.json");
  const std::size_t at = text.find("\"feature_names\":[");
  ASSERT_NE(at, std::string::npos);
  const std::size_t end = text.find(']', at);
  for (const char* names : {"\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"", "1,2"}) {
    std::string other = text;
    other.replace(at + 17, end - at - 17, names);
    const auto refused = ParseXgboost(other);
    ASSERT_FALSE(refused.ok()) << names;
    EXPECT_NE(refused.error().message.find("learner.feature_names: not a list of "), std::string::npos)
        << refused.error().message;
  }
}

TEST(XgboostVersions, OfTwoMembersOfOneNameTheLastCountsAndAPairOfEscapesIsOneCharacter) {
  std::string text = FileOf("dart_of_3.4.json");
  const std::size_t at = text.find("\"base_score\"");
  ASSERT_NE(at, std::string::npos);
  text.insert(at, "\"base_score\":\"[7E0]\",");
  EXPECT_EQ(ParseXgboost(text).value().base_margin, ParseXgboost(FileOf("dart_of_3.4.json")).value().base_margin);
  const auto document = ParseJsonDocument(R"(["\ud83d\ude00", "\ud83d x"])");
  EXPECT_EQ(document.value().items[0].text, "\xf0\x9f\x98\x80");
  EXPECT_EQ(document.value().items[1].text, "\xed\xa0\xbd x");
}

TEST(XgboostVersions, WhatIsNoModelIsNamed) {
  const auto message = [](std::string_view bytes) { return ParseForest(bytes).error().message; };
  EXPECT_NE(message("[{\"nodeid\": 0}]").find("dump_model"), std::string::npos);
  EXPECT_NE(message("\x80\x04\x95").find("pickle"), std::string::npos);
  EXPECT_NE(message("binf\0\0").find("before 1.0"), std::string::npos);
  EXPECT_NE(message("PK\x03\x04").find("zip"), std::string::npos);
  EXPECT_NE(message("").find("empty"), std::string::npos);
  EXPECT_NE(message("{\"name\":\"tree\",\"feature_infos\":{},\"tree_info\":[]}").find("LightGBM's dump_model"),
            std::string::npos);
}

}  // namespace
}  // namespace gfr
