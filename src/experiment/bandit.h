// Bandit: how many of the new users each arm of an experiment gets, from the rewards of those who came before; and what
// the arms' means are, at any time, whatever the allocation was.
//
// Rewards are scaled to [0, 1] by their declared cap. ThompsonAllocation is computed from matured users alone, so that
// an arm whose rewards come late is not taken for a poor one; it is the probability that the arm's mean is the greatest
// under independent normal posteriors, by quadrature (Thompson 1933), with a floor.
//
// ArmValue is the empirical Bernstein confidence sequence for off-policy values (Waudby-Smith, Wu, Ramdas,
// Karampatziakis and Mineiro 2022): valid at all times together, for allocations that were chosen by what was seen
// before. Thread safety: none; plain values.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"

namespace gfr {

// Of the matured users of one arm.
struct ArmRewards {
  double users = 0, sum = 0, sum_squares = 0;  // Of rewards in [0, 1].
  void Add(double reward) { ++users, sum += reward, sum_squares += reward * reward; }
};

// Each arm's probability to be the best, floor + (1 - arms x floor) x it: every arm has at least the floor, and they
// sum to 1. An arm without users has a posterior as wide as its prior: mean 1/2, deviation 1/2. kInvalidArgument: no
// arms, a floor outside [0, 1 / arms], or rewards that are none of [0, 1].
Result<std::vector<double>> ThompsonAllocation(std::span<const ArmRewards> arms, double floor);

// The probability that each of independent normals is the greatest. REQUIRES: equal lengths, deviations above 0.
std::vector<double> ProbabilityOfBest(std::span<const double> means, std::span<const double> deviations);

// One side of the sequence: a lower bound of the mean of values that are at least 0, of which each has the same mean
// given those before it. Add in their order.
class ValueLowerBound {
 public:
  explicit ValueLowerBound(double alpha) : alpha_(alpha) {}
  void Add(double value);
  double At() const;  // The greatest bound so far: bounds hold at all times together. 0 at least.

 private:
  double alpha_;
  double count_ = 0, mean_sum_ = 0.5, square_sum_ = 0.25;  // Of the plug-in mean and variance, with a prior of one.
  double weights_ = 0, weighted_ = 0, penalty_ = 0, best_ = 0;
};

// The mean reward of one arm, over users of any arm who were allocated with known probabilities.
class ArmValue {
 public:
  explicit ArmValue(double alpha) : low_(alpha / 2), mirrored_(alpha / 2) {}
  // A matured user, in the order of exposure. `probability`: that the allocation gave the user this arm; above 0.
  void Add(bool in_arm, double probability, double reward);
  double low() const { return low_.At(); }
  double high() const { return 1 - mirrored_.At(); }

 private:
  ValueLowerBound low_, mirrored_;
};

}  // namespace gfr
