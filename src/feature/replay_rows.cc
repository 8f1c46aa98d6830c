#include "feature/replay_rows.h"

#include <cstring>

namespace gfr {

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
