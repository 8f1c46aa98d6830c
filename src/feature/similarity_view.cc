// Similarity: the cosine of the candidate's vector (an embedding made elsewhere) to what the user touched.
//
//   read = mean      to the mean of the vectors touched, each halving every half_life
//   read = max_last  the greatest, over the last `capacity` different items touched
// A vector that is missing, zero or not finite is none: it is not touched, and a candidate with it has no similarity.
// Nor has one when nothing was touched, or when the mean is zero.
//
// State: mean keeps the decayed sum (whose direction is the mean's) in doubles, in log order; a late event enters
// undecayed. max_last keeps the vectors as they were when touched, newest first; an item touched again moves to the
// front. Merge: mean: both decayed to the later instant and added: to rounding, that of the whole history. max_last:
// the `capacity` latest by event time, ties by key; an item of both keeps its later vector. Symmetric.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "feature/feature_types.h"

namespace gfr {
namespace {

// Eight sums in turn, added in pairs: one fixed order, without a chain of additions as long as the vector.
template <typename A, typename B>
double Dot(const A* a, const B* b, std::size_t size) noexcept {
  double sums[8] = {};
  std::size_t k = 0;
  for (; k + 8 <= size; k += 8) {
    for (std::size_t j = 0; j < 8; ++j) sums[j] += static_cast<double>(a[k + j]) * static_cast<double>(b[k + j]);
  }
  for (std::size_t j = 0; k < size; ++k, ++j) sums[j] += static_cast<double>(a[k]) * static_cast<double>(b[k]);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

class SimilarityView : public FeatureView {
 public:
  SimilarityView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)), events_(f.events), offset_(f.vector_offset), size_(f.vector_size) {}

 protected:
  // The vector of this view, or null.
  const float* Of(const float* vectors) const noexcept {
    if (!vectors) return nullptr;
    const double squares = Dot(vectors + offset_, vectors + offset_, size_);
    return squares > 0 && std::isfinite(squares) ? vectors + offset_ : nullptr;
  }
  const float* Of(const ReadContext& c, std::size_t i) const noexcept {
    return c.item_vectors ? Of(c.item_vectors[i]) : nullptr;
  }
  template <typename A>
  static double Cosine(const A* a, const float* b, std::size_t size) noexcept {
    return Dot(a, b, size) / (std::sqrt(Dot(a, a, size)) * std::sqrt(Dot(b, b, size)));
  }
  const EventFilter events_;
  const std::uint32_t offset_, size_;
};

class MeanView final : public SimilarityView {
 public:
  MeanView(FeatureSpec spec, const FeatureConfig& f)
      : SimilarityView(std::move(spec), f), half_life_ms_(static_cast<double>(f.half_life_ms)) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0 || !events_.Counts(line)) return;
    const float* vector = Of(line.item_vectors);
    if (!vector) return;
    DecayTo(std::max(line.time_ms, AtOf(state)), state);
    double* sum = SumOf(state);
    for (std::uint32_t k = 0; k < size_; ++k) sum[k] += static_cast<double>(vector[k]);
  }
  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    const std::int64_t from_at = *reinterpret_cast<const std::int64_t*>(from);
    if (from_at == 0) return;
    const std::int64_t at = std::max(from_at, AtOf(into));
    DecayTo(at, into);
    const double decay = Exp2(-static_cast<double>(at - from_at) / half_life_ms_);
    const auto* other = reinterpret_cast<const double*>(from + sizeof(std::int64_t));
    for (std::uint32_t k = 0; k < size_; ++k) SumOf(into)[k] += other[k] * decay;
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = kMissing;
      const float* vector = states.rows[i] ? Of(c, i) : nullptr;
      if (!vector) continue;
      const auto* sum = reinterpret_cast<const double*>(states.rows[i] + sizeof(std::int64_t));
      if (*reinterpret_cast<const std::int64_t*>(states.rows[i]) != 0) out[i] = RowValue(Cosine(sum, vector, size_));
    }
  }

 private:
  static std::int64_t& AtOf(std::byte* state) noexcept { return *reinterpret_cast<std::int64_t*>(state); }
  static double* SumOf(std::byte* state) noexcept { return reinterpret_cast<double*>(state + sizeof(std::int64_t)); }
  void DecayTo(std::int64_t at_ms, std::byte* state) const noexcept {
    std::int64_t& at = AtOf(state);
    if (at != 0 && at_ms > at) {
      const double decay = Exp2(-static_cast<double>(at_ms - at) / half_life_ms_);
      for (std::uint32_t k = 0; k < size_; ++k) SumOf(state)[k] *= decay;
    }
    at = at_ms;
  }
  const double half_life_ms_;
};

class MaxLastView final : public SimilarityView {
 public:
  struct Touch {
    Key item;  // 0: empty. The vector lies behind.
    std::int64_t time_ms;
  };
  MaxLastView(FeatureSpec spec, const FeatureConfig& f)
      : SimilarityView(std::move(spec), f), capacity_(f.capacity), stride_(StrideOf(f)) {}
  static std::size_t StrideOf(const FeatureConfig& f) { return sizeof(Touch) + (f.vector_size + 1) / 2 * 8; }

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0 || !events_.Counts(line)) return;
    const float* vector = Of(line.item_vectors);
    if (!vector) return;
    std::uint32_t slot = 0;
    while (slot + 1 < capacity_ && At(state, slot).item != 0 && At(state, slot).item != line.item) ++slot;
    const bool again = At(state, slot).item == line.item;
    const Touch touch{line.item, again ? std::max(line.time_ms, At(state, slot).time_ms) : line.time_ms};
    std::memmove(state + stride_, state, slot * stride_);
    std::memcpy(state, &touch, sizeof(Touch));
    std::memcpy(state + sizeof(Touch), vector, size_ * sizeof(float));
  }
  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    for (std::uint32_t k = 0; k < capacity_ && At(from, k).item != 0; ++k) Insert(from + k * stride_, into);
    // Those of `into` alone are in log order yet: by time like the rest.
    for (std::uint32_t k = 1; k < capacity_ && At(into, k).item != 0; ++k) {
      for (std::uint32_t j = k; j > 0 && Later(At(into, j), At(into, j - 1)); --j)
        std::swap_ranges(into + j * stride_, into + (j + 1) * stride_, into + (j - 1) * stride_);
    }
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = kMissing;
      const float* vector = states.rows[i] ? Of(c, i) : nullptr;
      for (std::uint32_t k = 0; vector && k < capacity_ && At(states.rows[i], k).item != 0; ++k) {
        const auto* touched = reinterpret_cast<const float*>(states.rows[i] + k * stride_ + sizeof(Touch));
        const float cosine = RowValue(Cosine(touched, vector, size_));
        if (k == 0 || cosine > out[i]) out[i] = cosine;
      }
    }
  }

 private:
  const Touch& At(const std::byte* state, std::uint32_t slot) const noexcept {
    return *reinterpret_cast<const Touch*>(state + slot * stride_);
  }
  static bool Later(const Touch& a, const Touch& b) noexcept {
    return a.time_ms != b.time_ms ? a.time_ms > b.time_ms : a.item < b.item;
  }
  // Takes the touch at `from` in: over the same item's earlier one, else into an empty place, else over the earliest.
  void Insert(const std::byte* from, std::byte* into) const noexcept {
    const Touch& touch = *reinterpret_cast<const Touch*>(from);
    std::uint32_t slot = capacity_, earliest = 0;
    for (std::uint32_t k = 0; k < capacity_; ++k) {
      if (At(into, k).item == touch.item || At(into, k).item == 0) {
        slot = k;
        break;
      }
      if (Later(At(into, earliest), At(into, k))) earliest = k;
    }
    if (slot == capacity_) slot = earliest;
    const Touch& old = At(into, slot);
    const int order =
        old.item != touch.item || old.time_ms != touch.time_ms
            ? 0
            : std::memcmp(from + sizeof(Touch), into + slot * stride_ + sizeof(Touch), size_ * sizeof(float));
    if (old.item == 0 || Later(touch, old) || order > 0) std::memcpy(into + slot * stride_, from, stride_);
  }
  const std::uint32_t capacity_;
  const std::size_t stride_;
};

MadeView MakeSimilarityView(const FeatureConfig& f) {
  if (f.read == "mean")
    return std::shared_ptr<const FeatureView>(std::make_shared<MeanView>(
        SpecOf(f, static_cast<std::uint32_t>(sizeof(std::int64_t) + f.vector_size * sizeof(double))), f));
  const std::size_t bytes = f.capacity * MaxLastView::StrideOf(f);
  return std::shared_ptr<const FeatureView>(
      std::make_shared<MaxLastView>(SpecOf(f, static_cast<std::uint32_t>(bytes)), f));
}

constexpr char kNoVector[] = "the candidate has no vector (or only zeros), or no item with one was touched";
constexpr FeatureRead kSimilarityReads[] = {
    {"mean", "property scope events [kinds] half_life", ScopeRule::kUserOrSession, PropertyRule::kItemVector, 0,
     "cosine of the candidate's vector to the decayed mean of those the user touched", kNoVector},
    {"max_last", "property scope events [kinds] [capacity]", ScopeRule::kUserOrSession, PropertyRule::kItemVector, 1,
     "the greatest cosine of the candidate's vector to one of the last items touched", kNoVector}};
constexpr FeatureType kSimilarityTypes[] = {
    {.name = "similarity", .make = MakeSimilarityView, .reads = kSimilarityReads}};

}  // namespace

std::span<const FeatureType> SimilarityTypes() { return kSimilarityTypes; }

}  // namespace gfr
