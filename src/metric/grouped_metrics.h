// Metrics within groups of rows: within a request (what a feed is for) or within a user. A pooled AUC rewards knowing
// which users click much, which no ranking can use; these do not.
//
//   auc       of each group with both classes, weighted by its rows (GAUC; Zhu et al. 2017), ties half
//   map, mrr  mean over groups with a positive of average precision, and of the first positive's reciprocal rank
//   ndcg      of the first k, gain = label, discount log2(1 + rank), over the ideal order's
//   recall    share of a group's positives among its first k
// Ties keep the rows' own order, except in AUC. Intervals: 95 % bootstrap over users (of a group's first row). Thread
// safety: pure functions.
#pragma once

#include <span>

#include "metric/binary_metrics.h"

namespace gfr {

struct GroupedMetrics {
  std::uint64_t groups = 0, with_positive = 0, with_both = 0;
  Estimate auc, map, mrr, ndcg, recall;
};

// k of the reports' by_request and by_user.
inline constexpr int kReportedRanks = 10;

// REQUIRES: one group id a row; k > 0. Rows of a group need not lie together. Weights are not used.
GroupedMetrics MeasureByGroup(const BinaryRows& rows, std::span<const std::uint64_t> group, int k, int replicates,
                              std::uint64_t seed);

}  // namespace gfr
