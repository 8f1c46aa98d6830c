#include "score/row_ordinals.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <compare>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <span>

#include "score/binning.h"

namespace gfr {
namespace {

// A value as the engine's comparisons read it.
template <typename T, typename Value>
inline T Read(Value value) {
  const auto v = static_cast<T>(value);
  if constexpr (std::is_same_v<T, double>) return std::fabs(v) <= kLightgbmZero ? 0.0 : v;
  return v;
}

// Ordinals of infinities are neither 0 nor the greatest; NaN has none.
template <typename T>
inline typename RowOrdinals<T>::Ordinal OrdinalOf(T value) {
  using Ordinal = typename RowOrdinals<T>::Ordinal;
  constexpr int kSign = 8 * sizeof(Ordinal) - 1;
  const auto bits = std::bit_cast<Ordinal>(value + T{0});  // No -0.0.
  return bits ^
         ((Ordinal{0} - (bits >> kSign)) | Ordinal{1} << kSign);  // All bits turned where negative, else the sign.
}

// The ordinals of four sets, by their bits.
template <typename Ordinal>
constexpr std::array<std::array<Ordinal, 4>, 16> kOrdinalsOfBits = [] {
  std::array<std::array<Ordinal, 4>, 16> ordinals{};
  for (unsigned bits = 0; bits < 16; ++bits) {
    for (unsigned s = 0; s < 4; ++s) ordinals[bits][s] = bits >> s & 1;
  }
  return ordinals;
}();

}  // namespace

template <typename T>
class RowOrdinals<T>::Builder {
 public:
  Builder(const Forest& forest, std::vector<Split>& splits, RowOrdinals& to)
      : forest_(forest), splits_(splits), to_(to) {}

  void Build() {
    splits_.assign(forest_.feature.size(), {});
    std::map<std::uint32_t, std::vector<std::size_t>> categorical;  // Nodes by feature.
    std::set<std::uint32_t> features;
    for (std::size_t i = 0; i < splits_.size(); ++i) {
      if (forest_.feature[i] < 0) continue;
      const auto feature = static_cast<std::uint32_t>(forest_.feature[i]);
      if (forest_.category_set[i] >= 0) {
        categorical[feature].push_back(i);
      } else {
        features.insert(feature);
        to_.ways_[WayOf(i)] = true;
      }
    }
    to_.features_.assign(features.begin(), features.end());
    to_.all_features_ = features.empty() || *features.rbegin() + 1 == features.size();
    std::size_t first[4];
    for (std::size_t way = 0; way < 4; ++way) {
      first[way] = to_.count_;
      if (to_.ways_[way]) to_.count_ += features.size();
    }
    for (std::size_t i = 0; i < splits_.size(); ++i) {
      if (forest_.feature[i] < 0 || forest_.category_set[i] >= 0) continue;
      const auto place = std::ranges::lower_bound(to_.features_, static_cast<std::uint32_t>(forest_.feature[i])) -
                         to_.features_.begin();
      splits_[i] = {static_cast<std::uint32_t>(first[WayOf(i)] + static_cast<std::size_t>(place)),
                    OrdinalOf(static_cast<T>(forest_.value[i])) + (forest_.engine == Forest::Engine::kLightgbm)};
    }
    for (auto& [feature, nodes] : categorical) AddSets(feature, nodes);
  }

 private:
  std::size_t WayOf(std::size_t i) const {
    // LightGBM's splits that know of no missing values read NaN as zero.
    const bool left =
        forest_.missing[i] == Forest::Missing::kNone ? 0 <= forest_.value[i] : forest_.default_left[i] != 0;
    return (left ? kMissingLeft : 0) + (forest_.missing[i] == Forest::Missing::kZero ? kZeroMissing : 0);
  }

  std::span<const std::int32_t> SetOf(std::size_t i) const {
    const auto s = static_cast<std::size_t>(forest_.category_set[i]);
    const auto begin = static_cast<std::size_t>(forest_.set_begin[s]);
    return {forest_.categories.data() + begin, static_cast<std::size_t>(forest_.set_begin[s + 1]) - begin};
  }
  bool SetTakesMissing(std::size_t i) const {
    return forest_.engine == Forest::Engine::kXgboost && forest_.default_left[i] != 0;
  }
  std::strong_ordering CompareSets(std::size_t a, std::size_t b) const {
    const auto x = SetOf(a), y = SetOf(b);
    const auto order = std::lexicographical_compare_three_way(x.begin(), x.end(), y.begin(), y.end());
    return order != 0 ? order : SetTakesMissing(a) <=> SetTakesMissing(b);
  }

  // A run has a bit for each rank and set: sets that have few categories in common are given runs of their own, so that
  // memory stays in proportion to the sets.
  void AddSets(std::uint32_t feature, std::vector<std::size_t>& nodes) {
    std::ranges::sort(nodes, [&](std::size_t a, std::size_t b) { return CompareSets(a, b) < 0; });
    std::vector<std::size_t> sets;  // A node of each.
    std::set<std::int32_t> listed;
    std::size_t members = 0;
    const auto flush = [&] {
      AddRun(feature, sets, {listed.begin(), listed.end()});
      sets.clear();
      listed.clear();
      members = 0;
    };
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      if (n == 0 || CompareSets(nodes[n - 1], nodes[n]) != 0) {
        if (listed.size() * sets.size() > 256 * members + 8192) flush();
        const auto set = SetOf(nodes[n]);
        sets.push_back(nodes[n]);
        listed.insert(set.begin(), set.end());
        members += set.size();
      }
      splits_[nodes[n]] = {static_cast<std::uint32_t>(to_.count_ + sets.size() - 1), 1};
    }
    flush();
  }
  void AddRun(std::uint32_t feature, const std::vector<std::size_t>& sets, const std::vector<std::int32_t>& listed) {
    const SetRun run{.feature = feature,
                     .first = static_cast<std::uint32_t>(to_.count_),
                     .begin = to_.categories_.size(),
                     .listed = listed.size(),
                     .bits = to_.set_bits_.size(),
                     .rank_bytes = (sets.size() + 7) / 8};
    to_.categories_.insert(to_.categories_.end(), listed.begin(), listed.end());
    // XGBoost's members go right and all others left, LightGBM's the other way about; missing values right.
    const std::size_t missing = listed.size() + 1;
    to_.set_bits_.resize(run.bits + missing * run.rank_bytes, forest_.engine == Forest::Engine::kXgboost ? 0 : 0xff);
    to_.set_bits_.resize(to_.set_bits_.size() + run.rank_bytes, 0xff);
    for (std::size_t s = 0; s < sets.size(); ++s) {
      const auto flip = [&](std::size_t rank) {
        to_.set_bits_[run.bits + rank * run.rank_bytes + s / 8] ^= static_cast<std::uint8_t>(1u << (s % 8));
      };
      for (const std::int32_t member : SetOf(sets[s])) flip(RankOfCategory(listed, member));
      if (SetTakesMissing(sets[s])) flip(missing);
    }
    to_.count_ += sets.size();
    to_.sets_.push_back(run);
  }

  const Forest& forest_;
  std::vector<Split>& splits_;
  RowOrdinals& to_;
};

template <typename T>
RowOrdinals<T>::RowOrdinals(const Forest& forest, std::vector<Split>& splits) {
  Builder(forest, splits, *this).Build();
}

template <typename T>
std::size_t RowOrdinals<T>::memory_bytes() const {
  return features_.size() * 4 + sets_.size() * sizeof(SetRun) + categories_.size() * 4 + set_bits_.size();
}

template <typename T>
template <std::size_t kWay>
inline void RowOrdinals<T>::FillWay(const T* values, Ordinal*& ordinals) const {
  if (!ways_[kWay]) return;
  const std::size_t n = features_.size();
  for (std::size_t f = 0; f < n; ++f) {
    const T value = values[f];
    // All bits where it is missing.
    const Ordinal missing = Ordinal{0} - static_cast<Ordinal>((value != value) | (kWay & kZeroMissing && value == 0));
    ordinals[f] = kWay & kMissingLeft ? OrdinalOf(value) & ~missing : OrdinalOf(value) | missing;
  }
  ordinals += n;
}

template <typename T>
void RowOrdinals<T>::FillSets(const SetRun& run, T value, Ordinal* ordinals) const {
  constexpr auto kEngine = std::is_same_v<T, float> ? Forest::Engine::kXgboost : Forest::Engine::kLightgbm;
  std::size_t rank = run.listed + 1;  // Missing.
  if (value == value) {
    const std::span listed(categories_.data() + run.begin, run.listed);
    rank = RankOfCategory(listed, CategoryOf(kEngine, static_cast<double>(value)));
  }
  const std::uint8_t* bits = set_bits_.data() + run.bits + rank * run.rank_bytes;
  for (std::size_t b = 0; b < run.rank_bytes; ++b, ordinals += 8) {
    std::memcpy(ordinals, kOrdinalsOfBits<Ordinal>[bits[b] % 16].data(), 4 * sizeof(Ordinal));
    std::memcpy(ordinals + 4, kOrdinalsOfBits<Ordinal>[bits[b] / 16].data(), 4 * sizeof(Ordinal));
  }
}

template <typename T>
template <typename Value>
void RowOrdinals<T>::Fill(const Value* row, Ordinal* ordinals) const {
  const T* values = nullptr;
  if constexpr (std::is_same_v<T, float> && std::is_same_v<Value, float>) {
    if (all_features_) values = row;
  }
  if (!values) {
    T* gathered = reinterpret_cast<T*>(ordinals + count_ + 8);
    for (std::size_t f = 0; f < features_.size(); ++f) gathered[f] = Read<T>(row[features_[f]]);
    values = gathered;
  }
  Ordinal* next = ordinals;
  FillWay<0>(values, next);
  FillWay<1>(values, next);
  FillWay<2>(values, next);
  FillWay<3>(values, next);
  // Rising: what is written past the end of a run is overwritten by the next.
  for (const SetRun& run : sets_) FillSets(run, Read<T>(row[run.feature]), ordinals + run.first);
}

template class RowOrdinals<float>;
template class RowOrdinals<double>;
template void RowOrdinals<float>::Fill(const float*, std::uint32_t*) const;
template void RowOrdinals<float>::Fill(const double*, std::uint32_t*) const;
template void RowOrdinals<double>::Fill(const float*, std::uint64_t*) const;
template void RowOrdinals<double>::Fill(const double*, std::uint64_t*) const;

}  // namespace gfr
