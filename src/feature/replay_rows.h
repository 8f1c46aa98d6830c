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

  // Of each row, the first row of its entity that its window still reaches; made once a shape and shared by the views
  // of that shape. At an entity's first row kDisordered: tiles of the entity's own times go back, or lie ahead of the
  // read of a later row, and only a ring tells. Not thread-safe.
  static constexpr std::uint32_t kDisordered = ~0u;
  const std::uint32_t* FirstInWindow(const WindowShape& shape) const;

  bool Reads(std::size_t i) const { return !reads || reads[i] != 0; }
  EventLine Line(std::size_t i) const {
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

  struct Edges {
    WindowShape shape;
    std::vector<std::uint32_t> first;
  };
  mutable std::deque<Edges> edges = {};  // What FirstInWindow made.
};

}  // namespace gfr
