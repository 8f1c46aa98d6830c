#include "experiment/interleaving.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace gfr {
namespace {

using Ranking = std::vector<std::uint32_t>;

// A pair of rankings with what may constrain it: lengths of their own, items fixed, common items.
struct RandomPair {
  Ranking first, second, fixed;
  std::size_t size = 0;
  ExaminationCurve curve;
};

RandomPair DrawPair(Rng& rng, std::size_t most_items, std::size_t most_size) {
  RandomPair pair;
  const std::size_t items = 2 + rng.Below(most_items - 1);
  const double spread = 10 * rng.Uniform() * rng.Uniform();
  const auto ranking = [&](double noise) {
    std::vector<double> value(items);
    for (std::size_t i = 0; i < items; ++i) value[i] = noise * rng.Normal() - static_cast<double>(i);
    Ranking order(items);
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, [&](auto a, auto b) { return value[a] > value[b]; });
    return order;
  };
  pair.first = ranking(spread);
  pair.second = ranking(spread);
  if (rng.Chance(0.3)) pair.first.resize(rng.Below(items + 1));
  if (rng.Chance(0.3)) pair.second.resize(rng.Below(items + 1));
  pair.size = 1 + rng.Below(most_size);
  pair.curve.exponent = rng.Uniform();
  if (rng.Chance(0.5)) {
    const Ranking pins = ranking(20);
    for (std::size_t p = 0, next = 0; p < pair.size; ++p)
      pair.fixed.push_back(rng.Chance(0.15) && next < pins.size() ? pins[next++] : Interleaving::kFree);
  }
  return pair;
}

Interleaving Interleave(const RandomPair& pair) { return {pair.first, pair.second, pair.size, pair.fixed, pair.curve}; }

// Whether the items are what some prefix of each ranking gives together; what is fixed stands in neither.
bool IsUnionOfPrefixes(const std::set<std::uint32_t>& items, const RandomPair& pair) {
  std::set<std::uint32_t> left = items;
  for (const Ranking* ranking : {&pair.first, &pair.second}) {
    for (const std::uint32_t item : *ranking) {
      if (std::ranges::find(pair.fixed, item) != pair.fixed.end()) continue;
      if (!items.contains(item)) break;
      left.erase(item);
    }
  }
  return left.empty();
}

TEST(Interleaving, WhoeverClicksWithoutLookingPrefersNeitherOverTenThousandConstrainedPairs) {
  Rng rng(1);
  double worst = 0, credited = 0;
  for (int n = 0; n < 10'000; ++n) {
    const Interleaving merged = Interleave(DrawPair(rng, 32, 24));
    // Every position's mean is zero, and so is that of every depth and of every click rate by position.
    for (const double mean : merged.MeanCredits()) worst = std::max(worst, std::fabs(mean));
    credited += merged.has_credit();
  }
  EXPECT_LT(worst, 1e-9);
  EXPECT_GT(credited, 6'000);
}

TEST(Interleaving, TheMeansAreThoseOfAllSlates) {
  Rng rng(2);
  for (int n = 0; n < 500; ++n) {
    const RandomPair pair = DrawPair(rng, 9, 7);
    const Interleaving merged = Interleave(pair);
    std::vector<double> means(pair.size, 0.0);
    double sum = 0;
    std::set<Ranking> slates;
    for (const InterleavedSlate& slate : merged.All()) {
      EXPECT_TRUE(slates.insert(slate.items).second) << "two ways to one slate";
      sum += slate.probability;
      for (std::size_t p = 0; p < slate.items.size(); ++p) means[p] += slate.probability * slate.credit[p];
    }
    EXPECT_NEAR(sum, 1, 1e-12);
    for (std::size_t p = 0; p < pair.size; ++p) {
      EXPECT_NEAR(means[p], 0, 1e-12);
      EXPECT_NEAR(means[p], merged.MeanCredits()[p], 1e-12);
    }
  }
}

TEST(Interleaving, EveryPrefixIsTheUnionOfAPrefixOfEach) {
  Rng rng(3);
  for (int n = 0; n < 2'000; ++n) {
    const RandomPair pair = DrawPair(rng, 20, 15);
    const InterleavedSlate slate = Interleave(pair).Draw(rng);
    std::set<std::uint32_t> free_items;
    for (std::size_t p = 0; p < slate.items.size(); ++p) {
      if (p < pair.fixed.size() && pair.fixed[p] != Interleaving::kFree) {
        EXPECT_EQ(slate.items[p], pair.fixed[p]);
        EXPECT_EQ(slate.credit[p], 0);
        continue;
      }
      EXPECT_TRUE(free_items.insert(slate.items[p]).second) << "an item twice";
      EXPECT_TRUE(IsUnionOfPrefixes(free_items, pair));
    }
  }
}

TEST(Interleaving, DrawsEachSlateWithTheProbabilityThatItSays) {
  const Ranking first{1, 2, 3, 4, 5}, second{2, 6, 1, 5, 7};
  const Interleaving merged(first, second, 4);
  std::map<Ranking, double> said, drawn;
  for (const InterleavedSlate& slate : merged.All()) said[slate.items] = slate.probability;
  EXPECT_EQ(merged.Slates(), static_cast<double>(merged.All().size()));
  Rng rng(4);
  constexpr int kDraws = 100'000;
  for (int n = 0; n < kDraws; ++n) {
    const InterleavedSlate slate = merged.Draw(rng);
    EXPECT_DOUBLE_EQ(slate.probability, said[slate.items]);
    drawn[slate.items] += 1.0 / kDraws;
  }
  EXPECT_EQ(said.size(), drawn.size());
  for (const auto& [slate, probability] : said)
    EXPECT_NEAR(drawn[slate], probability, 4 * std::sqrt(probability * (1 - probability) / kDraws));
}

TEST(Interleaving, CreditsTheItemThatARankingPlacesHigher) {
  const Ranking first{1, 2}, second{2, 1};
  const Interleaving merged(first, second, 2, {}, {.exponent = 1});
  for (const InterleavedSlate& slate : merged.All()) {
    EXPECT_DOUBLE_EQ(slate.probability, 0.5);
    for (std::size_t p = 0; p < 2; ++p) EXPECT_DOUBLE_EQ(slate.credit[p], slate.items[p] == 1 ? 0.5 : -0.5);
  }
}

TEST(Interleaving, GivesTheLeastChanceToEitherItemOfEveryChoice) {
  Rng rng(5);
  for (int n = 0; n < 2'000; ++n) {
    for (const InterleavingChoice& c : Interleave(DrawPair(rng, 20, 15)).Draw(rng).choices) {
      EXPECT_GE(c.probability, Interleaving::kLeastChance - 1e-12);
      EXPECT_LE(c.probability, 1 - Interleaving::kLeastChance + 1e-12);
      EXPECT_NE(c.shown, c.other);
    }
  }
}

TEST(Interleaving, GivesNoCreditWhereTheRankingsAgree) {
  const Ranking same{4, 3, 2, 1};
  const Interleaving merged(same, same, 4);
  EXPECT_FALSE(merged.has_credit());
  EXPECT_EQ(merged.All().size(), 1u);
  EXPECT_EQ(merged.Slates(), 1);
  EXPECT_EQ(merged.All()[0].items, same);
  // A common prefix, and a common end.
  const Ranking other{4, 2, 3, 1};
  for (const InterleavedSlate& slate : Interleaving(same, other, 4).All()) {
    EXPECT_EQ(slate.credit[0], 0);
    EXPECT_NE(slate.credit[1], 0);
    EXPECT_EQ(slate.credit[3], 0);
  }
}

TEST(Interleaving, GivesNoCreditWhereNothingCanBalanceIt) {
  // The second ranking shows nothing of its own: whatever is shown is the first's.
  const Ranking first{1, 2, 3}, second{};
  const Interleaving merged(first, second, 3);
  EXPECT_FALSE(merged.has_credit());
  EXPECT_EQ(merged.All()[0].items, first);
}

TEST(Interleaving, TakesAnyLengths) {
  EXPECT_TRUE(Interleaving({}, {}, 5).All()[0].items.empty());
  EXPECT_TRUE(Interleaving(Ranking{1}, Ranking{2}, 0).All()[0].items.empty());
  EXPECT_EQ(Interleaving(Ranking{1}, Ranking{2}, 5).All()[0].items.size(), 2u);
}

}  // namespace
}  // namespace gfr
