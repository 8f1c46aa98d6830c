#include "experiment/bandit.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <string>

#include "stats/distributions.h"

namespace gfr {
namespace {

constexpr double kPriorMean = 0.5, kPriorVariance = 0.25;  // Of a mean in [0, 1] of which nothing is known.
constexpr double kMostBet = 0.5;

}  // namespace

std::vector<double> ProbabilityOfBest(std::span<const double> means, std::span<const double> deviations) {
  assert(means.size() == deviations.size());
  // Simpson's rule over 8 deviations on both sides of each arm's own density. The others' distribution functions may be
  // steep beside it: 4,000 steps resolve deviations of a few thousandths of its own.
  constexpr int kSteps = 4000;
  constexpr double kReach = 8, kStep = 2 * kReach / kSteps;
  std::vector<double> best(means.size());
  for (std::size_t k = 0; k < means.size(); ++k) {
    double sum = 0;
    for (int n = 0; n <= kSteps; ++n) {
      const double z = -kReach + n * kStep, x = means[k] + deviations[k] * z;
      double below = std::exp(-0.5 * z * z);
      for (std::size_t j = 0; j < means.size() && below > 0; ++j) {
        if (j != k) below *= NormalUpper((means[j] - x) / deviations[j]);
      }
      sum += below * (n == 0 || n == kSteps ? 1 : n % 2 == 1 ? 4 : 2);
    }
    best[k] = sum * kStep / 3 * 0.3989422804014327;
  }
  const double total = std::accumulate(best.begin(), best.end(), 0.0);
  for (double& p : best) p /= total;
  return best;
}

Result<std::vector<double>> ThompsonAllocation(std::span<const ArmRewards> arms, double floor) {
  const auto count = static_cast<double>(arms.size());
  if (arms.empty()) return Error{ErrorCode::kInvalidArgument, "a bandit has no arms"};
  if (!(floor >= 0 && floor * count <= 1))
    return Error{ErrorCode::kInvalidArgument, "a bandit's floor is " + std::to_string(floor) + "; valid is 0 to 1 / " +
                                                  std::to_string(arms.size()) + ", one over its arms"};
  std::vector<double> means, deviations;
  for (const ArmRewards& arm : arms) {
    if (!(arm.users >= 0 && arm.sum >= 0 && arm.sum <= arm.users && arm.sum_squares >= 0 && arm.sum_squares <= arm.sum))
      return Error{ErrorCode::kInvalidArgument, "a bandit's rewards are not in [0, 1]"};
    // The variance of a reward is taken as if one more user had had the prior's.
    const double mean = arm.users > 0 ? arm.sum / arm.users : kPriorMean;
    const double spread = std::max(0.0, arm.sum_squares - arm.users * mean * mean);
    const double variance = (spread + kPriorVariance) / (arm.users + 1);
    const double precision = arm.users / variance + 1 / kPriorVariance;
    means.push_back((arm.sum / variance + kPriorMean / kPriorVariance) / precision);
    deviations.push_back(1 / std::sqrt(precision));
  }
  std::vector<double> allocation = ProbabilityOfBest(means, deviations);
  for (double& p : allocation) p = floor + (1 - count * floor) * p;
  return allocation;
}

void ValueLowerBound::Add(double value) {
  // The bet uses what came before `value` alone.
  const double mean = std::min(1.0, mean_sum_ / (count_ + 1)), variance = square_sum_ / (count_ + 1);
  const double n = count_ + 1;
  const double bet = std::min(kMostBet, std::sqrt(2 * std::log(1 / alpha_) / (variance * n * std::log(1 + n))));
  weights_ += bet;
  weighted_ += bet * value;
  penalty_ += (value - mean) * (value - mean) * (-std::log1p(-bet) - bet);
  best_ = std::max(best_, (weighted_ - std::log(1 / alpha_) - penalty_) / weights_);
  ++count_;
  mean_sum_ += value;
  const double now = std::min(1.0, mean_sum_ / (count_ + 1));
  square_sum_ += (value - now) * (value - now);
}

double ValueLowerBound::At() const { return best_; }

void ArmValue::Add(bool in_arm, double probability, double reward) {
  assert(probability > 0 && reward >= 0 && reward <= 1);
  low_.Add(in_arm ? reward / probability : 0);
  mirrored_.Add(in_arm ? (1 - reward) / probability : 0);
}

}  // namespace gfr
