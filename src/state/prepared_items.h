// PreparedItems: what of a feature row depends on the item alone, kept for one epoch of shared state.
//
// Within an epoch shared state and catalogue do not change, so an item's own columns (its counts, its category's, its
// attributes) are the same for every request. Who makes the lists of candidates puts those of the lists' first items
// here, and the first request that needs others puts those: by the item's dense id, in one run of cache lines. Rows of
// an epoch are written once and go with it; a request of an earlier epoch has none. Bounded: with more items than there
// is room for, those of equal remainders share a place, and the first in an epoch has it. Thread safety: from any
// thread. A request takes a lock once, to get its epoch; rows are found and put without one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/sync.h"
#include "state/versioned_table.h"

namespace gfr {

class PreparedItems {
 public:
  class Epoch {
   public:
    // Asks for the memory of a row that is looked at a little later.
    void Prefetch(std::uint32_t item) const noexcept;
    const float* Find(std::uint32_t item) const noexcept;  // Null: nobody has put it.
    void Put(std::uint32_t item, const float* values) noexcept;
    std::size_t memory_bytes() const noexcept { return row_bytes_ * rows_; }

   private:
    friend class PreparedItems;
    Epoch(std::int64_t end_ms, std::size_t columns, std::size_t row_bytes, std::uint32_t rows);
    struct Row {
      std::atomic<std::uint32_t> owner;  // Whose values lie behind it: 0 nobody's, kBeingPut, else 1 + the item.
      float* values() noexcept { return reinterpret_cast<float*>(this + 1); }
    };
    static constexpr std::uint32_t kBeingPut = 0xffffffffu;
    Row& At(std::uint32_t item) const noexcept { return *reinterpret_cast<Row*>(memory_[item % rows_]); }

    const std::int64_t end_ms_;
    const std::size_t columns_, row_bytes_;
    const std::uint32_t rows_;
    StableArray memory_;
  };

  // Rows of `columns` values; those of an epoch take at most `max_bytes`.
  PreparedItems(std::size_t columns, std::size_t max_bytes);
  // The rows of the epoch that ends then, when the catalogue has `items`; null for an epoch before the latest.
  std::shared_ptr<Epoch> At(std::int64_t epoch_end_ms, std::uint32_t items);
  // Of the latest epoch, and of the one before while somebody holds it.
  std::size_t memory_bytes();

 private:
  const std::size_t columns_, row_bytes_;
  const std::uint32_t max_rows_;
  Mutex mutex_;
  std::shared_ptr<Epoch> latest_;
  std::weak_ptr<Epoch> before_;
};

}  // namespace gfr
