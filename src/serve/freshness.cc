#include "serve/freshness.h"

namespace gfr {

void Freshness::Wait(std::int64_t mark, std::int64_t at_us, std::uint64_t events) {
  if (events == 0) return;
  const bool joins = !waiting_.empty() && (at_us - waiting_.back().at_us < kTogetherUs || waiting_.size() >= kMost);
  if (!joins) return waiting_.push_back({mark, at_us, events});
  waiting_.back().mark = mark;
  waiting_.back().events += events;
}

std::vector<Freshness::Group> Freshness::Visible(std::int64_t mark, std::int64_t now_us) {
  std::vector<Group> visible;
  while (!waiting_.empty() && waiting_.front().mark <= mark) {
    const Group& group = waiting_.front();
    if (to_ != nullptr) to_->Observe(static_cast<double>(now_us - group.at_us) * 1e-6, group.events);
    visible.push_back(group);
    waiting_.pop_front();
  }
  return visible;
}

}  // namespace gfr
