#include "event/arrival_order.h"

#include <algorithm>

namespace gfr {
namespace {

ArrivalOrder::Place Behind(ArrivalOrder::Place own, ArrivalOrder::Place named, std::uint64_t step) {
  return own > named ? own : ArrivalOrder::Place{named.arrival_ms, named.sequence + step};
}

}  // namespace

void ArrivalOrder::Observe(EventType type, Key request_id, std::int64_t time_ms, std::uint64_t order) {
  if (request_id == 0) return;
  const Place own{time_ms, order << 2};
  if (type == EventType::kFeedRequest) {
    Place& request = named_[request_id].request;
    request = std::min(request, own);
  } else if (type == EventType::kFeedImpression) {
    Place& impression = named_[request_id].impression;
    impression = std::min(impression, own);
  }
}

ArrivalOrder::Place ArrivalOrder::Of(EventType type, Key request_id, std::int64_t time_ms, std::uint64_t order) const {
  const Place own{time_ms, order << 2};
  if (request_id == 0 || type == EventType::kFeedRequest) return own;
  const auto at = named_.find(request_id);
  if (at == named_.end()) return own;
  const Named& named = at->second;
  const bool requested = named.request != kNone;
  if (type == EventType::kFeedImpression) return requested ? Behind(own, named.request, 1) : own;
  Place first = named.impression;
  if (first == kNone) return requested ? Behind(own, named.request, 2) : own;
  if (requested) first = Behind(first, named.request, 1);
  return Behind(own, first, 1);
}

}  // namespace gfr
