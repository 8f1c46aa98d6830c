// Metrics of predicted means of amounts that are often 0 and never below it (seconds, money): observed over expected,
// Tweedie deviance, RMSE and MAE, each with a 95 % interval by bootstrap over users (a user's rows stay together;
// Poisson(1) weights).
//
// The deviance is Tweedie's of variance power 1.5, 4 (sqrt(y) - sqrt(m))^2 / sqrt(m) a row: least for the true mean,
// and less swayed by the largest amounts than squares are. What does not exist is NaN. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "metric/paired_log_loss.h"
#include "stats/interval.h"

namespace gfr {

struct MeanRows {
  std::span<const float> predicted, amount;
  std::span<const std::uint64_t> user;
};

struct MeanMetrics {
  std::uint64_t rows = 0, positives = 0;  // Positives: of an amount above 0.
  Estimate observed_over_expected, deviance;
  Estimate deviance_share;  // Of that of the mean of all rows for each: under 1 beats it.
  Estimate rmse, mae;
  double mean = 0;  // Of the amounts.
};

// Of one row; a prediction below 1e-9 counts as that.
double TweedieDeviance(double predicted, double amount);

MeanMetrics MeasureMean(const MeanRows& rows, int replicates, std::uint64_t seed);

// As ComparePairedLogLoss, of deviances and sums of amounts.
PairedLogLoss ComparePairedDeviance(std::span<const float> candidate, std::span<const float> champion,
                                    std::span<const float> amount, std::span<const std::uint64_t> user);

}  // namespace gfr
