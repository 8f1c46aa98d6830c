#include "model/softmax_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/rng.h"
#include "model/model.h"

namespace gfr {
namespace {

std::vector<float> RandomMargins(Rng& rng, std::size_t n, double spread) {
  std::vector<float> margins(n);
  for (float& m : margins) m = static_cast<float>(spread * rng.Normal());
  return margins;
}

double Sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

TEST(SoftmaxLink, IsTheLogitOfTheShare) {
  Rng rng(1);
  for (int i = 0; i < 500; ++i) {
    const std::vector<float> raw = RandomMargins(rng, 2 + rng.Below(30), 2);
    std::vector<float> linked = raw;
    ApplySoftmaxLink(linked);
    double sum = 0, shares = 0;
    for (const float m : raw) sum += std::exp(static_cast<double>(m));
    for (std::size_t k = 0; k < raw.size(); ++k) {
      const double p = std::exp(static_cast<double>(raw[k])) / sum;
      EXPECT_NEAR(linked[k], std::log(p / (1 - p)), 1e-5);
      shares += Sigmoid(linked[k]);
    }
    EXPECT_NEAR(shares, 1, 1e-5);
  }
}

TEST(SoftmaxLink, ASlateOfFewerComparesEachItemWithTheBestOfTheOthersThatFit) {
  Rng rng(2);
  for (int i = 0; i < 500; ++i) {
    const std::size_t n = 2 + rng.Below(20), size = 1 + rng.Below(25), shown = std::max<std::size_t>(size, 2);
    const std::vector<float> raw = RandomMargins(rng, n, 1.5);
    std::vector<float> linked = raw;
    ApplySoftmaxLink(linked, size);
    for (std::size_t k = 0; k < n; ++k) {
      std::vector<double> others;
      for (std::size_t j = 0; j < n; ++j) {
        if (j != k) others.push_back(raw[j]);
      }
      std::ranges::sort(others, std::greater<>());
      others.resize(std::min(others.size(), shown - 1));
      double sum = 0;
      for (const double m : others) sum += std::exp(m);
      ASSERT_NEAR(linked[k], raw[k] - std::log(sum), 1e-5) << n << " items, " << size << " shown";
    }
  }
}

TEST(SoftmaxLink, KeepsTheOrderAndStaysFinite) {
  Rng rng(3);
  for (int i = 0; i < 500; ++i) {
    const std::size_t n = 1 + rng.Below(40);
    const std::vector<float> raw = RandomMargins(rng, n, i % 2 ? 1 : 300);
    std::vector<float> linked = raw;
    ApplySoftmaxLink(linked, 1 + rng.Below(50));
    for (std::size_t a = 0; a < n; ++a) {
      ASSERT_TRUE(std::isfinite(linked[a]) && linked[a] <= kLoneMargin);
      for (std::size_t b = 0; b < n; ++b) ASSERT_TRUE(raw[a] < raw[b] || linked[a] >= linked[b]);
    }
  }
}

TEST(SoftmaxLink, AnItemAloneHasTheWholeClick) {
  std::vector<float> one{-3}, none;
  ApplySoftmaxLink(one);
  ApplySoftmaxLink(none);
  EXPECT_EQ(one[0], kLoneMargin);
}

TEST(SoftmaxLink, RowsOfARequestNeedNotLieTogether) {
  Rng rng(4);
  std::vector<std::uint64_t> request(300);
  for (std::uint64_t& r : request) r = rng.Below(40);
  std::vector<float> margins = RandomMargins(rng, request.size(), 1);
  std::map<std::uint64_t, std::vector<float>> apart;
  for (std::size_t i = 0; i < request.size(); ++i) apart[request[i]].push_back(margins[i]);
  const RequestGroups groups(request);
  EXPECT_EQ(groups.size(), apart.size());
  ApplySoftmaxLink(groups, margins);
  for (auto& [r, own] : apart) ApplySoftmaxLink(own);
  std::map<std::uint64_t, std::size_t> next;
  for (std::size_t i = 0; i < request.size(); ++i) ASSERT_EQ(margins[i], apart[request[i]][next[request[i]]++]);
}

TEST(ModelFiles, OfBeforeLinksAreLogisticAndOfALaterGfrAreRefused) {
  const std::string of_format = R"({"feature_fingerprint":1,"columns":[],"categorical":[],"categories":[],"card":{},)"
                                R"("objectives":[],"format":)";
  EXPECT_TRUE(ModelFromFiles({{"model.json", of_format + "1}"}}, "feed", "1").ok());
  const auto later = ModelFromFiles({{"model.json", of_format + "7}"}}, "feed", "1");
  ASSERT_FALSE(later.ok());
  EXPECT_THAT(later.error().message, testing::HasSubstr("format 7"));
  EXPECT_THAT(ModelToFiles({}).at("model.json"), testing::HasSubstr("\"format\": 1"));
}

TEST(ModelFiles, OfFormat5NameEachColumnWithItsFingerprintAndTheConfiguration) {
  Model model;
  model.columns = {"price", "clicks"};
  model.column_fingerprints = {1, 0xfedcba9876543210u};
  model.categorical = {0, 0};
  model.categories.resize(2);
  model.configuration = "[item]\n";
  model.objectives = {};
  auto files = ModelToFiles(model);
  files["model.json"].insert(files["model.json"].rfind('}'), ",\"objectives\":[]");
  EXPECT_THAT(files.at("model.json"), testing::HasSubstr("\"format\": 5"));
  const auto read = ModelFromFiles(files, "feed", "1");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_EQ(read.value().column_fingerprints, model.column_fingerprints);
  EXPECT_EQ(read.value().configuration, "[item]\n");

  const std::string& text = files.at("model.json");
  for (const auto& [from, to] : {std::pair("\"fedcba9876543210\"", "\"fedcba987654321\""),
                                 std::pair("\"fedcba9876543210\"", "7"), std::pair("\"price\",", "")}) {
    auto wrong = files;
    wrong["model.json"] = text;
    wrong["model.json"].replace(text.find(from), std::string_view(from).size(), to);
    EXPECT_FALSE(ModelFromFiles(wrong, "feed", "1").ok()) << to;
  }
}

// A forest without trees, whose mean is 2.
std::string EmptyForest(const std::string& objective) {
  return R"({"version":[3,2,0],"learner":{"learner_model_param":{"base_score":"[2E0]","num_feature":"1","num_class":"0"},)"
         R"("objective":{"name":")" +
         objective +
         R"("},"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_parallel_tree":"1",)"
         R"("num_trees":"0"},"iteration_indptr":[0],"tree_info":[],"trees":[]}}}})";
}

TEST(ModelFiles, OfTheLinkMeanGiveMeansThatAreNoProbabilities) {
  Model model;
  model.columns = {"price"};
  model.column_fingerprints = {1};
  model.categorical = {0};
  model.categories.resize(1);
  model.category_names = {{3.0f, "shoes"}};
  ObjectiveModel basket{.name = "basket", .mean = true};
  basket.forest_bytes = EmptyForest("reg:tweedie");
  const auto forest = ParseForest(basket.forest_bytes);
  ASSERT_TRUE(forest.ok()) << forest.error().message;
  basket.forest = forest.value();
  basket.calibrator = {.kind = Calibrator::Kind::kLogLinear, .a = 1, .b = std::log(3.0)};
  model.objectives.push_back(basket);
  auto files = ModelToFiles(model);
  EXPECT_THAT(files.at("model.json"), testing::HasSubstr("\"format\": 6"));
  const auto read = ModelFromFiles(files, "feed", "1");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_TRUE(read.value().objectives[0].mean);
  EXPECT_NEAR(read.value().objectives[0].Probability(read.value().objectives[0].forest.base_margin[0], nullptr), 6,
              1e-5);
  EXPECT_EQ(read.value().category_names, model.category_names);
  auto wrong = files;
  wrong["basket.ubj"] = EmptyForest("reg:squarederror");
  EXPECT_THAT(ModelFromFiles(wrong, "feed", "1").error().message, testing::HasSubstr("valid is 'reg:tweedie'"));
  wrong = files;
  wrong["basket.calibration.json"] = Calibrator().ToJson();
  EXPECT_THAT(ModelFromFiles(wrong, "feed", "1").error().message, testing::HasSubstr("its link does not have"));
}

}  // namespace
}  // namespace gfr
