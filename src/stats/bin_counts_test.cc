#include "stats/bin_counts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <sstream>

#include "base/rng.h"
#include "base/test_python.h"
#include "stats/bin_distances.h"

namespace gfr {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> DrawNumbers(std::uint64_t seed, std::size_t count, double shift, double missing) {
  Rng rng(seed);
  std::vector<float> values(count);
  for (float& v : values) v = rng.Chance(missing) ? kNaN : static_cast<float>(std::exp(rng.Normal() + shift));
  return values;
}

std::vector<float> DrawCodes(std::uint64_t seed, std::size_t count, std::uint64_t of, std::uint64_t first) {
  Rng rng(seed);
  std::vector<float> codes(count);
  for (float& c : codes) c = static_cast<float>(first + rng.Below(1 + rng.Below(of)));
  return codes;
}

BinCounts CountsOf(const Bins& bins, const std::vector<float>& values) {
  BinCounts counts(bins.size());
  counts.Add(bins, values.data(), values.size());
  return counts;
}

std::string PythonList(std::span<const std::uint64_t> counts) { return fmt::format("[{}]", fmt::join(counts, ",")); }

TEST(BinDistances, EqualScipysOnTheSameBins) {
  const TestFolder folder;
  std::string script = R"(
import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon
def row(p, q, at):
    p, q = np.array(p, float), np.array(q, float)
    hp, hq = (p + .5) / (p + .5).sum(), (q + .5) / (q + .5).sum()
    out = [stats.entropy(hp, hq) + stats.entropy(hq, hp), jensenshannon(p, q, base=2)]
    sp, sq = p / p.sum(), q / q.sum()
    out += [np.linalg.norm(np.sqrt(sp) - np.sqrt(sq)) / np.sqrt(2), np.abs(sp - sq).max()]
    used = (p + q) > 0
    chi = stats.chi2_contingency(np.array([p[used], q[used]]), correction=False)
    out += [chi.statistic, chi.pvalue]
    if at:
        p, q, at = p[:-1], q[:-1], np.array(at, float)
        a, b = np.repeat(at, p.astype(int)), np.repeat(at, q.astype(int))
        out += [stats.ks_2samp(a, b, method="asymp").statistic, stats.wasserstein_distance(a, b) / a.std()]
    print(*[repr(float(v)) for v in out])
)";
  std::vector<double> ours;
  const auto check = [&](const Bins& bins, const std::vector<float>& reference, const std::vector<float>& current) {
    const BinCounts p = CountsOf(bins, reference), q = CountsOf(bins, current);
    const Distances d = Compare(bins, p, q);
    ours.insert(ours.end(), {d.psi, d.jensen_shannon, d.hellinger, d.l_infinity, d.chi_square, d.chi_square_p});
    if (!bins.categorical) ours.insert(ours.end(), {d.ks, d.wasserstein});
    std::string at;
    for (const float middle : bins.middles) at += fmt::format("{},", static_cast<double>(middle));
    script +=
        fmt::format("row({}, {}, [{}])\n", PythonList(WithinRange(bins, p)), PythonList(WithinRange(bins, q)), at);
  };
  for (const double shift : {0.0, 0.1, 2.0}) {
    const auto reference = DrawNumbers(1, 5000, 0, 0.05), current = DrawNumbers(2, 700, shift, 0.2);
    check(MakeBins(reference, false), reference, current);
  }
  for (const std::uint64_t first : {0, 3}) {
    const auto reference = DrawCodes(3, 4000, 60, 0), current = DrawCodes(4, 900, 60, first);
    check(MakeBins(reference, true), reference, current);
  }
  std::istringstream theirs(RunPython(folder, script));
  for (std::size_t i = 0; i < ours.size(); ++i) {
    double value = NAN;
    ASSERT_TRUE(theirs >> value) << "number " << i;
    EXPECT_NEAR(ours[i], value, 1e-9 * std::max(1.0, std::fabs(value))) << "number " << i;
  }
}

TEST(BinDistances, DoNotExistWithoutRows) {
  const auto reference = DrawNumbers(1, 100, 0, 0);
  const Bins bins = MakeBins(reference, false);
  const Distances d = Compare(bins, CountsOf(bins, reference), BinCounts(bins.size()));
  for (const double value : {d.psi, d.ks, d.wasserstein, d.jensen_shannon, d.chi_square, d.l_infinity, d.hellinger,
                             d.missing, d.out_of_range})
    EXPECT_TRUE(std::isnan(value));
}

TEST(BinDistances, OneExtremeValueMovesNothingAndHidesNothing) {
  auto reference = DrawNumbers(1, 5000, 0, 0);
  const auto quiet = DrawNumbers(2, 5000, 0, 0), moved = DrawNumbers(2, 5000, 0.5, 0);
  const auto distances = [&](std::vector<float> current, float extreme) {
    const Bins bins = MakeBins(reference, false);
    current.push_back(extreme);
    return Compare(bins, CountsOf(bins, reference), CountsOf(bins, current));
  };
  EXPECT_LT(distances(quiet, 1e30f).psi, 0.02);
  EXPECT_LT(distances(quiet, 1e30f).wasserstein, 0.1);
  EXPECT_GT(distances(moved, 1e30f).psi, 0.15);
  EXPECT_NEAR(distances(moved, 1e30f).wasserstein, distances(moved, 1).wasserstein, 0.01);
  reference.push_back(1e30f);  // Nor one that the reference had.
  EXPECT_GT(distances(moved, 1).psi, 0.15);
  EXPECT_GT(distances(moved, 1).wasserstein, 0.3);
}

TEST(BinCounts, MergedInAnyOrderEqualOnePass) {
  for (const bool categorical : {false, true}) {
    const auto reference = categorical ? DrawCodes(5, 3000, 90, 0) : DrawNumbers(5, 3000, 0, 0.1);
    const auto current = categorical ? DrawCodes(6, 3000, 90, 40) : DrawNumbers(6, 3000, 0.3, 0.3);
    const Bins bins = MakeBins(reference, categorical);
    std::array<BinCounts, 7> parts;
    parts.fill(BinCounts(bins.size()));
    Rng rng(8);
    for (const float value : current) parts[rng.Below(parts.size())].Add(bins, value);
    BinCounts forth(bins.size()), back(bins.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      forth.Merge(parts[i]);
      back.Merge(parts[parts.size() - 1 - i]);
    }
    EXPECT_EQ(forth, CountsOf(bins, current));
    EXPECT_EQ(back, CountsOf(bins, current));
    EXPECT_EQ(forth.rows(), current.size());
  }
}

TEST(BinCounts, OfABlockAreThoseOfItsValuesOneByOne) {
  const auto reference = DrawNumbers(5, 3000, 0, 0.1);
  auto current = DrawNumbers(6, 3000, 0.3, 0.3);
  current[7] = -5;
  current[300] = 1e20f;
  current[301] = -1e20f;
  for (const auto& of : {reference, std::vector<float>(500, kNaN), std::vector<float>(500, 1.5f)}) {
    const Bins bins = MakeBins(of, false);
    for (const std::size_t count : {0u, 1u, 127u, 128u, 129u, 1000u, 1024u, 1025u, 2999u}) {
      BinCounts one_by_one(bins.size()), at_once(bins.size());
      for (std::size_t i = 0; i < count; ++i) one_by_one.Add(bins, current[i]);
      at_once.Add(bins, current.data(), count);
      EXPECT_EQ(at_once, one_by_one) << count;
      using enum BinCounts::Kernel;
      for (const auto kernel : {kPortable, kAvx2, kAvx512}) {
        BinCounts by(bins.size());
        by.Add(bins, current.data(), count, 1, kernel);
        EXPECT_EQ(by, one_by_one) << count << " by kernel " << static_cast<int>(kernel);
      }
    }
  }
}

TEST(Bins, AreDecilesWithTiesInOneBinAndBinsForWhatIsOutside) {
  std::vector<float> values(50, 0.0f);
  for (int i = 1; i <= 50; ++i) values.push_back(static_cast<float>(i));
  const Bins bins = MakeBins(values, false);
  EXPECT_EQ(bins.uppers, (std::vector<float>{0, 10, 20, 30, 40, 50}));
  EXPECT_EQ(bins.Of(-1), 0u);
  EXPECT_EQ(bins.Of(0), 1u);
  EXPECT_EQ(bins.Of(0.5f), 2u);
  EXPECT_EQ(bins.Of(10), 2u);
  EXPECT_EQ(bins.Of(50), 6u);
  EXPECT_EQ(bins.Of(51), bins.above());
  EXPECT_EQ(bins.Of(kNaN), bins.missing());
  EXPECT_EQ(MakeBins(std::vector<float>(3, kNaN), false).Of(1), 1u);  // Above: out of a range that there is not.
}

// Ranks are found by the values' bits: signs and both zeros included.
TEST(Bins, OfManyValuesAreThoseOfTheirOrder) {
  Rng rng(3);
  std::vector<float> values;
  for (int i = 0; i < 10'000; ++i) values.push_back(static_cast<float>(std::exp(6 * rng.Normal())) * (i % 2 ? 1 : -1));
  values.insert(values.end(), {0.0f, -0.0f, std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest(),
                               std::numeric_limits<float>::denorm_min(), kNaN});
  const Bins bins = MakeBins(values, false);
  values.pop_back();
  std::ranges::sort(values);
  EXPECT_EQ(bins.least, values.front());
  ASSERT_EQ(bins.uppers.size(), Bins::kDeciles);
  std::size_t first = 0;
  for (std::size_t d = 1; d <= Bins::kDeciles; ++d) {
    const float upper = values[(values.size() * d + Bins::kDeciles - 1) / Bins::kDeciles - 1];
    const auto end = static_cast<std::size_t>(std::ranges::upper_bound(values, upper) - values.begin());
    EXPECT_EQ(bins.uppers[d - 1], upper);
    EXPECT_EQ(bins.middles[d - 1], values[first + (end - first - 1) / 2]);
    first = end;
  }
}

TEST(Bins, TellUnseenCategoriesFromRareOnes) {
  std::vector<float> codes;
  for (int code = 0; code < 100; ++code) codes.insert(codes.end(), static_cast<std::size_t>(200 - code), code);
  const Bins bins = MakeBins(codes, true);
  EXPECT_EQ(bins.codes.size(), Bins::kCategories);
  EXPECT_EQ(bins.Of(0), 0u);
  EXPECT_EQ(bins.Of(99), bins.unseen() - 1);
  EXPECT_EQ(bins.Of(100), bins.unseen());
  BinCounts counts(bins.size());
  for (int code = 130; code > 100; --code) counts.Add(bins, static_cast<float>(code));
  EXPECT_EQ(counts.unseen, (std::vector<float>{101, 102, 103, 104, 105, 106, 107, 108}));
}

}  // namespace
}  // namespace gfr
