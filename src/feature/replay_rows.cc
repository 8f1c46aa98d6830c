#include "feature/replay_rows.h"

#include <cstring>

namespace gfr {

const std::uint32_t* ReplayRows::FirstInWindow(const WindowShape& shape) const {
  for (const Edges& made : edges) {
    if (made.shape == shape) return made.first.data();
  }
  std::vector<std::uint32_t>& first = edges.emplace_back(Edges{shape, {}}).first;
  first.resize(ends.empty() ? 0 : ends.back());
  std::vector<std::uint32_t> tile(first.size());  // Of the event's own time.
  std::uint32_t i = 0;
  for (const std::uint32_t end : ends) {
    const std::uint32_t begin = i;
    std::uint32_t from = begin, newest = 0;
    bool ordered = true;
    for (; i < end; ++i) {
      const std::uint32_t now = shape.TileOf(now_ms[i]);
      tile[i] = time_ms == now_ms ? now : shape.TileOf(time_ms[i]);
      ordered &= tile[i] >= newest && tile[i] <= now && tile[i] != 0;
      newest = tile[i];
      if (shape.tiled()) {
        while (from < i && now - tile[from] >= shape.tiles()) ++from;
      }
      first[i] = from;
    }
    if (!ordered && begin < end) first[begin] = kDisordered;
  }
  return first.data();
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
