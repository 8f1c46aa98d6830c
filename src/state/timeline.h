// Timeline: which writes readers may see, and which old ones nobody can see any more.
//
// One writer gives its writes a stamp (an int64 that never goes down: the log offset of user state, the epoch's end of
// shared state) and publishes them together. A reader pins the timeline and from then on sees all tables of it as of
// one bound, however far the writer goes on. Pinning never waits: it is one exchange on a slot of the reader's own and
// two loads. A pin that is held long keeps old versions in memory and does no other harm.
//
// Thread safety: Hold and published from any thread; Publish, SetExclusive, NoteWrite, NoteRestored and SafeBound from
// the writer's thread.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <limits>

namespace gfr {

class Timeline {
 public:
  static constexpr std::int64_t kNothing = std::numeric_limits<std::int64_t>::min();

 private:
  static constexpr std::int64_t kFree = std::numeric_limits<std::int64_t>::max();
  struct alignas(64) Slot {
    std::atomic<std::int64_t> bound{kFree};
  };

 public:
  // A reader's hold on one bound; released when destroyed. REQUIRES: the timeline outlives it.
  class Pin {
   public:
    Pin(Pin&& other) noexcept : slot_(other.slot_), bound_(other.bound_) { other.slot_ = nullptr; }
    Pin& operator=(Pin&&) = delete;
    ~Pin() {
      if (slot_ != nullptr) slot_->bound.store(kFree, std::memory_order_release);
    }
    std::int64_t bound() const noexcept { return bound_; }

   private:
    friend class Timeline;
    Pin(Slot* slot, std::int64_t bound) noexcept : slot_(slot), bound_(bound) {}
    Slot* slot_;
    std::int64_t bound_;
  };

  Timeline() = default;
  Timeline(const Timeline&) = delete;
  ~Timeline();

  // Sees everything published before the call. Allocates only when more than 256 pins are held for the first time.
  Pin Hold();

  std::int64_t published() const noexcept { return published_.load(std::memory_order_acquire); }

  // Makes every write so far visible to pins taken from now on. REQUIRES: stamp >= every stamp written, and >=
  // published.
  void Publish(std::int64_t stamp);

  // Exclusive: nobody reads (replay, restore), so writes go in place and nothing is kept. REQUIRES: no pin is held, now
  // or while it is on; leaving it, everything written is published with the greatest stamp.
  void SetExclusive(bool exclusive);
  bool exclusive() const noexcept { return exclusive_.load(std::memory_order_relaxed); }

  // For the tables: a write of `stamp` is about to be made.
  void NoteWrite(std::int64_t stamp) noexcept {
    assert(stamp >= written_ && (exclusive() || stamp > published_.load(std::memory_order_relaxed)));
    written_ = stamp;
  }
  // Likewise for a row that a snapshot brings, whose stamp was published before. REQUIRES: exclusive.
  void NoteRestored(std::int64_t stamp) noexcept {
    assert(exclusive());
    written_ = stamp > written_ ? stamp : written_;
  }
  // No pin, now or later, has a lower bound. Looks at the slots at most once a Publish.
  std::int64_t SafeBound();

 private:
  struct Block {
    std::array<Slot, 256> slots;
    std::atomic<Block*> next{nullptr};
  };

  std::int64_t LowestPin() const;  // kFree: there is none.

  alignas(64) std::atomic<std::int64_t> published_{kNothing};
  alignas(64) Block first_;
  std::atomic<bool> exclusive_{false};
  std::int64_t written_ = kNothing;
  std::int64_t safe_ = kNothing, safe_at_ = kNothing;  // SafeBound's last answer, and what was published then.
};

using Pin = Timeline::Pin;

}  // namespace gfr
