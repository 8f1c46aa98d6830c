// distinct: how many different items, or values of a category property, an entity's events were of.
//
// The state is the set of the `capacity` values seen last, each with the newest tile of its events: the value is
// min(distinct in the window, capacity), exactly (but for two values whose 32-bit keys agree: one in 4 billion pairs).
// Which ones are kept depends on the lines alone: the greatest by (tile, key); so parts of any split merge to equal
// bytes. A line dated ahead of T counts at once. Tiles and windows are those of feature/window.h.
#include <algorithm>

#include "feature/core_view.h"
#include "feature/window_config.h"

namespace gfr {
namespace {

struct DistinctCore {
  struct Entry {
    std::uint32_t tile, key;  // Tile 0: free, and all behind it.
    auto operator<=>(const Entry&) const = default;
  };
  EventFilter events;
  WindowShape shape;
  std::uint32_t capacity;
  int item_property;  // -1: items.

  // Entries go down by (tile, key).
  void Put(Entry entry, std::byte* state) const {
    Entry* const first = reinterpret_cast<Entry*>(state);
    Entry* end = first;
    while (end < first + capacity && end->tile != 0 && end->key != entry.key) ++end;
    if (end == first + capacity) --end;  // The least gives way.
    if (entry < *end) return;            // It is there with a newer tile, or older than all of a full set.
    for (; end > first && end[-1] < entry; --end) *end = end[-1];
    *end = entry;
  }
  void Fold(const EventLine& line, std::byte* state) const {
    if (!events.Counts(line)) return;
    const auto p = static_cast<std::size_t>(item_property);
    const Key key = item_property < 0                 ? line.item
                    : p < line.item_properties.size() ? line.item_properties[p].category
                                                      : 0;
    const std::uint32_t tile = shape.TileOf(line.time_ms);
    if (key != 0 && tile != 0) Put({tile, static_cast<std::uint32_t>(key >> 32)}, state);
  }
  void Merge(const std::byte* from, std::byte* into) const {
    const auto* entries = reinterpret_cast<const Entry*>(from);
    for (std::uint32_t k = 0; k < capacity && entries[k].tile != 0; ++k) Put(entries[k], into);
  }
  float Read(const std::byte* state, std::int64_t t_ms) const {
    const auto* entries = reinterpret_cast<const Entry*>(state);
    const std::uint32_t tile = shape.TileOf(t_ms), n = shape.tiled() ? shape.tiles() : 1;
    std::uint32_t count = 0;
    while (count < capacity && entries[count].tile != 0 && entries[count].tile + n > tile) ++count;
    return static_cast<float>(count);
  }
  float Empty() const { return 0.0f; }
  void Reset(std::byte* state) const { std::fill_n(reinterpret_cast<Entry*>(state), capacity, Entry{}); }
  void Advance(std::int64_t, std::byte*) const {}
};

MadeView MakeDistinctView(const FeatureConfig& f) {
  if (f.of != "item" && (f.of_property < 0 || !f.of_categorical)) {
    return Error{ErrorCode::kInvalidArgument,
                 "of is '" + f.of + "'; valid are item and the category properties of [item]"};
  }
  GFR_ASSIGN(const WindowShape shape, ShapeOf(f));
  DistinctCore core{f.events, shape, f.capacity, f.of == "item" ? -1 : f.of_property};
  return std::shared_ptr<const FeatureView>(std::make_shared<CoreView<DistinctCore>>(
      SpecOf(f, f.capacity * static_cast<std::uint32_t>(sizeof(DistinctCore::Entry))), std::move(core)));
}

constexpr FeatureRead kDistinctReads[] = {
    {nullptr, "scope events of [capacity] [kinds] [window] [tiles]", ScopeRule::kAny, PropertyRule::kNone, 0,
     "how many different items (or values of a category property), up to capacity",
     "never: an entity without events has 0"}};
constexpr FeatureType kDistinctTypes[] = {{.name = "distinct", .make = MakeDistinctView, .reads = kDistinctReads}};

}  // namespace

std::span<const FeatureType> DistinctTypes() { return kDistinctTypes; }

}  // namespace gfr
