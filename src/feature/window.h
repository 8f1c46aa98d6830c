// Window: sums, rates and extremes of the last n tiles of event time, in a ring of tiles with a running total.
//
// A window W of n tiles (b = W / n) read at T covers the tiles floor(T/b)-(n-1) to floor(T/b) of event time: between
// W - b and W of it. The exact rules, which any order of folding obeys:
// - A line counts in the tile of its own event time, however late it is folded, while a read can still reach that tile:
//   its tile is not older than the newest tile seen minus `slots` - 1.
// - A line dated ahead of T in T's own tile counts at once: tiles cannot tell, and the log's order says it was known.
//   In a later tile it is kept and does not count until T gets there; meanwhile it takes nothing from the tiles that T
//   reaches, because the ring has room for 5 minutes ahead (kAheadMs, the most that the log accepts).
// - A read behind the newest tile by more than that sees those of its tiles that are still kept.
// - Times before 1970 and after 2105 count nowhere.
// The state is a function of the lines alone, not of their order: { Total total; u32 newest tile + 1; Tile slots[] },
// zero when new, slots out of reach zero. So parts of any split merge to equal bytes. Without a window there is one
// total and no slot.
//
// Cost: a line or a read in the newest tile is O(1); a step of the clock by d tiles costs min(d, slots). An extreme
// whose tile leaves is found anew from the tiles left. Source: 07 of the design; the running total is the usual
// subtract-on-evict of aggregates with an inverse (Tangwongsan et al. 2015, section 3).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gfr {

inline constexpr std::int64_t kAheadMs = 5 * 60 * 1000;  // How far ahead of arrival an event's own time may be.

// The geometry of a window, and tile numbers without a division. A tile number here is floor(t/b) + 1; 0 is no tile.
class WindowShape {
 public:
  WindowShape() = default;  // Since ever: every time is in tile 1.
  // REQUIRES: tiles > 0, window_ms a multiple of it, the tile between 1 s and 2^41 ms.
  WindowShape(std::int64_t window_ms, std::uint32_t tiles)
      : tile_ms_(window_ms / tiles),
        tiles_(tiles),
        slots_(tiles + static_cast<std::uint32_t>((kAheadMs + tile_ms_ - 1) / tile_ms_)),
        modulo_(~std::uint64_t{0} / slots_ + 1) {
    // floor(t/b) = t * ceil(2^k/b) >> k for t < 2^42 and k = 42 + ceil(log2 b) (Granlund and Montgomery 1994).
    while ((std::int64_t{1} << (shift_ - 42)) < tile_ms_) ++shift_;
    divide_ = static_cast<std::uint64_t>(
        ((static_cast<unsigned __int128>(1) << shift_) + static_cast<std::uint64_t>(tile_ms_) - 1) /
        static_cast<std::uint64_t>(tile_ms_));
  }
  bool operator==(const WindowShape&) const = default;
  bool tiled() const { return slots_ > 0; }
  std::int64_t tile_ms() const { return tile_ms_; }
  std::uint32_t tiles() const { return tiles_; }
  std::uint32_t slots() const { return slots_; }

  std::uint32_t TileOf(std::int64_t time_ms) const {
    if (!tiled()) return 1;
    if (static_cast<std::uint64_t>(time_ms) >= std::uint64_t{1} << 42) return 0;
    const auto number = static_cast<std::uint64_t>(
        static_cast<unsigned __int128>(static_cast<std::uint64_t>(time_ms)) * divide_ >> shift_);
    return number >= UINT32_MAX ? 0 : static_cast<std::uint32_t>(number) + 1;
  }
  // TileOf each of `size` times.
  void TilesOf(const std::int64_t* time_ms, std::size_t size, std::int64_t* tile) const;
  // tile mod slots (Lemire, Kaser and Kurz 2019).
  std::uint32_t SlotOf(std::uint32_t tile) const {
    return static_cast<std::uint32_t>(static_cast<unsigned __int128>(modulo_ * tile) * slots_ >> 64);
  }

 private:
  std::int64_t tile_ms_ = 0;
  std::uint32_t tiles_ = 0, slots_ = 0;
  std::uint64_t modulo_ = 0, divide_ = 0;
  unsigned shift_ = 42;
};

// What a tile holds. An aggregate has Value (one line's), Tile, Total; Add puts a value into either and Join a tile
// into either; Leave takes an expiring tile out of the total, or returns false when the total must be made anew.
template <class V, class T, class S, class R = S>
struct SumOf {
  using Value = V;
  using Tile = T;
  using Total = S;
  using Running = R;  // The total of a batch of rows.
  static constexpr bool kInvertible = true;
  template <class Into, class From>
  static void Join(const From& from, Into& into) {
    into += from;
  }
  static bool Leave(const Tile& tile, Total& total) {
    total -= tile;
    return true;
  }
};

using CountOf = SumOf<std::uint32_t, std::uint32_t, std::uint64_t, std::int32_t>;  // A tile holds up to 2^32 - 1.
using AmountOf = SumOf<std::int64_t, std::int64_t, std::int64_t>;

// Two sums that move together: clicks and impressions, a sum and its count.
template <class A, class B = A>
struct Both {
  A first = 0;
  B second = 0;
  template <class C, class D>
  Both& operator+=(const Both<C, D>& other) {
    first += other.first;
    second += other.second;
    return *this;
  }
  template <class C, class D>
  Both& operator-=(const Both<C, D>& other) {
    first -= other.first;
    second -= other.second;
    return *this;
  }
};
using RateOf = SumOf<Both<std::uint32_t>, Both<std::uint32_t>, Both<std::uint64_t>>;
using MeanOf = SumOf<Both<std::int64_t>, Both<std::int64_t>, Both<std::int64_t>>;

// The greatest value, as an unsigned number that keeps the order of int64 and is 0 for none; the least is the greatest
// of the negatives.
struct GreatestOf {
  using Value = std::uint64_t;
  using Tile = std::uint64_t;
  using Total = std::uint64_t;
  static constexpr bool kInvertible = false;
  static Value Encode(std::int64_t v) { return static_cast<std::uint64_t>(v) ^ std::uint64_t{1} << 63; }
  static std::int64_t Decode(Value v) { return static_cast<std::int64_t>(v ^ std::uint64_t{1} << 63); }
  static void Join(const std::uint64_t& from, std::uint64_t& into) { into = std::max(from, into); }
  static bool Leave(const Tile& tile, Total& total) { return tile == 0 || tile != total; }
};

template <class Aggregate>
class TileRing {
 public:
  using Value = typename Aggregate::Value;
  using Tile = typename Aggregate::Tile;
  using Total = typename Aggregate::Total;

  explicit TileRing(WindowShape shape) : shape_(shape) {}
  const WindowShape& shape() const { return shape_; }
  std::uint32_t state_bytes() const {
    return (kSlots + shape_.slots() * static_cast<std::uint32_t>(sizeof(Tile)) + 7) / 8 * 8;
  }

  // Adds a line's value in its tile.
  void Fold(std::uint32_t tile, const Value& value, std::byte* state) const {
    if (tile == 0) return;
    std::uint32_t newest = Newest(state);
    if (tile > newest) {
      Advance(tile, state);
      newest = tile;
    }
    const std::uint32_t age = newest - tile;
    if (shape_.tiled()) {
      if (age >= shape_.slots()) return;
      Aggregate::Join(value, Slots(state)[shape_.SlotOf(tile)]);
      if (age >= shape_.tiles()) return;
    }
    Aggregate::Join(value, TotalIn(state));
  }

  // The total of the window that ends with tile `now`.
  Total Read(std::uint32_t now, const std::byte* state) const {
    const std::uint32_t newest = Newest(state);
    if (now == newest || !shape_.tiled()) return TotalIn(state);
    const std::uint32_t tiles = shape_.tiles(), slots = shape_.slots();
    if (newest == 0 || now == 0) return Total{};
    if (now < newest) {  // Something is dated ahead.
      const std::uint32_t ahead = newest - now;
      return ahead >= slots ? Total{} : Sum(state, ahead, std::min(slots - ahead, tiles));
    }
    const std::uint32_t passed = now - newest;
    if (passed >= tiles) return Total{};
    if constexpr (Aggregate::kInvertible) {
      if (2 * passed <= tiles) {
        Total total = TotalIn(state);
        total -= Sum(state, tiles - passed, passed);  // Those that leave.
        return total;
      }
    }
    return Sum(state, 0, tiles - passed);
  }

  // Moves the window's end on to `tile`, which changes no value that is read from there on. Fold does it by itself;
  // replay does it before each read, so that a read is O(1) too.
  void Advance(std::uint32_t tile, std::byte* state) const {
    const std::uint32_t newest = Newest(state), slots = shape_.slots();
    if (tile <= newest) return;
    SetNewest(tile, state);
    if (!shape_.tiled()) return;
    const std::uint32_t passed = tile - newest;
    if (newest == 0 || passed >= slots) {
      TotalIn(state) = Total{};
      for (std::uint32_t s = 0; s < slots; ++s) Slots(state)[s] = Tile{};
      return;
    }
    std::uint32_t entering = shape_.SlotOf(newest), leaving = Back(entering, shape_.tiles() - 1);
    Total total = TotalIn(state);
    bool known = true;
    for (std::uint32_t k = 0; k < passed; ++k, leaving = Next(leaving)) {
      known &= Aggregate::Leave(Slots(state)[leaving], total);
      entering = Next(entering);
      Slots(state)[entering] = Tile{};
    }
    TotalIn(state) = known ? total : Sum(state, 0, shape_.tiles());
  }

  void Merge(const std::byte* from, std::byte* into) const {
    const std::uint32_t theirs = Newest(from);
    if (theirs == 0) return;
    Advance(theirs, into);
    if (!shape_.tiled()) return Aggregate::Join(TotalIn(from), TotalIn(into));
    const std::uint32_t newest = Newest(into), lag = newest - theirs;
    for (std::uint32_t k = 0; k < shape_.slots() && k + lag < shape_.slots() && k < theirs; ++k) {
      const std::uint32_t slot = shape_.SlotOf(theirs - k);
      Aggregate::Join(Slots(from)[slot], Slots(into)[slot]);
      if (k + lag < shape_.tiles()) Aggregate::Join(Slots(from)[slot], TotalIn(into));
    }
  }

  // Makes bytes that may hold anything a new state: a line that is folded into it clears its slots first.
  static void Reset(std::byte* state) {
    TotalIn(state) = Total{};
    SetNewest(0, state);
  }
  static std::uint32_t Newest(const std::byte* state) {
    return *reinterpret_cast<const std::uint32_t*>(state + sizeof(Total));
  }

 private:
  static_assert(sizeof(Total) % 8 == 0);
  static constexpr std::uint32_t kSlots = (sizeof(Total) + 4 + alignof(Tile) - 1) / alignof(Tile) * alignof(Tile);

  static Total& TotalIn(std::byte* state) { return *reinterpret_cast<Total*>(state); }
  static const Total& TotalIn(const std::byte* state) { return *reinterpret_cast<const Total*>(state); }
  static void SetNewest(std::uint32_t tile, std::byte* state) {
    *reinterpret_cast<std::uint32_t*>(state + sizeof(Total)) = tile;
  }
  static Tile* Slots(std::byte* state) { return reinterpret_cast<Tile*>(state + kSlots); }
  static const Tile* Slots(const std::byte* state) { return reinterpret_cast<const Tile*>(state + kSlots); }
  std::uint32_t Next(std::uint32_t slot) const { return slot + 1 == shape_.slots() ? 0 : slot + 1; }
  std::uint32_t Back(std::uint32_t slot, std::uint32_t by) const {  // REQUIRES: by < slots.
    return slot >= by ? slot - by : slot + shape_.slots() - by;
  }
  // Of `count` tiles, the last of which is the one `skipped` before the newest. REQUIRES: skipped + count <= slots.
  Total Sum(const std::byte* state, std::uint32_t skipped, std::uint32_t count) const {
    Total total{};
    if (count == 0) return total;
    const std::uint32_t first = Back(shape_.SlotOf(Newest(state)), skipped + count - 1),
                        straight = std::min(count, shape_.slots() - first);
    const Tile* const slots = Slots(state);
    for (std::uint32_t k = first; k < first + straight; ++k) Aggregate::Join(slots[k], total);
    for (std::uint32_t k = 0; k < count - straight; ++k) Aggregate::Join(slots[k], total);
    return total;
  }

  WindowShape shape_;
};

}  // namespace gfr
