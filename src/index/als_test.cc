#include "index/als.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/rng.h"
#include "retrieve/embedding_index.h"

namespace gfr {
namespace {

// Users of `kinds` tastes, each of which has its own items.
Interactions RandomInteractions(std::uint64_t seed, std::size_t users, std::size_t items, std::size_t kinds) {
  Rng rng(seed);
  Interactions in;
  for (std::size_t i = 0; i < items; ++i) in.items.push_back(100 + i);
  in.begins = {0};
  for (std::size_t u = 0; u < users; ++u) {
    in.users.push_back(7 * u + 1);
    for (std::size_t i = 0; i < items; ++i) {
      if (rng.Chance(i % kinds == u % kinds ? 0.4 : 0.03))
        in.entries.push_back({static_cast<std::uint32_t>(i), static_cast<float>(1 + rng.Below(5))});
    }
    in.begins.push_back(in.entries.size());
  }
  return in;
}

// What ALS is by its definition: dense matrices, each row solved exactly by elimination, in double.
class DenseAls {
 public:
  DenseAls(const Interactions& in, const AlsOptions& options)
      : in_(in), options_(options), d_(static_cast<std::size_t>(options.factors)) {}
  double ConfidenceOf(std::size_t u, std::size_t i) const {
    for (std::uint64_t k = in_.begins[u]; k < in_.begins[u + 1]; ++k) {
      if (in_.entries[k].item == i) return 1 + options_.alpha * std::log2(1 + in_.entries[k].weight);
    }
    return 0;
  }
  // Row `row` given the other side's: C holds 0 where nothing was (preference 0, confidence 1).
  std::vector<double> Row(const std::vector<double>& others,
                          const std::function<double(std::size_t)>& confidence) const {
    std::vector<double> a(d_ * (d_ + 1));
    for (std::size_t o = 0; o < others.size() / d_; ++o) {
      const double c = confidence(o);
      for (std::size_t x = 0; x < d_; ++x) {
        for (std::size_t y = 0; y < d_; ++y)
          a[x * (d_ + 1) + y] += (c > 0 ? c : 1) * others[o * d_ + x] * others[o * d_ + y];
        a[x * (d_ + 1) + d_] += c * others[o * d_ + x];
      }
    }
    for (std::size_t x = 0; x < d_; ++x) a[x * (d_ + 1) + x] += options_.regularization;
    for (std::size_t c = 0; c < d_; ++c) {
      for (std::size_t r = 0; r < d_; ++r) {
        if (r == c) continue;
        const double times = a[r * (d_ + 1) + c] / a[c * (d_ + 1) + c];
        for (std::size_t k = c; k <= d_; ++k) a[r * (d_ + 1) + k] -= times * a[c * (d_ + 1) + k];
      }
    }
    std::vector<double> row;
    for (std::size_t x = 0; x < d_; ++x) row.push_back(a[x * (d_ + 1) + d_] / a[x * (d_ + 1) + x]);
    return row;
  }
  std::vector<double> Users(const std::vector<double>& items) const {
    std::vector<double> users;
    for (std::size_t u = 0; u < in_.users.size(); ++u) {
      for (const double v : Row(items, [&](std::size_t i) { return ConfidenceOf(u, i); })) users.push_back(v);
    }
    return users;
  }
  std::vector<double> Items(const std::vector<double>& users) const {
    std::vector<double> items;
    for (std::size_t i = 0; i < in_.items.size(); ++i) {
      for (const double v : Row(users, [&](std::size_t u) { return ConfidenceOf(u, i); })) items.push_back(v);
    }
    return items;
  }
  double Loss(const std::vector<double>& users, const std::vector<double>& items) const {
    double loss = 0;
    for (std::size_t u = 0; u < in_.users.size(); ++u) {
      for (std::size_t i = 0; i < in_.items.size(); ++i) {
        double score = 0;
        for (std::size_t k = 0; k < d_; ++k) score += users[u * d_ + k] * items[i * d_ + k];
        const double c = ConfidenceOf(u, i);
        loss += (c > 0 ? c : 1) * std::pow((c > 0 ? 1 : 0) - score, 2);
      }
    }
    for (const auto* side : {&users, &items}) {
      for (const double v : *side) loss += options_.regularization * v * v;
    }
    return loss;
  }

 private:
  const Interactions& in_;
  const AlsOptions options_;
  const std::size_t d_;
};

std::vector<double> Doubles(const std::vector<float>& v) { return {v.begin(), v.end()}; }

TEST(Als, WithEnoughStepsEachIterationIsTheExactSolutionOfADenseOracle) {
  const Interactions in = RandomInteractions(3, 40, 30, 4);
  const AlsOptions options{.factors = 6, .iterations = 3, .steps = 60, .regularization = 0.5, .alpha = 4};
  const DenseAls dense(in, options);
  AlsOptions none = options;
  none.iterations = 0;
  std::vector<double> items = Doubles(TrainAls(in, none).items), users;
  for (int i = 0; i < options.iterations; ++i) {
    users = dense.Users(items);
    items = dense.Items(users);
  }
  const AlsFactors factors = TrainAls(in, options);
  ASSERT_EQ(factors.users.size(), users.size());
  ASSERT_EQ(factors.items.size(), items.size());
  for (std::size_t k = 0; k < users.size(); ++k) EXPECT_NEAR(factors.users[k], users[k], 2e-3) << k;
  for (std::size_t k = 0; k < items.size(); ++k) EXPECT_NEAR(factors.items[k], items[k], 2e-3) << k;
}

TEST(Als, ThreeStepsOfConjugateGradientsReachTheLossOfExactSolutions) {
  const Interactions in = RandomInteractions(5, 80, 50, 5);
  AlsOptions options{.factors = 8, .iterations = 15, .regularization = 0.1, .alpha = 4};
  const DenseAls dense(in, options);
  const auto loss = [&] {
    const AlsFactors f = TrainAls(in, options);
    return dense.Loss(Doubles(f.users), Doubles(f.items));
  };
  const double short_steps = loss();
  options.steps = 40;
  const double exact = loss();
  EXPECT_LT(std::fabs(short_steps / exact - 1), 0.02);
  options.iterations = 1;
  EXPECT_GT(loss(), 1.2 * exact) << "one iteration is not enough";
}

TEST(Als, EqualInteractionsGiveEqualFactorsToTheBit) {
  const Interactions in = RandomInteractions(9, 50, 40, 4);
  const AlsOptions options{.factors = 10, .iterations = 4};
  EXPECT_EQ(TrainAls(in, options).items, TrainAls(in, options).items);
  EXPECT_NE(TrainAls(in, options).items, TrainAls(in, {.factors = 10, .iterations = 4, .seed = 2}).items);
}

TEST(Als, AUserMadeOfTheirItemsIsTheRowThatOneMoreIterationWouldGive) {
  // Weights of 1 alone, as the items of a request are known without a weight.
  Interactions in = RandomInteractions(11, 60, 40, 4);
  for (auto& entry : in.entries) entry.weight = 1;
  const AlsOptions options{.factors = 6, .iterations = 8, .regularization = 0.3, .alpha = 5};
  const AlsFactors factors = TrainAls(in, options);
  const std::vector<double> exact = DenseAls(in, options).Users(Doubles(factors.items));
  const auto index = EmbeddingIndex::Make({.items = in.items,
                                           .dimensions = 6,
                                           .vectors = factors.items,
                                           .inverse = factors.inverse,
                                           .confidence = static_cast<float>(options.alpha)});
  ASSERT_TRUE(index.ok());
  for (std::size_t u = 0; u < in.users.size(); ++u) {
    std::vector<Key> recent;
    for (std::uint64_t k = in.begins[u]; k < in.begins[u + 1]; ++k) recent.push_back(in.items[in.entries[k].item]);
    const std::vector<float> user = index.value()->UserVector(recent);
    ASSERT_EQ(user.size(), recent.empty() ? 0u : 6u);
    for (std::size_t k = 0; k < user.size(); ++k) EXPECT_NEAR(user[k], exact[u * 6 + k], 1e-3) << u;
  }
}

TEST(Als, RecommendsItemsOfTheUsersOwnKind) {
  const Interactions in = RandomInteractions(2, 200, 80, 4);
  const AlsFactors f = TrainAls(in, {.factors = 4});
  std::size_t own = 0;
  for (std::size_t u = 0; u < in.users.size(); ++u) {
    const auto score = [&](std::size_t i) { return DotProduct(f.users.data() + u * 4, f.items.data() + i * 4, 4); };
    std::size_t best = 0;
    for (std::size_t i = 1; i < in.items.size(); ++i) best = score(i) > score(best) ? i : best;
    own += best % 4 == u % 4;
  }
  EXPECT_GT(own, 190u);
}

}  // namespace
}  // namespace gfr
