#include "event/shown_pairs.h"

#include <bit>
#include <cmath>

namespace gfr {

void ShownPairs::Add(const Event& e) {
  if (e.type != EventType::kFeedClick && e.type != EventType::kFeedImpression) return;
  const Key request = KeyOf(e.request_id);
  const int zeros = std::countr_zero(Hash64(&request, sizeof request, 7));
  if (e.type == EventType::kFeedClick) {
    ++clicks_;
    Counts& counts = by_zeros_[static_cast<std::size_t>(zeros)];
    ++counts.clicks;
    counts.found += request != 0 && !e.items.empty() && pairs_.contains(PairKey(request, KeyOf(e.items[0].item_id)));
    return;
  }
  if (request == 0 || zeros < level_) return;
  for (const EventItem& item : e.items)
    pairs_.emplace(PairKey(request, KeyOf(item.item_id)), static_cast<std::uint8_t>(zeros));
  while (pairs_.size() > max_pairs_) {
    ++level_;
    std::erase_if(pairs_, [&](const auto& pair) { return pair.second < level_; });
  }
}

std::uint64_t ShownPairs::in_slate() const {
  Counts sum;
  for (std::size_t zeros = static_cast<std::size_t>(level_); zeros < by_zeros_.size(); ++zeros) {
    sum.clicks += by_zeros_[zeros].clicks;
    sum.found += by_zeros_[zeros].found;
  }
  if (!is_sample() || sum.clicks == 0) return sum.found;
  const double share = static_cast<double>(sum.found) / static_cast<double>(sum.clicks);
  return static_cast<std::uint64_t>(std::llround(share * static_cast<double>(clicks_)));
}

}  // namespace gfr
