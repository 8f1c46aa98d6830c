// Decay: N sums that halve every half-life, or each every half-life of its own, in 8 + 8 N bytes.
//
// A user's state is exact to the event: a line enters as of its own time, a late one already decayed by its lateness.
// Shared state is whole numbers until its epoch is sealed, so that any parts of an epoch merge to equal bytes; the seal
// decays the value to the epoch's end and adds the epoch's numbers undecayed. The state is { i64 at_ms; double[N] }, a
// delta { 0; i64[N] }; zero when new.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "feature/feature_view.h"

namespace gfr {

template <std::size_t N>
class Decay {
 public:
  static constexpr std::uint32_t kStateBytes = 8 + 8 * N;
  using Values = std::array<double, N>;

  explicit Decay(std::int64_t half_life_ms) { half_life_ms_.fill(static_cast<double>(half_life_ms)); }
  explicit Decay(const std::array<std::int64_t, N>& half_lives_ms) {
    for (std::size_t k = 0; k < N; ++k) half_life_ms_[k] = static_cast<double>(half_lives_ms[k]);
  }

  void Fold(std::int64_t time_ms, const std::int64_t (&amounts)[N], std::byte* bytes) const {
    State& s = *reinterpret_cast<State*>(bytes);
    const std::int64_t at = std::max(time_ms, s.at_ms);
    const Values old = s.at_ms == 0 ? Values{} : Over(at - s.at_ms), fresh = Over(at - time_ms);
    for (std::size_t k = 0; k < N; ++k) s.value[k] = s.value[k] * old[k] + static_cast<double>(amounts[k]) * fresh[k];
    s.at_ms = at;
  }
  // As of the later of the two; depends on the states only.
  void Merge(const std::byte* from_bytes, std::byte* into_bytes) const {
    const State& from = *reinterpret_cast<const State*>(from_bytes);
    State& into = *reinterpret_cast<State*>(into_bytes);
    if (from.at_ms == 0) return;
    if (into.at_ms == 0) {
      into = from;
      return;
    }
    const std::int64_t at = std::max(from.at_ms, into.at_ms);
    const Values theirs = Over(at - from.at_ms), ours = Over(at - into.at_ms);
    for (std::size_t k = 0; k < N; ++k) into.value[k] = into.value[k] * ours[k] + from.value[k] * theirs[k];
    into.at_ms = at;
  }

  // Shared scope: into a delta.
  void Count(const std::int64_t (&amounts)[N], std::byte* delta) const {
    for (std::size_t k = 0; k < N; ++k) reinterpret_cast<Delta*>(delta)->count[k] += amounts[k];
  }
  void MergeCounts(const std::byte* from, std::byte* into) const {
    Count(reinterpret_cast<const Delta*>(from)->count, into);
  }
  void Seal(const std::byte* delta, std::int64_t epoch_end_ms, std::byte* bytes) const {
    State& s = *reinterpret_cast<State*>(bytes);
    const Values old = s.at_ms == 0 ? Values{} : Over(epoch_end_ms - s.at_ms);
    for (std::size_t k = 0; k < N; ++k)
      s.value[k] = s.value[k] * old[k] + static_cast<double>(reinterpret_cast<const Delta*>(delta)->count[k]);
    s.at_ms = epoch_end_ms;
  }

  Values Read(const std::byte* bytes, std::int64_t t_ms) const {
    const State& s = *reinterpret_cast<const State*>(bytes);
    Values values = Over(std::max<std::int64_t>(0, t_ms - s.at_ms));
    for (std::size_t k = 0; k < N; ++k) values[k] = s.value[k] * values[k];
    return values;
  }
  void Reset(std::byte* bytes) const { *reinterpret_cast<State*>(bytes) = {}; }

 private:
  struct State {
    std::int64_t at_ms;
    double value[N];
  };
  struct Delta {
    std::int64_t zero;
    std::int64_t count[N];
  };
  // What is left of each after so long.
  Values Over(std::int64_t ms) const {
    Values left;
    for (std::size_t k = 0; k < N; ++k) {
      const bool same = k > 0 && half_life_ms_[k] == half_life_ms_[k - 1];
      left[k] = same ? left[k - 1] : Exp2(-static_cast<double>(ms) / half_life_ms_[k]);
    }
    return left;
  }
  std::array<double, N> half_life_ms_;
};

}  // namespace gfr
