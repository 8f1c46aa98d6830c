#include "event/arrival_order.h"

#include <algorithm>

namespace gfr {
namespace {

ArrivalOrder::Place Behind(ArrivalOrder::Place own, ArrivalOrder::Place named, std::uint64_t step) {
  return own > named ? own : ArrivalOrder::Place{named.arrival_ms, named.sequence + step};
}

}  // namespace

ArrivalOrder::Place ArrivalOrder::Next(EventType type, Key request, std::int64_t time_ms, std::uint64_t order) {
  if (request != request_) first_request_ = first_impression_ = kNone;
  request_ = request;
  const Place own = Alone(time_ms, order);
  const bool requested = first_request_ != kNone;
  switch (Rank(type)) {
    case 0:
      first_request_ = std::min(first_request_, own);
      return own;
    case 1:
      first_impression_ = std::min(first_impression_, own);
      return requested ? Behind(own, first_request_, 1) : own;
    default:
      break;
  }
  Place first = first_impression_;
  if (first == kNone) return requested ? Behind(own, first_request_, 2) : own;
  if (requested) first = Behind(first, first_request_, 1);
  return Behind(own, first, 1);
}

}  // namespace gfr
