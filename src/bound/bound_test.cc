// A model reads rows of any feature set that has its columns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/config.h"
#include "bound/bind_columns.h"
#include "bound/bound_model.h"

namespace gfr {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kProperties[] =
    "[item]\nbrand = \"category\"\nstars = \"number\"\n[request]\ndevice = \"category\"\n[user]\ncity = \"category\"\n";

std::string Feature(const std::string& name, const std::string& rest) {
  return "[[feature]]\nname = \"" + name + "\"\n" + rest + "\n";
}
std::string Clicks(const std::string& name, const std::string& window) {
  return Feature(name, "type = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nwindow = \"" + window + "\"");
}
const std::string kPrice = Feature("price", "type = \"property\"\nproperty = \"price\"");
const std::string kBrand = Feature("brand", "type = \"property\"\nproperty = \"brand\"");
const std::string kPlace = Feature("place", "type = \"position\"");
const std::string kClicks = Clicks("clicks", "7d");

std::shared_ptr<const FeatureSet> Set(const std::string& features, const std::string& properties = kProperties) {
  auto config = Config::Parse(properties + features, "gfr.toml");
  return FeatureSet::Make(config.value()).value();
}

// As training makes it, on all columns of `set`: one tree a column, a category split on categories.
Model ModelOf(const FeatureSet& set) {
  Model model{.name = "feed", .version = "3", .feature_fingerprint = set.fingerprint};
  Forest forest{.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .base_margin = {-0.25f}};
  forest.columns = static_cast<int>(set.columns());
  for (std::size_t k = 0; k < set.columns(); ++k) {
    const FeatureSpec& spec = set.features[k].view->spec();
    model.columns.push_back(spec.name);
    model.column_fingerprints.push_back(spec.fingerprint);
    model.categorical.push_back(spec.categorical);
    auto& codes = model.categories.emplace_back();
    if (spec.categorical) codes = {{100.0f, 0.0f}, {200.0f, 1.0f}};
    const auto n = Forest::Missing::kNan;
    std::int32_t categories = -1;
    if (spec.categorical) {
      categories = static_cast<std::int32_t>(forest.set_begin.size()) - 1;
      forest.categories.push_back(1);
      forest.set_begin.push_back(static_cast<std::int32_t>(forest.categories.size()));
    }
    EXPECT_TRUE(AddTree({.feature = {static_cast<std::int32_t>(k), 0, 0},
                         .left = {1, -1, -1},
                         .right = {2, -1, -1},
                         .value = {categories < 0 ? 1.5 : 0, 0.125 * static_cast<double>(k + 1), -0.75},
                         .default_left = {0, 0, 0},
                         .missing = {n, n, n},
                         .category_set = {categories, -1, -1}},
                        0, "", forest)
                    .ok());
  }
  model.objectives.push_back({.name = "pctr", .forest = std::move(forest)});
  model.position_column = set.position_column;
  return model;
}

// As gfr 0.1 wrote it.
Model OldModelOf(const FeatureSet& set) {
  Model model = ModelOf(set);
  model.feature_fingerprint = set.old_fingerprint;
  model.column_fingerprints.clear();
  return model;
}

// 40 rows of a set: a value depends on the column's name alone, so that a feature has it in every set.
std::vector<float> RowsOf(const FeatureSet& set) {
  std::vector<float> rows;
  for (std::size_t i = 0; i < 40; ++i) {
    for (const BoundFeature& f : set.features) {
      const std::uint64_t h = PairKey(KeyOf(f.view->spec().name), i + 1);
      const float values[] = {kMissing, 100, 200, 300, 1, 2, 0.5};
      rows.push_back(f.view->spec().categorical ? values[h % 4] : values[h % 7]);
    }
  }
  return rows;
}

std::vector<float> Predict(const Model& model, const FeatureSet& set) {
  const auto bound = BoundModel::Make(model, set);
  EXPECT_TRUE(bound.ok()) << (bound.ok() ? "" : bound.error().ToString());
  if (!bound.ok()) return {};
  std::vector<float> pctr;
  bound.value()->Predict({{"pctr", &pctr}}, RowsOf(set).data(), 40, 20);
  return pctr;
}

std::string ErrorOf(const Model& model, const FeatureSet& set) {
  const auto bound = BoundModel::Make(model, set);
  return bound.ok() ? "ok" : bound.error().ToString();
}

TEST(BoundModel, HasEqualBitsWhereFeaturesWereAddedAndReordered) {
  const auto before = Set(kPrice + kBrand + kClicks);
  const auto after = Set(Clicks("more", "14d") + kClicks + kPrice + kPlace + kBrand);
  for (const Model& model : {ModelOf(*before), OldModelOf(*before)}) {
    const std::vector<float> own = Predict(model, *before), on_more = Predict(model, *after);
    ASSERT_EQ(own.size(), 40u);
    EXPECT_EQ(std::memcmp(own.data(), on_more.data(), own.size() * sizeof(float)), 0)
        << "format " << (model.column_fingerprints.empty() ? 4 : 5);
  }
}

TEST(BoundModel, TheColumnOfThePlaceAndThoseOfCalibratorsMoveWithTheirFeatures) {
  Model model = ModelOf(*Set(kPlace + kBrand));
  model.objectives[0].slice_column = 1;
  const Model bound = BindColumns(std::move(model), *Set(kBrand + kPrice + kPlace)).value();
  EXPECT_EQ(bound.position_column, 2);
  EXPECT_EQ(bound.objectives[0].slice_column, 0);
  EXPECT_EQ(bound.forest_columns, (std::vector<std::uint32_t>{2, 0}));
  EXPECT_EQ(bound.columns, (std::vector<std::string>{"brand", "price", "place"}));
}

TEST(BoundModel, OnItsOwnColumnsIsLeftAsItIs) {
  const auto set = Set(kPrice + kBrand);
  EXPECT_TRUE(BindColumns(ModelOf(*set), *set).value().forest_columns.empty());
  EXPECT_TRUE(BindColumns(OldModelOf(*set), *set).value().forest_columns.empty());
}

TEST(BoundModel, AFeatureThatIsGoneOrChangedIsRefusedByName) {
  const Model model = ModelOf(*Set(kPrice + kBrand + kClicks));
  EXPECT_THAT(ErrorOf(model, *Set(kPrice + kClicks)), AllOf(HasSubstr("gone (brand)"), HasSubstr("model feed/3")));
  EXPECT_THAT(ErrorOf(model, *Set(kPrice + kBrand + Clicks("clicks", "8d"))),
              AllOf(HasSubstr("otherwise now (clicks)"), Not(HasSubstr("gone"))));
  EXPECT_THAT(ErrorOf(model, *Set(kPrice + Clicks("clicks", "8d"))),
              AllOf(HasSubstr("gone (brand)"), HasSubstr("otherwise now (clicks)")));
}

TEST(BoundModel, AnOldModelWhoseFeaturesAreNotKnownIsRefusedWhenOneOfThemChanged) {
  const Model model = OldModelOf(*Set(kPrice + kBrand + kClicks));
  EXPECT_THAT(ErrorOf(model, *Set(kPrice + kClicks)), HasSubstr("gone (brand)"));
  EXPECT_THAT(ErrorOf(model, *Set(kPrice + kBrand + Clicks("clicks", "8d"))), HasSubstr("which ones is not known"));
}

TEST(BoundModel, TheNameDecidesBetweenEqualFeaturesAndARenamedOneIsFound) {
  const Model model = ModelOf(*Set(Clicks("b", "7d")));
  EXPECT_EQ(FindColumns(model, *Set(Clicks("a", "7d") + Clicks("b", "7d"))).value(), (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(FindColumns(model, *Set(Clicks("c", "7d") + Clicks("d", "7d"))).value(), (std::vector<std::uint32_t>{0}));
}

}  // namespace
}  // namespace gfr
