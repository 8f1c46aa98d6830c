#include "rank/solve_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "feed/contract_prices.h"
#include "rank/policy.h"

namespace gfr {
namespace {

constexpr const char* kShopOfPolicies = R"(
[item]
brand = "category"
kind = "category"
[[feature]]
name = "price"
type = "property"
property = "price"
)";
constexpr std::uint32_t kBrand = 1, kKind = 2;  // Properties of the items; 0 is the price.

// Ranks given candidates with given values: the policy alone.
class SolvePolicyTest : public testing::Test {
 protected:
  SolvePolicyTest() {
    auto config = Config::Parse(kShopOfPolicies, "gfr.toml");
    store = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    store->Share();
    reader = std::make_unique<StoreReader>(*store);
    policy.solves = true;
  }
  // Item n: of brand b(n % brands), and every fourth of the kind "new"; what explores has no value worth mentioning.
  void Add(const std::string& channel, double value, std::size_t brands = 3) {
    const std::size_t n = items.size();
    items.push_back({.item_id = "i" + std::to_string(n), .channel = channel});
    items.back().properties = {{.name = "brand", .text = "b" + std::to_string(n % brands)},
                               {.name = "kind", .text = n % 4 == 3 ? "new" : "old"}};
    values.push_back(static_cast<float>(value));
  }
  ItemCondition Where(const std::string& text) const {
    using Source = ConditionName::Source;
    const std::vector<ConditionName> names{{"price", Expression::Type::kNumber, Source::kItem, 0},
                                           {"brand", Expression::Type::kCategory, Source::kItem, kBrand},
                                           {"kind", Expression::Type::kCategory, Source::kItem, kKind}};
    return ItemCondition::Parse(text, names).value();
  }
  // REQUIRES: no reload of `policy` between calls is asked for.
  // What contracts cost: null, nothing is known.
  const ContractPrices* contracts = nullptr;
  std::vector<ServedExperiment> experiments;
  Draft Choose(const std::string& request_id) {
    feed.policy = std::make_shared<FeedPolicy>(policy);
    request.request_id = request_id;
    const RankSettings settings{.feed = feed, .experiments = experiments, .contracts = contracts};
    const RankInput in{.store = *store,
                       .reader = reader->features(),
                       .model = nullptr,
                       .lists = nullptr,
                       .config = feed,
                       .request = request,
                       .user = 0,
                       .session = 0,
                       .size = size,
                       .policy = feed.policy.get(),
                       .settings = settings};
    Draft draft(request, FindRequester(reader->features(), request));
    draft.items = items;
    draft.lease.items.assign(items.size(), nullptr);
    draft.value = values;
    ChooseSlate(in, &draft);
    return draft;
  }
  std::string BrandAt(const Draft& draft, std::size_t p) const { return items[draft.slate[p]].properties[0].text; }
  std::unique_ptr<OnlineStore> store;
  std::unique_ptr<StoreReader> reader;
  FeedConfig feed;
  FeedPolicy policy;
  FeedRequest request{.user_id = "u"};
  std::vector<EventItem> items;
  std::vector<float> values;
  std::size_t size = 6;
};

TEST_F(SolvePolicyTest, WithoutConstraintsItIsTheOrderByValue) {
  for (const double value : {1.0, 5.0, 3.0, 5.0, 2.0, std::nan(""), 4.0}) Add("popularity", value);
  EXPECT_EQ(Choose("r").slate, (std::vector<std::size_t>{1, 3, 6, 2, 4, 0}));
  size = 7;
  EXPECT_EQ(Choose("r").slate.back(), 5u) << "what has no value ranks last";
}

TEST_F(SolvePolicyTest, CapsFloorsPinsAndBoostsShapeTheSlateAndAreSaidInTheOutcome) {
  for (int n = 0; n < 24; ++n) Add("popularity", n % 3 == 0 ? 10 - 0.1 * n : 1 - 0.01 * n);
  policy.caps = {{.name = "brand", .of = "brand", .property = kBrand, .at_most = 1, .window = 2}};
  policy.floors = {{.name = "new", .where = Where("kind == \"new\""), .at_least = 2, .first = 4}};
  policy.pins = {{.name = "campaign", .item = "i23", .where = {}, .position = 1}};
  policy.boosts = {{.name = "b2", .where = Where("brand == \"b2\""), .times = 3, .plus = 0.25}};
  const Draft draft = Choose("r");
  ASSERT_EQ(draft.slate.size(), 6u);
  EXPECT_EQ(draft.slate[1], 23u);
  for (std::size_t p = 1; p < 6; ++p) EXPECT_NE(BrandAt(draft, p), BrandAt(draft, p - 1)) << p;
  int fresh = 0;
  for (std::size_t p = 0; p < 4; ++p) fresh += draft.slate[p] % 4 == 3;
  EXPECT_GE(fresh, 2);
  EXPECT_TRUE(draft.outcome.relaxed.empty());
  EXPECT_GE(draft.outcome.bound, draft.outcome.value);
  ASSERT_EQ(draft.outcome.parts.size(), 2u);
  EXPECT_EQ(draft.outcome.parts[0].name, "boost b2");
  EXPECT_EQ(draft.outcome.parts[0].items.size(), 8u);
  EXPECT_EQ(draft.outcome.parts[1].name, "pin campaign");
  EXPECT_EQ(draft.outcome.parts[1].items, (std::vector<std::uint32_t>{23}));
  EXPECT_FLOAT_EQ(draft.value[2], 3 * values[2] + 0.25f) << "the record has what the slate was sorted by";
}

TEST_F(SolvePolicyTest, ContractsPayAndTakeTheirPriceOfTheArmAndTheRecordSaysIt) {
  for (int n = 0; n < 12; ++n) Add("popularity", 10 - 0.5 * n);
  policy.contracts = {
      {.name = "fresh", .kind = FeedContract::Kind::kEachItem, .where = Where("kind == \"new\""), .views = 100},
      {.name = "b0", .kind = FeedContract::Kind::kShare, .where = Where("brand == \"b0\""), .share = 0.1}};
  const std::vector<std::size_t> by_value = Choose("r").slate;
  EXPECT_EQ(by_value, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(Choose("r").duals.empty());
  ContractPrices prices;
  prices.Set("home/fresh", "test=b", {.price = 0.25, .by_item = {{KeyOf("i11"), 5}, {KeyOf("i3"), 0}}});
  prices.Set("home/b0", "test=b", {.price = 4, .by_item = {}});
  contracts = &prices;
  EXPECT_EQ(Choose("r").slate, by_value) << "nothing is known of this arm";
  experiments = {{.experiment = "test", .variant = "b"}};
  const Draft draft = Choose("r");
  // i11: 4.5 + 5; i3, of brand b0: 8.5 - 4; i0 and i6: 4 less; i7: 6.5 + 0.25.
  EXPECT_EQ(draft.slate, (std::vector<std::size_t>{1, 11, 2, 4, 5, 7}));
  EXPECT_EQ(draft.value[11], values[11]) << "the ranking value stays";
  ASSERT_EQ(draft.outcome.parts.size(), 2u);
  EXPECT_EQ(draft.outcome.parts[0].name, "contract fresh");
  EXPECT_EQ(draft.outcome.parts[0].items, (std::vector<std::uint32_t>{3, 7, 11}));
  EXPECT_EQ(draft.outcome.parts[1].plus, -4);
  EXPECT_EQ(draft.duals, (std::vector<ServedDual>{{"b0", 4}, {"fresh/i11", 5}, {"fresh/i7", 0.25}}));
}

TEST_F(SolvePolicyTest, DiversityMixesBrandsThatAreNearlyAsGood) {
  for (int n = 0; n < 12; ++n) Add("popularity", n % 3 == 0 ? 10 - 0.1 * n : 8 - 0.1 * n);
  size = 3;
  EXPECT_EQ(Choose("r").slate, (std::vector<std::size_t>{0, 3, 6})) << "all of brand b0";
  policy.diversity = 0.5;
  policy.diversity_of = {kBrand};
  const Draft draft = Choose("r");
  EXPECT_EQ(draft.slate, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(draft.value, values) << "ranking values stay";
  policy.pins = {{.name = "p", .item = "i4", .where = {}, .position = 0}};
  EXPECT_EQ(Choose("r").slate, (std::vector<std::size_t>{4, 0, 2})) << "i1 is of the pinned item's brand";
}

TEST_F(SolvePolicyTest, AContractOnExplorationLeavesOutItsShareOfTheDraws) {
  for (int n = 0; n < 20; ++n) Add("popularity", 5 - 0.1 * n);
  for (int n = 0; n < 10; ++n) Add("explore", 0);
  policy.explore_every = 3;
  policy.contracts = {{.name = "explored", .kind = FeedContract::Kind::kExplored, .where = {}, .share = 0.03}};
  ContractPrices prices;
  prices.Set("home/explored", "", {.price = 0.75, .by_item = {}});
  contracts = &prices;
  int explored = 0;
  for (int r = 0; r < 400; ++r) {
    const Draft draft = Choose("r" + std::to_string(r));
    ASSERT_EQ(draft.draws.size(), 2u);
    for (const std::size_t i : draft.slate) explored += items[i].channel == "explore";
    EXPECT_FLOAT_EQ(draft.draws[0].probability[0], 0.75f) << "what stands there otherwise is named first";
  }
  EXPECT_NEAR(explored / 800.0, 0.25, 0.05);
  prices.Set("home/explored", "", {.price = 1, .by_item = {}});
  EXPECT_TRUE(Choose("r").draws.empty());
}

TEST_F(SolvePolicyTest, WhatCannotBeKeptIsNamedAndTheSlateIsFull) {
  for (int n = 0; n < 8; ++n) Add("popularity", 1.0 + n, /*brands=*/1);
  policy.caps = {{.name = "brand", .of = "brand", .property = kBrand, .at_most = 2}};
  const Draft draft = Choose("r");
  EXPECT_EQ(draft.slate.size(), 6u);
  EXPECT_EQ(draft.outcome.relaxed, (std::vector<Relaxation>{{"cap brand", 4}}));
}

TEST_F(SolvePolicyTest, AnExploredItemIsDrawnFromThoseThatLeaveAFeasibleSlateGivenPinsAndEarlierDraws) {
  for (int n = 0; n < 30; ++n) Add("popularity", 5 - 0.1 * n);
  for (int n = 0; n < 9; ++n) Add("explore", 0);
  policy.caps = {{.name = "brand", .of = "brand", .property = kBrand, .at_most = 1, .window = 3}};
  policy.pins = {{.name = "pin", .item = "i0", .where = {}, .position = 1}};  // Of brand b0.
  policy.explore_every = 3;
  std::set<std::size_t> drawn;
  for (int r = 0; r < 40; ++r) {
    const Draft draft = Choose("r" + std::to_string(r));
    ASSERT_EQ(draft.draws.size(), 2u);
    EXPECT_EQ(draft.draws[0].position, 2);
    EXPECT_EQ(draft.draws[0].pool.size(), 6u) << "one of brand b0 stands right above";
    EXPECT_TRUE(draft.outcome.relaxed.empty());
    for (std::size_t p = 2; p < draft.slate.size(); ++p)
      EXPECT_EQ((std::set<std::string>{BrandAt(draft, p), BrandAt(draft, p - 1), BrandAt(draft, p - 2)}).size(), 3u);
    EXPECT_FLOAT_EQ(draft.propensity[draft.slate[2]], 1.0f / 6);
    // Of three brands every window of three has each: the brand of position 5 is that of position 2.
    EXPECT_EQ(draft.draws[1].pool.size(), 2u);
    EXPECT_EQ(BrandAt(draft, 5), BrandAt(draft, 2));
    drawn.insert(draft.slate[2]);
  }
  EXPECT_EQ(drawn.size(), 6u);
}

TEST_F(SolvePolicyTest, NothingIsDrawnOnASwappedRequestAndNoSwapBreaksACap) {
  for (int n = 0; n < 30; ++n) Add(n % 5 == 4 ? "explore" : "popularity", 5 - 0.1 * n);
  policy.caps = {{.name = "brand", .of = "brand", .property = kBrand, .at_most = 1, .window = 2}};
  policy.pins = {{.name = "pin", .item = "i7", .where = {}, .position = 0}};
  feed.swap_share = 1;
  for (int r = 0; r < 40; ++r) {
    const Draft draft = Choose("r" + std::to_string(r));
    EXPECT_TRUE(draft.draws.empty());
    EXPECT_EQ(draft.slate[0], 7u);
    for (std::size_t p = 1; p < draft.slate.size(); ++p) EXPECT_NE(BrandAt(draft, p), BrandAt(draft, p - 1));
  }
}

// Of a chi-square with k degrees of freedom, how likely one is that is greater (Wilson and Hilferty).
double ChiSquareP(double x, double k) {
  const double spread = 2 / (9 * k), z = (std::cbrt(x / k) - (1 - spread)) / std::sqrt(spread);
  return 0.5 * std::erfc(z / std::sqrt(2.0));
}

// Counts of sequences of draws against their probabilities; what is expected fewer than five times counts as one.
double FitOf(const std::map<std::vector<std::size_t>, std::pair<int, double>>& seen, int n) {
  double x = 0, rare_expected = n, left = 0;
  int cells = 0, rare = n;
  for (const auto& [draws, one] : seen) {
    const double expected = one.second * n;
    left += one.second;
    if (expected < 5) continue;
    x += (one.first - expected) * (one.first - expected) / expected;
    rare -= one.first;
    rare_expected -= expected;
    ++cells;
  }
  EXPECT_LE(left, 1 + 1e-4) << "probabilities of sequences";
  if (rare_expected >= 5) {
    x += (rare - rare_expected) * (rare - rare_expected) / rare_expected;
    ++cells;
  }
  return cells < 2 ? 1 : ChiSquareP(x, cells - 1);
}

// GFR_PROPENSITY_SEEDS and GFR_PROPENSITY_REQUESTS: how often, and of how many requests (the whole: 10,000 and 50).
TEST_F(SolvePolicyTest, RankedAgainUnderManySeedsWhatIsDrawnFitsTheLoggedPropensities) {
  const auto setting = [](const char* name, int otherwise) {
    const char* value = std::getenv(name);
    return value ? std::atoi(value) : otherwise;
  };
  const int seeds = setting("GFR_PROPENSITY_SEEDS", 400), requests = setting("GFR_PROPENSITY_REQUESTS", 4);
  Rng rng(5);
  std::vector<double> fits, wrong_fits;
  for (int q = 0; q < requests; ++q) {
    items.clear();
    values.clear();
    policy = FeedPolicy();
    policy.solves = true;
    for (int n = 0; n < 16; ++n)
      Add(n < 11 ? "popularity" : "explore", static_cast<double>(rng.Below(1000)) / (n < 11 ? 1000 : 1500));
    policy.caps = {{.name = "brand", .of = "brand", .property = kBrand, .at_most = 2, .window = 4 + rng.Below(2)}};
    policy.floors = {{.name = "new", .where = Where("kind == \"new\""), .at_least = 1, .first = 5}};
    policy.pins = {{.name = "pin", .item = "i" + std::to_string(rng.Below(8)), .where = {}, .position = rng.Below(6)}};
    policy.explore_every = 2 + rng.Below(2);
    policy.explore_rate = 0.3 + 0.1 * static_cast<double>(rng.Below(6));
    std::map<std::vector<std::size_t>, std::pair<int, double>> seen, wrong;
    for (int s = 0; s < seeds; ++s) {
      const Draft draft = Choose("q" + std::to_string(q) + "/" + std::to_string(s));
      std::vector<std::size_t> drawn;
      double probability = 1, uniform = 1;
      for (const ServedDraw& draw : draft.draws) {
        const std::size_t item = draft.slate[static_cast<std::size_t>(draw.position)];
        drawn.push_back(item);
        const auto at = std::ranges::find(draw.pool, item) - draw.pool.begin();
        ASSERT_LT(static_cast<std::size_t>(at), draw.pool.size()) << "what is shown was in the pool";
        double sum = 0;
        for (const float p : draw.probability) sum += static_cast<double>(p);
        ASSERT_NEAR(sum, 1, 1e-5);
        ASSERT_FLOAT_EQ(draft.propensity[item], draw.probability[static_cast<std::size_t>(at)]);
        probability *= static_cast<double>(draw.probability[static_cast<std::size_t>(at)]);
        uniform /= static_cast<double>(draw.pool.size());
      }
      auto& one = seen[drawn];
      ++one.first;
      one.second = probability;
      wrong[drawn] = {one.first, uniform};
    }
    fits.push_back(FitOf(seen, seeds));
    wrong_fits.push_back(FitOf(wrong, seeds));
  }
  std::ranges::sort(fits);
  for (std::size_t k = 0; k < fits.size(); ++k)
    EXPECT_GT(fits[k], 0.01 / static_cast<double>(fits.size() - k)) << "1 % by Holm";
  EXPECT_LT(*std::ranges::min_element(wrong_fits), 1e-6) << "propensities without the coin do not fit";
}

}  // namespace
}  // namespace gfr
