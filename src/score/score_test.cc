// One contract for every scorer: the margins are those of the scalar reference, bit for bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <thread>

#include "score/random_forest_of_trees.h"
#include "score/scorer.h"

namespace gfr {
namespace {

template <typename T>
testing::AssertionResult SameBits(const std::vector<T>& want, const std::vector<T>& got) {
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::memcmp(&want[i], &got[i], sizeof(T)) != 0)
      return testing::AssertionFailure() << "margin " << i << " is " << got[i] << " instead of " << want[i];
  }
  return testing::AssertionSuccess();
}

template <typename T, typename Out = double>
std::vector<Out> Margins(const Scorer& scorer, const Forest& forest, const std::vector<T>& rows) {
  const std::size_t stride = static_cast<std::size_t>(forest.columns), count = rows.size() / stride;
  std::vector<Out> margins(count * static_cast<std::size_t>(forest.classes), -1);
  scorer.Margins(Rows(rows.data(), count, stride), margins.data());
  return margins;
}

// A tree of one split, by the set of the categories that were added to the forest since the last one.
void AddStump(double left, Forest& forest) {
  const auto set = static_cast<std::int32_t>(forest.set_begin.size()) - 1;
  forest.set_begin.push_back(static_cast<std::int32_t>(forest.categories.size()));
  const TreeNodes stump{.feature = {0, -1, -1},
                        .left = {1, -1, -1},
                        .right = {2, -1, -1},
                        .value = {0, left, -1},
                        .default_left = {0, 0, 0},
                        .missing = std::vector(3, Forest::Missing::kNan),
                        .category_set = {set, -1, -1}};
  ASSERT_TRUE(AddTree(stump, 0, "a stump", forest).ok());
}

class ScorerContract : public testing::TestWithParam<ScorerKind> {
 protected:
  void SetUp() override {
    if (!IsSupported(GetParam())) GTEST_SKIP() << "SKIPPED: this processor has no " << ScorerKindName(GetParam());
  }
  void ExpectReference(const ForestShape& shape, std::uint64_t seed, std::size_t count, double missing) {
    Rng rng(seed);
    const Forest forest = RandomForest(shape, rng);
    const auto reference = Scorer::Make(forest, ScorerKind::kScalar), scorer = Scorer::Make(forest, GetParam());
    ASSERT_TRUE(scorer.ok()) << scorer.error().message;
    const auto floats = RandomRows<float>(shape, count, missing, true, rng);
    ASSERT_TRUE(SameBits(Margins(*reference.value(), forest, floats), Margins(*scorer.value(), forest, floats)))
        << "floats, seed " << seed << ", " << count << " rows";
    const auto rounded = [&](const auto& of) { return Margins<float, float>(*of.value(), forest, floats); };
    ASSERT_TRUE(SameBits(rounded(reference), rounded(scorer)))
        << "floats of floats, seed " << seed << ", " << count << " rows";
    const auto doubles = RandomRows<double>(shape, count, missing, true, rng);
    ASSERT_TRUE(SameBits(Margins(*reference.value(), forest, doubles), Margins(*scorer.value(), forest, doubles)))
        << "doubles, seed " << seed << ", " << count << " rows";
  }
};

TEST_P(ScorerContract, ARowsMarginsAreTheSameAloneAndAmongAThousandInAnyOrder) {
  for (const Forest::Engine engine : {Forest::Engine::kXgboost, Forest::Engine::kLightgbm}) {
    Rng rng(9);
    const ForestShape shape{.engine = engine,
                            .columns = 12,
                            .trees = 60,
                            .depth = 6,
                            .classes = 1,
                            .cuts = 50,
                            .leaf_early = 0.2,
                            .categorical = 0.3,
                            .categories = 40};
    const Forest forest = RandomForest(shape, rng);
    const auto scorer = Scorer::Make(forest, GetParam());
    ASSERT_TRUE(scorer.ok()) << scorer.error().message;
    const std::vector<float> rows = RandomRows<float>(shape, 1000, 0.2, true, rng);
    const std::vector<double> together = Margins(*scorer.value(), forest, rows);
    const auto row = [&](std::size_t i) { return std::span(rows).subspan(i * 12, 12); };
    std::vector<std::size_t> order(1000);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[rng.Below(i + 1)]);
    std::vector<float> shuffled;
    std::vector<double> alone, in_order;
    for (const std::size_t i : order) {
      shuffled.insert(shuffled.end(), row(i).begin(), row(i).end());
      in_order.push_back(together[i]);
      alone.push_back(Margins(*scorer.value(), forest, std::vector<float>(row(i).begin(), row(i).end()))[0]);
    }
    EXPECT_TRUE(SameBits(in_order, alone));
    EXPECT_TRUE(SameBits(in_order, Margins(*scorer.value(), forest, shuffled)));
  }
}

TEST_P(ScorerContract, AThousandRandomForestsOfBothEnginesGiveTheReferencesMargins) {
  constexpr std::size_t kCounts[] = {1, 2, 3, 7, 16, 31, 64, 65, 127, 128, 129, 200, 256, 300, 513, 700};
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Rng rng(seed + 1000);
    const ForestShape shape{.engine = seed % 2 ? Forest::Engine::kLightgbm : Forest::Engine::kXgboost,
                            .columns = 1 + static_cast<int>(rng.Below(20)),
                            .trees = static_cast<int>(rng.Below(12)),
                            .depth = static_cast<int>(rng.Below(10)),
                            .classes = rng.Chance(0.2) ? 3 : 1,
                            .cuts = 1 + static_cast<int>(rng.Below(rng.Chance(0.1) ? 600 : 60)),
                            .leaf_early = rng.Uniform() * 0.4,
                            .chain = rng.Chance(0.3) ? rng.Uniform() : 0,
                            .categorical = rng.Chance(0.5) ? 0.3 : 0,
                            .categories = 1 + static_cast<int>(rng.Below(60)),
                            .missing = rng.Chance(0.7)};
    ExpectReference(shape, seed, kCounts[rng.Below(std::size(kCounts))] / (seed % 4 + 1) + 1,
                    rng.Chance(0.5) ? 0.3 : 0);
    if (HasFatalFailure()) return;
  }
}

TEST_P(ScorerContract, ColumnsOfMoreThan255CutPointsAreExact) {
  for (const int cuts : {254, 255, 256, 257, 1000, 5000}) {
    ExpectReference({.columns = 3, .trees = 60, .depth = 8, .cuts = cuts, .leaf_early = 0, .categorical = 0}, 5, 600,
                    0.1);
    ExpectReference(
        {.engine = Forest::Engine::kLightgbm, .columns = 3, .trees = 60, .depth = 8, .cuts = cuts, .categorical = 0}, 6,
        300, 0.1);
  }
}

TEST_P(ScorerContract, CategorySetsOfManyCategoriesAreExact) {
  for (const int categories : {1, 250, 260, 1500})
    ExpectReference({.columns = 4, .trees = 30, .depth = 5, .categorical = 0.5, .categories = categories}, 7, 300, 0.1);
}

TEST_P(ScorerContract, ManySmallSetsOfManyCategoriesAreExact) {
  for (const Forest::Engine engine : {Forest::Engine::kXgboost, Forest::Engine::kLightgbm})
    ExpectReference({.engine = engine,
                     .columns = 2,
                     .trees = 60,
                     .leaf_early = 0,
                     .categorical = 1,
                     .categories = 3000,
                     .set_share = 0.001},
                    16, 300, 0.1);
}

TEST_P(ScorerContract, CategoriesUpToTheGreatestAreExact) {
  constexpr int kCategories = 13;
  for (const auto& [engine, greatest] :
       {std::pair(Forest::Engine::kXgboost, (1 << 24) - 1),
        std::pair(Forest::Engine::kLightgbm, std::numeric_limits<std::int32_t>::max())})
    ExpectReference({.engine = engine,
                     .columns = 3,
                     .trees = 30,
                     .categorical = 1,
                     .categories = kCategories,
                     .category_step = greatest / (kCategories - 1)},
                    18, 300, 0.1);
}

TEST_P(ScorerContract, NothingBehindAForestsColumnsIsRead) {
  for (const Forest::Engine engine : {Forest::Engine::kXgboost, Forest::Engine::kLightgbm}) {
    const ForestShape shape{.engine = engine, .columns = 7};
    Rng rng(19);
    const Forest forest = RandomForest(shape, rng);
    const auto reference = Scorer::Make(forest, ScorerKind::kScalar), scorer = Scorer::Make(forest, GetParam());
    for (const std::size_t count : {1u, 66u, 130u}) {
      const auto rows = RandomRows<float>(shape, count, 0.1, true, rng);
      constexpr std::size_t kStride = 10;
      std::vector<float> apart((count - 1) * kStride + 7, 1e9f);  // It ends with the last row's last column.
      for (std::size_t i = 0; i < rows.size(); ++i) apart[i / 7 * kStride + i % 7] = rows[i];
      std::vector<double> got(count);
      scorer.value()->Margins(Rows(apart.data(), count, kStride), got.data());
      EXPECT_TRUE(SameBits(Margins(*reference.value(), forest, rows), got)) << count;
    }
  }
}

TEST_P(ScorerContract, ACategoricalColumnOfManySetsIsMadeInTheTimeOfTheirMembers) {
  Forest forest{.columns = 1, .base_margin = {0.5}};
  constexpr std::int32_t kSets = 150000;  // That meet nowhere: 2e10 steps, if each looked at all categories.
  for (std::int32_t s = 0; s < kSets; ++s) {
    forest.categories.push_back(7 * s);
    AddStump(s % 1000, forest);
  }
  const auto reference = Scorer::Make(forest, ScorerKind::kScalar), scorer = Scorer::Make(forest, GetParam());
  ASSERT_TRUE(scorer.ok()) << scorer.error().message;
  std::vector<float> rows = {0, 7, 8, 7.5, -1, 7.0f * (kSets - 1), NAN, 7777};
  EXPECT_TRUE(SameBits(Margins(*reference.value(), forest, rows), Margins(*scorer.value(), forest, rows)));
}

TEST_P(ScorerContract, MoreThan65536DifferentSplitsAreExact) {
  ExpectReference({.columns = 4, .trees = 90, .depth = 10, .leaf_early = 0, .categorical = 1}, 17, 40, 0.1);
}

TEST_P(ScorerContract, DeepAndUnbalancedTreesAreExact) {
  ExpectReference({.columns = 30, .trees = 4, .depth = 13, .leaf_early = 0.02, .categorical = 0}, 8, 260,
                  0.2);  // Thousands of leaves.
  ExpectReference({.columns = 30, .trees = 4, .depth = 200, .leaf_early = 0, .chain = 1}, 9, 260, 0.2);
  ExpectReference(
      {.engine = Forest::Engine::kLightgbm, .columns = 30, .trees = 9, .depth = 40, .leaf_early = 0.1, .chain = 0.9},
      10, 700, 0.2);
  ExpectReference({.columns = 30, .trees = 1, .depth = 17, .leaf_early = 0, .categorical = 0}, 11, 70,
                  0.2);  // 131,072 leaves.
}

TEST_P(ScorerContract, AForestWithoutTreesGivesItsBaseMargins) {
  ExpectReference({.trees = 0, .classes = 2}, 12, 5, 0);
  ExpectReference({.trees = 5, .depth = 0}, 13, 200, 0);
}

TEST_P(ScorerContract, ConstantColumnsAreExact) {
  const ForestShape shape{.columns = 10, .trees = 30};
  Rng rng(14);
  const Forest forest = RandomForest(shape, rng);
  const auto reference = Scorer::Make(forest, ScorerKind::kScalar), scorer = Scorer::Make(forest, GetParam());
  for (const std::size_t count : {1u, 100u, 1000u, 1500u}) {
    auto rows = RandomRows<float>(shape, count, 0.2, true, rng);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i % 10 < 6) rows[i] = rows[i % 10];
    }
    EXPECT_TRUE(SameBits(Margins(*reference.value(), forest, rows), Margins(*scorer.value(), forest, rows)));
    if (count > 300) {  // Constant at first only.
      rows[290 * 10 + 1] += 1;
      EXPECT_TRUE(SameBits(Margins(*reference.value(), forest, rows), Margins(*scorer.value(), forest, rows)));
    }
  }
}

TEST_P(ScorerContract, ThreadsShareAScorer) {
  const ForestShape shape{.columns = 10, .trees = 30};
  Rng rng(15);
  const Forest forest = RandomForest(shape, rng);
  const auto scorer = Scorer::Make(forest, GetParam());
  const auto rows = RandomRows<float>(shape, 700, 0.2, true, rng);
  const auto want = Margins(*scorer.value(), forest, rows);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) wrong[t] += !SameBits(want, Margins(*scorer.value(), forest, rows));
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

INSTANTIATE_TEST_SUITE_P(Every, ScorerContract,
                         testing::Values(ScorerKind::kAuto, ScorerKind::kCompact, ScorerKind::kPortable,
                                         ScorerKind::kAvx2, ScorerKind::kAvx512),
                         [](const auto& info) { return ScorerKindName(info.param); });

TEST(BinnedMatrix, IsTheSameOnEveryInstructionSetAndSharedByForests) {
  const ForestShape shape{.columns = 15, .trees = 40};
  Rng rng(20);
  const Forest a = RandomForest(shape, rng), b = RandomForest(shape, rng);
  const Forest* const both[] = {&a, &b};
  const auto binning = Binning::Make(both).value();
  const auto rows = RandomRows<float>(shape, 900, 0.2, true, rng);
  for (const ScorerKind fill : {ScorerKind::kPortable, ScorerKind::kAvx2, ScorerKind::kAvx512}) {
    if (!IsSupported(fill)) continue;
    BinnedMatrix matrix;
    matrix.Fill(binning, Rows(rows.data(), 900, 15), KernelsOf(fill));
    for (const ScorerKind kind : {ScorerKind::kPortable, ScorerKind::kAvx2, ScorerKind::kAvx512}) {
      if (!IsSupported(kind)) continue;
      for (const Forest* forest : both) {
        std::vector<double> got(900);
        Scorer::Make(*forest, kind, binning).value()->Margins(matrix, got.data());
        EXPECT_TRUE(SameBits(Margins(*Scorer::Make(*forest, ScorerKind::kScalar).value(), *forest, rows), got));
      }
    }
  }
}

TEST(Binning, RefusesAColumnOfMoreThanAMillionCategoriesInsteadOfSortingThemForEverySet) {
  Forest forest{.columns = 1, .base_margin = {0}};
  constexpr std::int32_t kSets = 20000;
  for (std::int32_t s = 0; s < kSets; ++s) {
    for (std::int32_t c = s; c < (s == 0 ? (1 << 22) + 1 : s + 1); ++c) forest.categories.push_back(c);
    AddStump(2, forest);
  }
  const Forest* const one[] = {&forest};
  const auto binning = Binning::Make(one);
  ASSERT_FALSE(binning.ok());
  EXPECT_EQ(binning.error().message, "column 0 has more than 2^20 categories");
}

TEST(Binning, RefusesForestsOfDifferentEngines) {
  Rng rng(21);
  const Forest a = RandomForest({}, rng), b = RandomForest({.engine = Forest::Engine::kLightgbm}, rng);
  const Forest* const both[] = {&a, &b};
  EXPECT_FALSE(Binning::Make(both).ok());
}

TEST(ScorerKind, IsReadFromItsNameAndNothingElse) {
  for (const char* name : {"auto", "scalar", "compact", "portable", "avx2", "avx512"})
    EXPECT_STREQ(ScorerKindName(ParseScorerKind(name).value()), name);
  EXPECT_FALSE(ParseScorerKind("sse").ok());
}

}  // namespace
}  // namespace gfr
