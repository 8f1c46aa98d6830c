// Interleaving beside an A/B test, on the simulated market: how many users each needs to say which of two rankings is
// better, and how often the interleaving is right.
//
// Pairs of rankings are fixed by a seed. Their true effects on purchases a user, by the market's oracle, lie evenly in
// +-[1 %, 6 %]: in four of five pairs clicks and purchases go the same way (the rankings differ in how noisy their
// predictions are), in the others they go opposite ways (one predicts clicks better and purchases worse). The A/B
// test's users are the sample size of the fixed two-sided 5 % test of 80 % power for the pair's true effect, by
// formula: on purchase conversion, and on clicks a user. The interleaving is simulated, looked at after every 50 users,
// and pays for its confidence sequence. Undecided at as many users as the A/B test's counts as a disagreement.
//
//   interleaving_bench [--tiny] [--pairs N] [--null N]
#include "experiment/interleaving.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "base/counter_rng.h"
#include "simulate/market.h"
#include "stats/confidence_sequence.h"
#include "stats/descriptive.h"

namespace gfr {
namespace {

constexpr int kMarketUsers = 1000, kItems = 300;
constexpr std::size_t kCandidates = 45, kSize = 15;
constexpr double kBias = 0.2, kMoreRequests = 1.5;

// Every user's click and purchase probability of every item, from the oracle's slates of one item.
struct Truth {
  std::vector<double> click, buy;  // Users x items; `buy` given the click.
  std::vector<double> examined;    // By position.

  Truth() {
    Market market({.users = kMarketUsers, .items = kItems, .days = 1, .seed = 7, .position_bias = kBias});
    for (int u = 0; u < kMarketUsers; ++u) {
      for (int i = 0; i < kItems; ++i) {
        const std::vector<std::string> slate{"i" + std::to_string(100000 + i)};
        const SlateExpectation e = market.Expect(u, slate, market.end_ms());
        click.push_back(e.clicks);
        buy.push_back(e.purchases / e.clicks);
      }
    }
    for (std::size_t p = 0; p < kSize; ++p) examined.push_back(ExaminationCurve{kBias}.At(p));
  }
};

// A ranking by predictions with errors of their own, which other rankings share in part.
struct Ranker {
  double noise = 0.5, shared = 1, weight_of_purchase = 1;
  std::uint64_t seed = 1;

  double Score(const Truth& truth, std::size_t cell) const {
    const double own = shared < 1 ? CounterRng(seed, cell).Normal(0) : 0;
    const double error = shared * CounterRng(99, cell).Normal(0) + std::sqrt(1 - shared * shared) * own;
    return std::log(truth.click[cell]) + weight_of_purchase * std::log(truth.buy[cell]) + noise * error;
  }
};

// A ranker's scores of all cells.
std::vector<float> Scores(const Truth& truth, const Ranker& ranker) {
  std::vector<float> scores(truth.click.size());
  for (std::size_t cell = 0; cell < scores.size(); ++cell) scores[cell] = static_cast<float>(ranker.Score(truth, cell));
  return scores;
}

// The requests of an experiment's user, the same for every pair of one seed.
struct BenchUser {
  std::size_t row;  // First cell of the market's user.
  int requests;
};
BenchUser UserOf(const CounterRng& rng) {
  const double uniform = rng.Uniform(1);
  double probability = std::exp(-kMoreRequests), sum = probability;
  int more = 0;
  while (uniform >= sum && more < 50) sum += probability *= kMoreRequests / ++more;
  return {static_cast<std::size_t>(rng.Uniform(0) * kMarketUsers) * kItems, 1 + more};
}
std::vector<std::uint32_t> CandidatesOf(const CounterRng& rng, int request) {
  std::vector<std::uint32_t> items(kItems);
  std::iota(items.begin(), items.end(), 0u);
  for (std::size_t k = 0; k < kCandidates; ++k) {
    const std::uint64_t n = 1000 + static_cast<std::uint64_t>(request) * 1000 + k;
    std::swap(items[k], items[k + static_cast<std::size_t>(rng.Uniform(n) * static_cast<double>(kItems - k))]);
  }
  items.resize(kCandidates);
  return items;
}
std::vector<std::uint32_t> RankItems(std::vector<std::uint32_t> items, const std::vector<float>& scores,
                                     std::size_t row) {
  std::partial_sort(items.begin(), items.begin() + kSize, items.end(),
                    [&](auto a, auto b) { return scores[row + a] > scores[row + b]; });
  items.resize(kSize);
  return items;
}

struct Expected {
  double clicks = 0, clicks_variance = 0, purchases = 0, conversion = 0;  // A user's.
};

// What users of a ranking alone do, by the oracle, over the first `users`.
Expected ExpectedOf(const Truth& truth, const std::vector<float>& scores, int users) {
  Expected e;
  double squares = 0;
  for (int u = 0; u < users; ++u) {
    const CounterRng rng(1, static_cast<std::uint64_t>(u));
    const BenchUser user = UserOf(rng);
    double clicks = 0, own_variance = 0, purchases = 0, none = 1;
    for (int r = 0; r < user.requests; ++r) {
      const auto slate = RankItems(CandidatesOf(rng, r), scores, user.row);
      for (std::size_t p = 0; p < kSize; ++p) {
        const double click = truth.examined[p] * truth.click[user.row + slate[p]];
        const double purchase = click * truth.buy[user.row + slate[p]];
        clicks += click;
        own_variance += click * (1 - click);
        purchases += purchase;
        none *= 1 - purchase;
      }
    }
    e.clicks += clicks / users;
    squares += (clicks * clicks + own_variance) / users;
    e.purchases += purchases / users;
    e.conversion += (1 - none) / users;
  }
  e.clicks_variance = squares - e.clicks * e.clicks;
  return e;
}

constexpr double kZ = 1.959963984540054 + 0.8416212335729143;  // Two-sided 5 %, 80 % power.

double UsersForConversion(double a, double b) {
  return 2 * kZ * kZ * (a * (1 - a) + b * (1 - b)) / ((a - b) * (a - b));
}
double UsersForMean(const Expected& a, const Expected& b) {
  return 2 * kZ * kZ * (a.clicks_variance + b.clicks_variance) / ((a.clicks - b.clicks) * (a.clicks - b.clicks));
}

struct Outcome {
  double users = 0, clicks = 0;
  int sign = 0;  // 1: the first ranking, -1: the second; 0: undecided.
};

// Users come one by one until the sequence decides, or `most` have come. `null`: a coin of each user says which ranking
// is the first.
Outcome RunInterleaving(const Truth& truth, const std::vector<float>& a, const std::vector<float>& b, double planned,
                        double most, std::uint64_t seed, bool null = false) {
  Outcome out;
  const ConfidenceSequence sequence(0.05, planned);
  double sum = 0, squares = 0, moved = 0;
  while (out.users < most) {
    const CounterRng user_rng(seed, static_cast<std::uint64_t>(out.users));
    Rng rng(user_rng.Bits(7));
    const BenchUser user = UserOf(user_rng);
    double credit = 0;
    const bool flip = null && rng.Chance(0.5);
    for (int r = 0; r < user.requests; ++r) {
      const auto candidates = CandidatesOf(user_rng, r);
      const Interleaving merged(RankItems(candidates, flip ? b : a, user.row),
                                RankItems(candidates, flip ? a : b, user.row), kSize, {}, {kBias});
      const InterleavedSlate slate = merged.Draw(rng);
      for (std::size_t p = 0; p < slate.items.size(); ++p) {
        if (!rng.Chance(truth.examined[p] * truth.click[user.row + slate.items[p]])) continue;
        credit += slate.credit[p];
        ++out.clicks;
      }
    }
    ++out.users;
    sum += credit;
    squares += credit * credit;
    moved += credit != 0;
    if (std::fmod(out.users, 50) != 0 || moved < ConfidenceSequence::kNonzeroUnits) continue;
    const double mean = sum / out.users,
                 error = std::sqrt(std::max(0.0, squares / out.users - mean * mean) / out.users);
    if (std::fabs(mean) <= sequence.HalfWidth(error, out.users)) continue;
    out.sign = mean > 0 ? 1 : -1;
    break;
  }
  return out;
}

double Median(std::vector<double> values) {
  if (values.empty()) return NAN;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Pair {
  Ranker first, second;
  bool opposite = false;
  double target = 0;  // Of purchases, relative: second over first.
};

// Moves the second ranker away from the first until its true effect is the target; none where it gets no farther.
std::optional<Pair> Tune(const Truth& truth, Pair pair, int users) {
  // Opposite ways: predictions of clicks get better, and those of purchases after a click count less, then against. A
  // gain of purchases is the loss of the two in exchanged roles.
  const bool exchanged = pair.opposite && pair.target > 0;
  const double target = exchanged ? -pair.target / (1 + pair.target) : pair.target;
  const auto at = [&](double far) {
    Pair moved = pair;
    if (pair.opposite) {
      moved.second.noise = 0.4;
      moved.second.weight_of_purchase = 1 - 6 * far;
    } else {
      moved.second.noise = target > 0 ? pair.first.noise * (1 - far) : pair.first.noise + 1.5 * far;
      moved.second.shared = 1 - 0.3 * far;
    }
    return moved;
  };
  const double base = ExpectedOf(truth, Scores(truth, pair.first), users).purchases;
  const auto is_beyond = [&](double far) {
    const double effect = ExpectedOf(truth, Scores(truth, at(far).second), users).purchases / base - 1;
    return target > 0 ? effect > target : effect < target;
  };
  if (!is_beyond(1)) return std::nullopt;
  double low = 0, high = 1;
  for (int round = 0; round < 9; ++round) {
    const double middle = (low + high) / 2;
    (is_beyond(middle) ? high : low) = middle;
  }
  Pair tuned = at((low + high) / 2);
  if (exchanged) std::swap(tuned.first, tuned.second);
  return tuned;
}

// Gives 1 where what is asked of a whole run is missed: a median ratio of users of 30, clicks for clicks 5, and 95 %
// right signs; each as far as its own chance allows.
int RunPairs(const Truth& truth, int pairs, int users) {
  std::vector<double> ratio, click_ratio;
  int agreeing = 0, right = 0, undecided = 0, opposite = 0, opposite_clicks = 0, opposite_purchases = 0, left_out = 0;
  for (int n = 0; n < pairs; ++n) {
    const CounterRng rng(5, static_cast<std::uint64_t>(n));
    Pair pair{.opposite = n % 5 == 4};
    const double size = 0.01 + 0.05 * rng.Uniform(0);
    pair.target = rng.Chance(1, 0.5) ? size : -size;
    pair.first.noise = 0.9;
    pair.second = pair.first;
    pair.second.seed = 1000 + static_cast<std::uint64_t>(n);
    const auto tuned = Tune(truth, pair, users);
    if (!tuned) {
      ++left_out;
      continue;
    }
    const std::vector<float> a = Scores(truth, tuned->first), b = Scores(truth, tuned->second);
    const Expected of_a = ExpectedOf(truth, a, 4 * users), of_b = ExpectedOf(truth, b, 4 * users);
    const double needed = UsersForConversion(of_a.conversion, of_b.conversion);
    const int purchases = of_a.purchases > of_b.purchases ? 1 : -1, clicks = of_a.clicks > of_b.clicks ? 1 : -1;
    const Outcome out = RunInterleaving(truth, a, b, needed / 60, needed, 100 + static_cast<std::uint64_t>(n));
    undecided += out.sign == 0;
    if (purchases == clicks) {
      ++agreeing;
      right += out.sign == purchases;
      ratio.push_back(needed / out.users);
      click_ratio.push_back(UsersForMean(of_a, of_b) / out.users);
    } else {
      ++opposite;
      opposite_clicks += out.sign == clicks;
      opposite_purchases += out.sign == purchases;
    }
    fmt::print(
        "pair {}: effect {:+.2f} % of purchases, {:+.2f} % of clicks; A/B {:.0f} users, interleaving {:.0f}, {}\n", n,
        100 * (of_b.purchases / of_a.purchases - 1), 100 * (of_b.clicks / of_a.clicks - 1), needed, out.users,
        out.sign == 0           ? "undecided"
        : out.sign == purchases ? "right"
                                : "wrong");
  }
  fmt::print(
      "{} pairs whose clicks and purchases agree: median ratio of users {:.1f}, clicks for clicks {:.1f}, the sign is "
      "right in {} ({:.1f} %)\n",
      agreeing, Median(ratio), Median(click_ratio), right, 100.0 * right / std::max(1, agreeing));
  fmt::print(
      "{} pairs whose clicks and purchases go opposite ways: decided as clicks go in {}, as purchases in {}; {} of all "
      "pairs undecided, {} not to be made\n",
      opposite, opposite_clicks, opposite_purchases, undecided, left_out);
  const bool missed =
      agreeing == 0 || Median(ratio) < 30 || Median(click_ratio) < 5 || Share(right, agreeing).interval.high < 0.95;
  if (missed) fmt::print("MISSED: a ratio of 30, clicks for clicks 5, or 95 % right signs\n");
  return missed;
}

// Two rankings of which a coin of the user says which is called the first: neither is better.
int RunNull(const Truth& truth, int runs, double users) {
  const std::vector<float> a = Scores(truth, {.noise = 0.9}), b = Scores(truth, {.noise = 0.9, .shared = 0.7});
  int decided = 0;
  for (int n = 0; n < runs; ++n)
    decided += RunInterleaving(truth, a, b, users / 2, users, 9000 + static_cast<std::uint64_t>(n), true).sign != 0;
  const Estimate share = Share(decided, runs);
  fmt::print("A/A: {} of {} runs decided ({:.2f} %, 95 % interval from {:.2f} %)\n", decided, runs, 100 * share.value,
             100 * share.interval.low);
  if (share.interval.low > 0.05) fmt::print("MISSED: at most 5 % of A/A runs decide\n");
  return share.interval.low > 0.05;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  bool tiny = false;
  int pairs = 200, null = 2000;
  for (int k = 1; k < argc; ++k) {
    const bool has_value = k + 1 < argc;
    if (!std::strcmp(argv[k], "--tiny")) tiny = true, pairs = 5, null = 5;
    if (!std::strcmp(argv[k], "--pairs") && has_value)
      pairs = std::atoi(argv[++k]);
    else if (!std::strcmp(argv[k], "--null") && has_value)
      null = std::atoi(argv[++k]);
  }
  const gfr::Truth truth;
  const int missed = gfr::RunPairs(truth, pairs, tiny ? 200 : 1000);
  // A handful of pairs says that it runs, and no more.
  return (tiny ? 0 : missed) | gfr::RunNull(truth, null, tiny ? 500 : 2000);
}
