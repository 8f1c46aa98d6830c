// Ranking metrics over slates with one clicked item: MRR, NDCG@10, with 95 % intervals by bootstrap over users.
//
// Ties keep the slate's order; a request whose clicked item is not in its slate counts 0. `untouched` requests are
// those none of whose items was touched earlier in the session.
#pragma once

#include <cstdint>
#include <span>

#include "stats/interval.h"

namespace gfr {

struct RankedRequest {
  std::uint64_t user, session;
  int items;
  int clicked;  // Index in the slate; -1: not in it.
  bool last_of_session, untouched;
};

struct RankingMetrics {
  std::uint64_t requests = 0, requests_untouched = 0;
  Estimate mrr, mrr_last_of_session, mrr_untouched, ndcg_10;
};

// One span of scores a request, as long as its slate; the highest comes first.
RankingMetrics MeasureRanking(std::span<const RankedRequest> requests, std::span<const std::span<const float>> scores,
                              int replicates, std::uint64_t seed);

// Mean of the reciprocal rank by `a` minus that by `b`, request by request.
Estimate PairedMrrDifference(std::span<const RankedRequest> requests, std::span<const std::span<const float>> a,
                             std::span<const std::span<const float>> b, int replicates, std::uint64_t seed,
                             bool untouched_only = false);

}  // namespace gfr
