// Window aggregates of one entity (feature/window.h says what a window covers):
//
//   count     events, or the sum of their weights
//   sum       of money, quantity or a number property; 0 of no event
//   mean      sum / events that have the value; missing without one
//   min, max  missing without one
// Money and properties are summed in hundredths, so that no order of additions changes a bit. T is now for user and
// session state, the epoch's end for shared state.
#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "feature/core_view.h"
#include "feature/window_config.h"

namespace gfr {
namespace {

struct SumIs {
  double scale;
  float operator()(std::int64_t total) const { return RowValue(static_cast<double>(total) / scale); }
  // Below 2^51 a whole number becomes the low bits of a double, which loops over columns can do side by side, where a
  // conversion of 64 bits cannot.
  void Each(const std::int64_t* totals, std::size_t size, float* values) const {
    constexpr double kHalfway = 6755399441055744.0;  // 2^52 + 2^51.
    constexpr std::int64_t kBits = std::bit_cast<std::int64_t>(kHalfway), kLimit = std::int64_t{1} << 51;
    std::uint64_t seen = 0;
    for (std::size_t k = 0; k < size; ++k) seen |= static_cast<std::uint64_t>(totals[k]) + kLimit;
    if (seen >> 52 != 0) {
      for (std::size_t k = 0; k < size; ++k) values[k] = (*this)(totals[k]);
      return;
    }
    for (std::size_t k = 0; k < size; ++k)
      values[k] = static_cast<float>((std::bit_cast<double>(totals[k] + kBits) - kHalfway) / scale);
  }
};

// The value of a greatest, or, with sign -1, of a least.
struct ExtremeOf {
  std::int64_t of_sign;
  double scale;
  float sign() const { return static_cast<float>(of_sign); }
  float operator()(std::uint64_t greatest) const {
    return greatest == 0 ? kMissing : RowValue(static_cast<double>(of_sign * GreatestOf::Decode(greatest)) / scale);
  }
};

// Input: bool(line, Value*): what a line adds, if anything. Output: float(Total). `input_id` tells inputs apart.
template <class Aggregate, class Input, class Output>
struct WindowCore {
  TileRing<Aggregate> ring;
  Input input;
  Output output;
  std::uint64_t input_id;

  void Fold(const EventLine& line, std::byte* state) const {
    typename Aggregate::Value value{};
    if (input(line, &value)) ring.Fold(ring.shape().TileOf(line.time_ms), value, state);
  }
  void Merge(const std::byte* from, std::byte* into) const { ring.Merge(from, into); }
  float Read(const std::byte* state, std::int64_t t_ms) const { return ReadAt(t_ms)(state); }
  auto ReadAt(std::int64_t t_ms) const {
    return [this, tile = ring.shape().TileOf(t_ms)](const std::byte* state) { return output(ring.Read(tile, state)); };
  }
  float Empty() const { return output(typename Aggregate::Total{}); }
  void Reset(std::byte* state) const { ring.Reset(state); }
  void Advance(std::int64_t t_ms, std::byte* state) const {
    if (ring.Newest(state) != 0) ring.Advance(ring.shape().TileOf(t_ms), state);
  }

  // Where an entity's rows are in the order of their tiles, as nearly all are, they are their own ring: from each row
  // the first one of its window is known, and the total is that of the rows between. Whole numbers, or the greatest:
  // the same value as the ring's. What does not depend on the window is made once for all views of an input. The other
  // entities take the ring.
  void Replay(const ReplayRows& rows, std::byte* state, Column out) const {
    const ReplayMemo::Reach& reach = rows.ReachOf(ring.shape());
    if constexpr (Aggregate::kInvertible) {
      ReadDifferences(rows, reach.first.data(), out);
    } else {
      ReadGreatest(rows, reach.first.data(), out);
    }
    for (const std::uint32_t e : reach.disordered)
      ReplayEntity(*this, rows, e == 0 ? 0 : rows.ends[e - 1], rows.ends[e], state, out);
  }

 private:
  static constexpr std::size_t kBlock = 64;

  // Differences of the running total before each row, which goes on through all entities.
  void ReadDifferences(const ReplayRows& rows, const std::uint32_t* first, Column out) const {
    using Running = typename Aggregate::Running;
    const std::size_t n = rows.size();
    const Running* const before = rows.memo->Numbers<Running>(input_id, n, [&](Running* to) {
      Running total{};
      for (std::size_t i = 0; i < n; ++i) {
        to[i] = total;
        typename Aggregate::Value value{};
        if (input(rows.Line(i), &value)) Aggregate::Join(value, total);
      }
    });
    std::array<Running, kBlock> totals;
    std::array<float, kBlock> values;
    for (std::size_t i = 0; i < n; i += kBlock) {
      const std::size_t size = std::min(kBlock, n - i);
      for (std::size_t k = 0; k < size; ++k) {
        totals[k] = before[i + k];
        totals[k] -= before[first[i + k]];
      }
      float* const to = out.stride == 1 ? out.data + i : values.data();
      if constexpr (requires { output.Each(totals.data(), size, to); }) {
        output.Each(totals.data(), size, to);
      } else {
        for (std::size_t k = 0; k < size; ++k) to[k] = output(totals[k]);
      }
      for (std::size_t k = 0; k < size && out.stride != 1; ++k) out[i + k] = values[k];
    }
  }

  // The greatest of each 1, 2, 4 ... rows up to a row (a sparse table: Bender and Farach-Colton 2000, section 3): any
  // run of rows is two of those. An output grows with what it is made of, or falls (Output::kSign), so it is taken of
  // each row once and compared instead.
  static constexpr unsigned kMostLevels = 12;
  void ReadGreatest(const ReplayRows& rows, const std::uint32_t* first, Column out) const {
    const std::size_t n = rows.size();
    std::uint32_t longest = 1, begin = 0;
    for (const std::uint32_t end : rows.ends) longest = std::max(longest, end - begin), begin = end;
    const unsigned top = std::min(kMostLevels, static_cast<unsigned>(std::bit_width(longest)) - 1);
    constexpr float kNone = -std::numeric_limits<float>::infinity();
    const std::size_t stride = n + 1;  // Each level begins with a row that is none.
    const float* const none = rows.memo->Numbers<float>(input_id, stride * (top + 2), [&](float* level) {
      std::fill_n(level, stride, kNone);
      level += stride;
      level[0] = kNone;
      for (std::size_t i = 0; i < n; ++i) {
        typename Aggregate::Value value{};
        level[1 + i] = input(rows.Line(i), &value) ? output.sign() * output(value) : kNone;
      }
      for (unsigned k = 1; k <= top; ++k, level += stride) {
        const std::size_t step = std::min(std::size_t{1} << (k - 1), stride);
        float* const next = level + stride;
        std::copy_n(level, step, next);
        for (std::size_t j = step; j < stride; ++j) next[j] = std::max(level[j], level[j - step]);
      }
    });
    const float* const levels = none + stride;
    struct Cover {  // Of so many rows: level[j] is of `step` rows, those up to j - 1.
      const float* level;
      std::uint32_t step;
    };
    const auto cover = [&](std::uint32_t length) {
      const unsigned k = std::min(static_cast<unsigned>(std::bit_width(length)) - 1, top);
      return Cover{levels + k * stride, 1u << k};
    };
    constexpr std::uint32_t kShort = 64;  // Two runs cover so few rows.
    static_assert(kShort <= 1u << kMostLevels);
    std::array<Cover, kShort> covers;
    covers[0] = {none, 0};
    for (std::uint32_t length = 1; length < kShort; ++length) covers[length] = cover(length);
    const float sign = output.sign();
    std::array<float, kBlock> greatest;
    for (std::size_t start = 0; start < n; start += kBlock) {
      const std::size_t size = std::min(kBlock, n - start);
      for (std::size_t k = 0; k < size; ++k) {
        const std::size_t i = start + k;
        const std::uint32_t from = first[i], length = static_cast<std::uint32_t>(i) - from;
        if (length < kShort) [[likely]] {
          const Cover c = covers[length];
          greatest[k] = std::max(c.level[i], c.level[from + c.step]);
          continue;
        }
        const Cover c = cover(length);
        float most = std::max(c.level[i], c.level[from + c.step]);
        for (std::uint32_t j = from + 2 * c.step; j < i; j += c.step) most = std::max(most, c.level[j]);
        greatest[k] = most;
      }
      float* const to = out.stride == 1 ? out.data + start : greatest.data();
      for (std::size_t k = 0; k < size; ++k) to[k] = greatest[k] == kNone ? kMissing : sign * greatest[k];
      for (std::size_t k = 0; k < size && out.stride != 1; ++k) out[start + k] = greatest[k];
    }
  }
};

template <class Aggregate, class Input, class Output>
MadeView Made(const FeatureConfig& f, const WindowShape& shape, Input input, Output output) {
  using Core = WindowCore<Aggregate, Input, Output>;
  std::string text = f.type + ";" + f.of + ";" + f.events.canonical;
  for (const std::uint16_t weight : f.weights) text += ";" + std::to_string(weight);
  Core core{TileRing<Aggregate>(shape), std::move(input), output, Hash64(text.data(), text.size())};
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
        SumIs{scale});
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
      ExtremeOf{sign, scale});
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

namespace {

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
      [](auto total) { return static_cast<float>(total); });
}

constexpr char kNoneHasIt[] = "no event in the window has the value";
constexpr FeatureRead kCountReads[] = {
    {nullptr, "scope events [kinds] [weights] [window] [tiles]", ScopeRule::kAny, PropertyRule::kNone, 0,
     "how many of the events there were, or the sum of their weights", "never: an entity without events has 0"}};
constexpr FeatureRead kSumReads[] = {
    {nullptr, "scope events of [kinds] [window] [tiles]", ScopeRule::kAny, PropertyRule::kNone, 0,
     "the sum of the events' money, quantity or number property", "never: an entity without events has 0"}};
constexpr FeatureRead kMeanReads[] = {{nullptr, "scope events of [kinds] [window] [tiles]", ScopeRule::kAny,
                                       PropertyRule::kNone, 0,
                                       "the mean of the events' money, quantity or number property", kNoneHasIt}};
constexpr FeatureRead kMinReads[] = {{nullptr, "scope events of [kinds] [window] [tiles]", ScopeRule::kAny,
                                      PropertyRule::kNone, 0,
                                      "the least of the events' money, quantity or number property", kNoneHasIt}};
constexpr FeatureRead kMaxReads[] = {{nullptr, "scope events of [kinds] [window] [tiles]", ScopeRule::kAny,
                                      PropertyRule::kNone, 0,
                                      "the greatest of the events' money, quantity or number property", kNoneHasIt}};
constexpr FeatureType kCountTypes[] = {{.name = "count", .make = MakeCountView, .reads = kCountReads},
                                       {.name = "sum", .make = MakeCountView, .reads = kSumReads},
                                       {.name = "mean", .make = MakeCountView, .reads = kMeanReads},
                                       {.name = "min", .make = MakeCountView, .reads = kMinReads},
                                       {.name = "max", .make = MakeCountView, .reads = kMaxReads}};

}  // namespace

std::span<const FeatureType> CountTypes() { return kCountTypes; }

}  // namespace gfr
