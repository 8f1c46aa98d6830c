// Quantiles of a metric by arm (latency, basket value), winsorising caps.
//
// The quantile is the order statistic at rank ceil(q n). Its error is read off the order statistics at n q +- z s
// sqrt(n) (Deng, Knoblich and Lu 2018, "outer confidence interval"): se = (upper - lower) / (2 z), s^2 = q (1 - q) for
// independent values. Values of one user that go together (requests of a session) need s by clusters: the share of
// values at or below the quantile is a ratio over users, and its delta-method variance takes the place of q (1 - q).
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "stats/arm_estimate.h"

namespace gfr {

// REQUIRES: sorted values, 0 < q < 1. NaN for fewer than two values.
ArmEstimate EstimateQuantile(std::span<const float> sorted, double q);
// The same, clustered: `user` names the cluster of each value; n is the number of users. Values need no order.
ArmEstimate EstimateQuantileByUser(std::span<const float> values, std::span<const std::uint64_t> user, double q);

// The cap above which values are cut to it: the q-quantile of what was seen before the start, and fixed then. +infinity
// without values. Values need no order.
double WinsorCap(std::span<const float> before, double q = 0.999);

}  // namespace gfr
