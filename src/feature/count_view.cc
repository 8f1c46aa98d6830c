// Window aggregates of one entity (feature/window.h says what a window covers):
//
//   count     events, or the sum of their weights
//   sum       of money, quantity or a number property; 0 of no event
//   mean      sum / events that have the value; missing without one
//   min, max  missing without one
// Money and properties are summed in hundredths, so that no order of additions changes a bit. T is now for user and
// session state, the epoch's end for shared state.
#include <algorithm>

#include "feature/core_view.h"
#include "feature/window_config.h"

namespace gfr {
namespace {

// Input: bool(line, Value*): what a line adds, if anything. Output: float(Total).
template <class Aggregate, class Input, class Output>
struct WindowCore {
  TileRing<Aggregate> ring;
  Input input;
  Output output;

  void Fold(const EventLine& line, std::byte* state) const {
    typename Aggregate::Value value{};
    if (input(line, &value)) ring.Fold(ring.shape().TileOf(line.time_ms), value, state);
  }
  void Merge(const std::byte* from, std::byte* into) const { ring.Merge(from, into); }
  float Read(const std::byte* state, std::int64_t t_ms) const {
    return output(ring.Read(ring.shape().TileOf(t_ms), state));
  }
  float Empty() const { return output(typename Aggregate::Total{}); }
  void Reset(std::byte* state) const { ring.Reset(state); }
  void Advance(std::int64_t t_ms, std::byte* state) const {
    if (ring.Newest(state) != 0) ring.Advance(ring.shape().TileOf(t_ms), state);
  }

  // Where an entity's rows are in the order of their tiles, they are their own ring: the total of a window is the
  // running total less that at the window's first row, or, of an extreme, what is left when the leaving rows left.
  // Whole numbers: the same total as the ring's. Else the ring itself.
  void Replay(const ReplayRows& rows, std::byte* state, Column out) const {
    using Total = typename Aggregate::Total;
    if (rows.ends.empty()) return;
    const std::uint32_t* const first = rows.FirstInWindow(ring.shape());
    std::vector<Total> before(rows.ends.back());  // The running total at each row; of extremes, each row's value.
    std::uint32_t begin = 0;
    for (const std::uint32_t end : rows.ends) {
      if (begin == end) continue;
      if (first[begin] == ReplayRows::kDisordered) {
        ReplayEntity(*this, rows, begin, end, state, out);
      } else if constexpr (Aggregate::kInvertible) {
        Total total{};
        for (std::uint32_t i = begin; i < end; ++i) {
          before[i] = total;
          if (rows.Reads(i)) {
            Total in_window = total;
            in_window -= before[first[i]];
            out[i] = output(in_window);
          }
          typename Aggregate::Value value{};
          if (input(rows.Line(i), &value)) Aggregate::Join(value, total);
        }
      } else {
        Total total{};
        std::uint32_t from = begin;
        for (std::uint32_t i = begin; i < end; ++i) {
          bool known = true;
          for (; from < first[i]; ++from) known &= Aggregate::Leave(before[from], total);
          if (!known) {
            total = Total{};
            for (std::uint32_t k = from; k < i; ++k) Aggregate::Join(before[k], total);
          }
          if (rows.Reads(i)) out[i] = output(total);
          typename Aggregate::Value value{};
          if (input(rows.Line(i), &value)) Aggregate::Join(value, total);
          before[i] = value;
        }
      }
      begin = end;
    }
  }
};

template <class Aggregate, class Input, class Output>
MadeView Made(const FeatureConfig& f, const WindowShape& shape, Input input, Output output) {
  using Core = WindowCore<Aggregate, Input, Output>;
  Core core{TileRing<Aggregate>(shape), std::move(input), output};
  const std::uint32_t bytes = core.ring.state_bytes();
  return std::shared_ptr<const FeatureView>(std::make_shared<CoreView<Core>>(SpecOf(f, bytes), std::move(core)));
}

MadeView MakeAmountView(const FeatureConfig& f, const WindowShape& shape) {
  GFR_ASSIGN(const LineAmount amount, AmountOfConfig(f));
  const double scale = amount.scale();
  const EventFilter events = f.events;
  if (f.type == "sum") {
    return Made<AmountOf>(
        f, shape,
        [=](const EventLine& line, std::int64_t* value) {
          return events.Counts(line) && (*value = amount(line)) != kNoMoney;
        },
        [=](std::int64_t total) { return RowValue(static_cast<double>(total) / scale); });
  }
  if (f.type == "mean") {
    return Made<MeanOf>(
        f, shape,
        [=](const EventLine& line, Both<std::int64_t>* value) {
          *value = {events.Counts(line) ? amount(line) : kNoMoney, 1};
          return value->first != kNoMoney;
        },
        [=](const Both<std::int64_t>& total) {
          return total.second == 0
                     ? kMissing
                     : RowValue(static_cast<double>(total.first) / (static_cast<double>(total.second) * scale));
        });
  }
  const std::int64_t sign = f.type == "min" ? -1 : 1;
  return Made<GreatestOf>(
      f, shape,
      [=](const EventLine& line, std::uint64_t* value) {
        const std::int64_t v = events.Counts(line) ? amount(line) : kNoMoney;
        if (v == kNoMoney) return false;
        *value = GreatestOf::Encode(sign * v);
        return true;
      },
      [=](std::uint64_t greatest) {
        return greatest == 0 ? kMissing : RowValue(static_cast<double>(sign * GreatestOf::Decode(greatest)) / scale);
      });
}

}  // namespace

Result<WindowShape> ShapeOf(const FeatureConfig& f) {
  if (f.window_ms == 0) return WindowShape();
  if (f.window_ms % f.tiles != 0) {
    return Error{ErrorCode::kInvalidArgument, "window of " + std::to_string(f.window_ms) + " ms does not divide into " +
                                                  std::to_string(f.tiles) + " tiles of whole milliseconds"};
  }
  if (f.window_ms / f.tiles < 1000 || f.window_ms / f.tiles > std::int64_t{1} << 41) {
    return Error{ErrorCode::kInvalidArgument, "a tile of " + std::to_string(f.window_ms / f.tiles) +
                                                  " ms (window / tiles) is outside of 1 s to 69 years"};
  }
  return WindowShape(f.window_ms, f.tiles);
}

Result<LineAmount> AmountOfConfig(const FeatureConfig& f) {
  if (f.of == "money" || f.of.empty()) return LineAmount{LineAmount::Of::kMoney, -1};
  if (f.of == "quantity") return LineAmount{LineAmount::Of::kQuantity, -1};
  if (f.of_property >= 0 && !f.of_categorical) return LineAmount{LineAmount::Of::kProperty, f.of_property};
  return Error{ErrorCode::kInvalidArgument,
               "of is '" + f.of + "'; valid are money, quantity and the number properties of [item]"};
}

std::array<std::int32_t, kEventTypes> WeightsOf(const FeatureConfig& f) {
  std::array<std::int32_t, kEventTypes> weights;
  weights.fill(1);
  std::copy(f.weights.begin(), f.weights.end(), weights.begin());
  return weights;
}

MadeView MakeCountView(const FeatureConfig& f) {
  GFR_ASSIGN(const WindowShape shape, ShapeOf(f));
  if (f.type != "count") return MakeAmountView(f, shape);
  const EventFilter events = f.events;
  if (!f.weights.empty()) {
    const auto weights = WeightsOf(f);
    return Made<AmountOf>(
        f, shape,
        [=](const EventLine& line, std::int64_t* value) {
          *value = weights[static_cast<std::size_t>(line.type)];
          return events.Counts(line);
        },
        [](std::int64_t total) { return static_cast<float>(total); });
  }
  return Made<CountOf>(
      f, shape,
      [=](const EventLine& line, std::uint32_t* value) {
        *value = 1;
        return events.Counts(line);
      },
      [](std::uint64_t total) { return static_cast<float>(total); });
}

}  // namespace gfr
