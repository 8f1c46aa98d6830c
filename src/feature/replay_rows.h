// ReplayRows: events of many entities, each entity's one after another in log order, as columns: what a view replays in
// one call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "feature/feature_view.h"
#include "feature/window.h"

namespace gfr {

// What views work out of one batch of rows and share: made once, then read. Its memory stays when it is cleared.
// Not thread-safe.
class ReplayMemo {
 public:
  // Of a window shape, per row: the first row of its entity that its window still reaches. Of an entity in `disordered`
  // (by number) that says nothing: tiles of its own times go back, or lie ahead of the read of a later row, and only a
  // ring tells.
  struct Reach {
    WindowShape shape;
    std::vector<std::uint32_t> first, disordered;
  };

  void Clear();
  // `size` numbers under an id: those that `fill(T*)` writes, called when they are not there.
  template <class T, class Fill>
  const T* Numbers(std::uint64_t id, std::size_t size, Fill&& fill) {
    bool made = false;
    std::byte* const bytes = Bytes(id, size * sizeof(T), &made);
    T* const numbers = reinterpret_cast<T*>(bytes);
    if (!made) fill(numbers);
    return numbers;
  }

 private:
  friend struct ReplayRows;
  struct Array {
    std::uint64_t id;
    std::vector<std::uint64_t> words;
  };
  std::byte* Bytes(std::uint64_t id, std::size_t bytes, bool* made);
  // deques: what was given out stays where it is. The first `used` are of these rows.
  std::deque<Array> arrays_;
  std::deque<Reach> reaches_;
  std::size_t arrays_used_ = 0, reaches_used_ = 0;
  std::vector<std::int64_t> reads_, tiles_, entities_;
};

// Columns of `ends.back()` rows. A null column is its default: kind, item and surface 0, money none, quantity 1, no
// properties, every row reads. Type 0 is a row that only reads.
struct ReplayRows {
  std::span<const std::uint32_t> ends;  // Entity e has the rows from ends[e - 1] (0 at first) to ends[e].
  const std::int64_t* now_ms;           // When the row reads; never goes back within an entity.
  const std::int64_t* time_ms;          // The event's own time.
  const std::uint8_t* type;             // EventType.
  const std::uint8_t* reads = nullptr;  // 0: the row only folds.
  const Key* kind = nullptr;
  const Key* item = nullptr;
  const std::int64_t* money_minor = nullptr;
  const std::int32_t* quantity = nullptr;
  const PropertyValue* item_properties = nullptr;  // Rows x item_property_count.
  std::size_t item_property_count = 0;
  ReplayMemo* memo = nullptr;  // REQUIRED; of these rows alone.

  std::size_t size() const { return ends.empty() ? 0 : ends.back(); }
  bool Reads(std::size_t i) const { return !reads || reads[i] != 0; }
  [[gnu::always_inline]] EventLine Line(std::size_t i) const {  // A loop takes what it needs of it.
    return {.type = static_cast<EventType>(type[i]),
            .kind = kind ? kind[i] : 0,
            .item = item ? item[i] : 0,
            .time_ms = time_ms[i],
            .index = -1,
            .step = type[i] != static_cast<std::uint8_t>(EventType::kFeedImpression),
            .item_properties = item_properties
                                   ? std::span(item_properties + i * item_property_count, item_property_count)
                                   : std::span<const PropertyValue>(),
            .quantity = quantity ? quantity[i] : 1,
            .money_minor = money_minor ? money_minor[i] : kNoMoney};
  }
  const ReplayMemo::Reach& ReachOf(const WindowShape& shape) const;
};

}  // namespace gfr
