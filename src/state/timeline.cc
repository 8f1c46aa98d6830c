#include "state/timeline.h"

#include <algorithm>

namespace gfr {

Timeline::~Timeline() {
  for (Block* block = first_.next.load(); block != nullptr;) {
    Block* next = block->next.load();
    delete block;
    block = next;
  }
}

// A slot first says "any bound", then the bound. Either the writer's scan sees that it is taken, and frees nothing; or
// the scan came before, and then (both are sequentially consistent) the bound loaded here is at least what the scan
// took as published.
Pin Timeline::Hold() {
  assert(!exclusive());
  static thread_local char here;  // Threads start at different slots.
  const std::size_t start = (reinterpret_cast<std::uintptr_t>(&here) * 0x9E3779B97F4A7C15ull) >> 56;
  for (Block* block = &first_;;) {
    for (std::size_t i = 0; i < block->slots.size(); ++i) {
      Slot& slot = block->slots[(start + i) % block->slots.size()];
      std::int64_t free = kFree;
      if (slot.bound.load(std::memory_order_relaxed) != kFree || !slot.bound.compare_exchange_strong(free, kNothing))
        continue;
      const std::int64_t bound = published_.load();
      slot.bound.store(bound);
      return Pin(&slot, bound);
    }
    Block* next = block->next.load();
    if (next == nullptr) {
      Block* made = new Block;
      if (block->next.compare_exchange_strong(next, made)) {
        next = made;
      } else {
        delete made;
      }
    }
    block = next;
  }
}

void Timeline::Publish(std::int64_t stamp) {
  assert(stamp >= written_ && stamp >= published_.load(std::memory_order_relaxed) && stamp < kFree);
  written_ = stamp;
  published_.store(stamp);
}

void Timeline::SetExclusive(bool exclusive) {
  assert(LowestPin() == kFree);
  exclusive_.store(exclusive, std::memory_order_relaxed);
  if (!exclusive) Publish(written_);
}

std::int64_t Timeline::LowestPin() const {
  std::int64_t lowest = kFree;
  for (const Block* block = &first_; block != nullptr; block = block->next.load()) {
    for (const Slot& slot : block->slots) lowest = std::min(lowest, slot.bound.load());
  }
  return lowest;
}

std::int64_t Timeline::SafeBound() {
  const std::int64_t published = published_.load();
  if (published != safe_at_) {
    safe_at_ = published;
    safe_ = std::min(published, LowestPin());
  }
  return safe_;
}

}  // namespace gfr
