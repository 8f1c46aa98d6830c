#include "serve/score_terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/config.h"
#include "log/event_log.h"
#include "serve/explain.h"

namespace gfr {
namespace {

std::shared_ptr<const FeatureSet> DeviceAndPrice() {
  auto config = Config::Parse(
      "[request]\ndevice = \"category\"\n[item]\nprice = \"number\"\n"
      "[[feature]]\nname = \"device\"\ntype = \"request\"\nproperty = \"device\"\n"
      "[[feature]]\nname = \"price\"\ntype = \"property\"\nproperty = \"price\"\n",
      "gfr.toml");
  auto set = FeatureSet::Make(config.value());
  EXPECT_TRUE(set.ok()) << set.error().message;
  return set.value();
}

// Of "pctr": mobile (the model's code 0) gives 1, others -1, 30 and 10 of the training; a price below 20 adds 0.5.
std::shared_ptr<const BoundModel> TwoStumps(const FeatureSet& features, bool covers = true) {
  Model model{.name = "feed", .version = "7", .feature_fingerprint = features.fingerprint};
  for (const BoundFeature& f : features.features) {
    model.columns.push_back(f.view->spec().name);
    model.categorical.push_back(f.view->spec().categorical);
    model.column_fingerprints.push_back(f.view->spec().fingerprint);
  }
  model.categories = {{{CategoryCode(KeyOf("mobile")), 0.0f}, {CategoryCode(KeyOf("desktop")), 1.0f}}, {}};
  model.category_names = {{CategoryCode(KeyOf("mobile")), "mobile"}};
  ObjectiveModel pctr{.name = "pctr"};
  pctr.forest = {.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = 2, .base_margin = {0}};
  const auto stump = [&](int column, double at, double left, double right) {
    const TreeNodes nodes{.feature = {column, -1, -1},
                          .left = {1, -1, -1},
                          .right = {2, -1, -1},
                          .value = {at, left, right},
                          .default_left = {0, 0, 0},
                          .missing = std::vector(3, Forest::Missing::kNan),
                          .category_set = {-1, -1, -1},
                          .cover = covers ? std::vector<float>{40, 30, 10} : std::vector<float>()};
    EXPECT_TRUE(AddTree(nodes, 0, "stump", pctr.forest).ok());
  };
  stump(0, 0.5, 1, -1);
  stump(1, 20, 0.5, 0);
  model.objectives.push_back(std::move(pctr));
  auto bound = BoundModel::Make(std::move(model), features);
  EXPECT_TRUE(bound.ok()) << bound.error().message;
  return bound.value();
}

LogRecord ServedOf(const FeatureSet& features) {
  LogRecord record{.event = {.type = EventType::kFeedRequest, .request_id = "r"}};
  record.event.context = {{.name = "device", .text = "watch"}};
  record.event.items = {{.item_id = "a", .index = 1}, {.item_id = "b", .index = 0}};
  ServedSlate& s = record.event.served;
  s.positions = {{0, 1}};
  s.models = {{.name = "feed/7"}};
  s.kept = s.scored = AllItems(2);
  s.scores = {{0, "pctr", {0.5f, 0.6f}, {}}};
  const float device = CategoryCode(KeyOf("watch"));
  s.columns = {{.fingerprint = features.features[0].view->spec().fingerprint, .values = {device, device}},
               {.fingerprint = features.features[1].view->spec().fingerprint, .values = {25, 12}}};
  return record;
}

TEST(ScoreTerms, NameTheCategoryAndSayWhatEachFeatureAddsToWhatIsExpected) {
  const auto features = DeviceAndPrice();
  const auto model = TwoStumps(*features);
  const ScoreExplainer explainer = ScoreExplainer::Make(*model).value();
  const float row[] = {CategoryCode(KeyOf("mobile")), 25};
  const std::vector<ScoreTerms> terms = explainer.Explain(row, CategoryTexts(model->model(), {}));
  ASSERT_EQ(terms.size(), 1u);
  EXPECT_DOUBLE_EQ(terms[0].expected, 0.75 * 1 + 0.25 * -1 + 0.75 * 0.5);
  EXPECT_DOUBLE_EQ(terms[0].margin, 1);
  ASSERT_EQ(terms[0].largest.size(), 2u);
  EXPECT_EQ(terms[0].largest[0].category, "mobile");
  EXPECT_DOUBLE_EQ(terms[0].largest[0].adds, 0.5);
  EXPECT_DOUBLE_EQ(terms[0].largest[1].adds, -0.375);
  EXPECT_THAT(TermsInWords(terms),
              testing::ElementsAre("pctr: device = mobile adds 0.5, price = 25 takes 0.375 (of the "
                                   "margin 1, where 0.875 is expected)"));
}

TEST(ScoreTerms, AnExplanationHasThemOfEachItemWithTheNamesThatTheRequestSaid) {
  const auto features = DeviceAndPrice();
  const auto model = TwoStumps(*features);
  const auto json = nlohmann::json::parse(ExplainJson(ServedOf(*features), *features, model.get()))["served"];
  EXPECT_EQ(json["terms"], (nlohmann::json{{"items", 2}, {"left_out", 0}}));
  const auto& pctr = json["candidates"][1]["terms"]["pctr"];
  EXPECT_DOUBLE_EQ(pctr["margin"].get<double>(), -1 + 0.5) << "an unseen category is missing, which goes right";
  EXPECT_EQ(pctr["largest"][0]["value"], "watch");
  EXPECT_EQ(pctr["largest"][0]["unseen"], true);
  EXPECT_EQ(pctr["largest"][1]["value"], 12);
  EXPECT_THAT(json["candidates"][1]["why"].dump(),
              testing::HasSubstr("pctr: device = watch (which its training did not have) takes 1.5, price = 12 adds"));
}

TEST(ScoreTerms, AnExplanationSaysWhyItHasNone) {
  const auto features = DeviceAndPrice();
  const auto why = [&](const LogRecord& record, const BoundModel* model) {
    return nlohmann::json::parse(ExplainJson(record, *features, model))["served"]["terms"]["why_none"]
        .get<std::string>();
  };
  EXPECT_EQ(why(ServedOf(*features), nullptr), "model version 7 is not loaded, or does not fit gfr.toml");
  EXPECT_THAT(why(ServedOf(*features), TwoStumps(*features, false).get()), testing::HasSubstr("does not say how much"));
  LogRecord without = ServedOf(*features);
  without.event.served.columns.pop_back();
  EXPECT_THAT(why(without, TwoStumps(*features).get()), testing::HasSubstr("does not keep the feature 'price'"));
}

}  // namespace
}  // namespace gfr
