#include "event/shown_pairs.h"

#include <algorithm>
#include <cmath>

namespace gfr {

void ShownPairs::Add(const Event& e) {
  if (e.type != EventType::kFeedClick && e.type != EventType::kFeedImpression) return;
  const bool is_click = e.type == EventType::kFeedClick;
  clicks_ += is_click;
  if (e.request_id.empty()) {
    of_no_request_ += is_click;
    return;
  }
  Request* request = requests_.Touch(KeyOf(e.request_id));
  if (request == nullptr) return;
  if (is_click) {
    ++request->clicks;
    request->found +=
        !e.items.empty() && std::ranges::find(request->shown, KeyOf(e.items[0].item_id)) != request->shown.end();
    return;
  }
  const std::size_t before = request->heap_bytes();
  for (const EventItem& item : e.items) request->shown.push_back(KeyOf(item.item_id));
  requests_.Grew(request->heap_bytes() - before);
}

std::uint64_t ShownPairs::in_slate() const {
  std::uint64_t clicks = 0, found = 0;
  for (const auto& [key, request] : requests_.entries()) {
    clicks += request.clicks;
    found += request.found;
  }
  if (!is_sample() || clicks == 0) return found;
  const double share = static_cast<double>(found) / static_cast<double>(clicks);
  return static_cast<std::uint64_t>(std::llround(share * static_cast<double>(clicks_ - of_no_request_)));
}

}  // namespace gfr
