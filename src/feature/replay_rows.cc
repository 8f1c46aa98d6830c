#include "feature/replay_rows.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace gfr {
namespace {

constexpr std::uint64_t kEntities = 1;  // The id of numbers that all shapes share.

// Two pointers over a range of whole entities, which both only move on: the row, and the first row that its window
// reaches. `reads` and `tiles` are the tile of the row's read and of its event. Each step moves one of the two, without
// a branch that could be foreseen wrongly, so that together they tell the number of steps.
struct Walk {
  std::uint32_t start, end, from;
  std::uint32_t Row(std::uint32_t step) const { return step + 2 * start - from; }
  void Step(std::uint32_t step, const std::int64_t* reads, const std::int64_t* tiles, std::int64_t window,
            std::uint32_t* first) {
    const std::uint32_t i = Row(step);
    first[i] = std::min(from, i);  // An event so late that its own window is past reaches beyond its row.
    from += reads[i] - tiles[from] >= window;
  }
};

}  // namespace

void ReplayMemo::Clear() { arrays_used_ = reaches_used_ = 0; }

std::byte* ReplayMemo::Bytes(std::uint64_t id, std::size_t bytes, bool* made) {
  for (std::size_t k = 0; k < arrays_used_; ++k) {
    *made = arrays_[k].id == id;
    if (*made) return reinterpret_cast<std::byte*>(arrays_[k].words.data());
  }
  if (arrays_used_ == arrays_.size()) arrays_.emplace_back();
  Array& array = arrays_[arrays_used_++];
  array.id = id;
  if (array.words.size() < (bytes + 7) / 8) array.words.resize((bytes + 7) / 8);
  return reinterpret_cast<std::byte*>(array.words.data());
}

const ReplayMemo::Reach& ReplayRows::ReachOf(const WindowShape& shape) const {
  for (std::size_t k = 0; k < memo->reaches_used_; ++k) {
    if (memo->reaches_[k].shape == shape) return memo->reaches_[k];
  }
  if (memo->reaches_used_ == memo->reaches_.size()) memo->reaches_.emplace_back();
  ReplayMemo::Reach& reach = memo->reaches_[memo->reaches_used_++];
  reach.shape = shape;
  reach.disordered.clear();
  const std::size_t n = size();
  if (reach.first.size() < n) reach.first.resize(n);
  std::uint32_t* const first = reach.first.data();
  if (memo->tiles_.size() < n + 1) memo->tiles_.resize(n + 1), memo->reads_.resize(n + 1);
  std::int64_t* const tiles = memo->tiles_.data();
  std::int64_t* const reads = time_ms == now_ms ? tiles : memo->reads_.data();
  // Tiles of different entities are further apart than any two of one.
  const std::int64_t* const entity = memo->Numbers<std::int64_t>(kEntities, n, [&](std::int64_t* of) {
    std::size_t i = 0;
    for (std::size_t e = 0; e < ends.size(); ++e)
      for (; i < ends[e]; ++i) of[i] = static_cast<std::int64_t>(e) << 33;
  });
  shape.TilesOf(time_ms, n, tiles);
  if (reads != tiles) shape.TilesOf(now_ms, n, reads);
  std::int64_t disorder = 0, before = 0;  // Below 0: some entity is. Tile 0 is no tile.
  for (std::size_t i = 0; i < n; ++i) disorder |= tiles[i] - 1, tiles[i] += entity[i];
  if (reads != tiles) {  // Else they are in the order of now_ms.
    for (std::size_t i = 0; i < n; ++i) reads[i] += entity[i], disorder |= reads[i] - tiles[i];
    for (std::size_t i = 1; i < n; ++i) disorder |= tiles[i] - tiles[i - 1];
  }
  for (std::uint32_t e = 0, i = 0; e < ends.size() && disorder < 0; ++e) {
    bool ordered = true;
    for (before = entity[i] + 1; i < ends[e]; before = tiles[i++])
      ordered &= tiles[i] >= before && tiles[i] <= reads[i];
    if (!ordered) reach.disordered.push_back(e);
  }
  tiles[n] = INT64_MAX;  // The first row that the last one reaches may be behind it.
  const std::int64_t window = shape.tiled() ? shape.tiles() : std::int64_t{1} << 32;

  std::array<Walk, 4> walks;
  std::size_t e = 0;
  for (std::size_t w = 0, start = 0; w < walks.size(); ++w) {
    while (e < ends.size() && ends[e] < n * (w + 1) / walks.size()) ++e;
    const std::uint32_t end = w + 1 == walks.size() || e == ends.size() ? static_cast<std::uint32_t>(n) : ends[e];
    walks[w] = {static_cast<std::uint32_t>(start), end, static_cast<std::uint32_t>(start)};
    start = end;
  }
  // Side by side, because a step waits for its own loads only.
  Walk a = walks[0], b = walks[1], c = walks[2], d = walks[3];
  std::uint32_t step = 0;
  const auto left = [&](const Walk& walk) { return walk.end - walk.Row(step); };
  while (const std::uint32_t steps = std::min(std::min(left(a), left(b)), std::min(left(c), left(d)))) {
    for (const std::uint32_t stop = step + steps; step < stop; ++step) {
      a.Step(step, reads, tiles, window, first);
      b.Step(step, reads, tiles, window, first);
      c.Step(step, reads, tiles, window, first);
      d.Step(step, reads, tiles, window, first);
    }
  }
  for (Walk* walk : {&a, &b, &c, &d}) {
    for (std::uint32_t k = step; walk->Row(k) < walk->end; ++k) walk->Step(k, reads, tiles, window, first);
  }
  for (const std::uint32_t disordered : reach.disordered) {
    const std::uint32_t begin = disordered == 0 ? 0 : ends[disordered - 1];
    std::fill(first + begin, first + ends[disordered], begin);
  }
  return reach;
}

// Row by row, as a stream and a request would: also what the tests hold the faster ones to.
void FeatureView::Replay(const ReplayRows& rows, std::byte* state, Column out) const noexcept {
  std::size_t i = 0;
  const std::byte* const one[1] = {state};
  for (const std::uint32_t end : rows.ends) {
    std::memset(state, 0, spec_.state_bytes);
    for (; i < end; ++i) {
      const EventLine line = rows.Line(i);
      if (rows.Reads(i)) {
        const Key item[1] = {line.item};
        Read({.now_ms = rows.now_ms[i],
              .epoch_end_ms = rows.now_ms[i],
              .items = item,
              .item_properties = line.item_properties.data(),
              .item_property_count = line.item_properties.size(),
              .user_properties = {},
              .supplied = false},
             {one}, {out.data + i * out.stride, 1});
      }
      Fold(line, state);
    }
  }
}

}  // namespace gfr
