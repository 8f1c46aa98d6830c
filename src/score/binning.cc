#include "score/binning.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "score/scorer.h"

namespace gfr {
namespace {

constexpr unsigned kMaxBits = 20;
constexpr std::size_t kMaxRanks = std::size_t{1} << kMaxBits;
constexpr std::size_t kBlock = 64;  // Rows that are turned into columns at a time: they stay in the nearest cache.
constexpr std::size_t kColumn = kBlock + 16;  // A power of two apart, columns would fall on a few lines of it.

double CutOf(Forest::Engine engine, double threshold) {
  const double cut = engine == Forest::Engine::kXgboost ? threshold : std::nextafter(threshold, INFINITY);
  return cut == 0 ? 0.0 : cut;  // Of -0.0.
}

// The least float that is not below: value < cut, for a float value, is value < this.
float FloatCut(double cut) {
  const auto near = static_cast<float>(cut);
  return static_cast<double>(near) < cut ? std::nextafter(near, INFINITY) : near;
}

unsigned BitsFor(std::size_t ranks) { return static_cast<unsigned>(std::bit_width(ranks - 1)); }

// Level t holds the pivots between which the search decides after t steps.
std::vector<float> FloatTable(const std::vector<double>& cuts, unsigned bits) {
  std::vector<float> table(std::max<std::size_t>(LevelOffset(bits), 80) + 64, INFINITY);
  for (unsigned t = 0; t < bits; ++t) {
    const std::size_t half = std::size_t{1} << (bits - 1 - t);
    for (std::size_t j = 0; j < std::size_t{1} << t; ++j) {
      const std::size_t at = 2 * half * j + half - 1;
      if (at < cuts.size()) table[LevelOffset(t) + j] = FloatCut(cuts[at]);
    }
  }
  if (bits >= kMinPairedLevels && bits <= kMaxPairedLevels) {
    table.resize(LevelOffset(bits));
    for (std::size_t j = 0; j < std::size_t{1} << (bits - 2); ++j)
      table.insert(table.end(), {table[LevelOffset(bits - 1) + 2 * j], table[LevelOffset(bits - 2) + j],
                                 table[LevelOffset(bits - 1) + 2 * j + 1], INFINITY});
    table.resize(table.size() + 64, INFINITY);
  }
  return table;
}

template <typename T>
void MakeSet(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::ranges::unique(values).begin(), values.end());
}

Error TooManyCuts(const Binning::Column& column) {
  return {ErrorCode::kResourceExhausted, "column " + std::to_string(column.feature) + " has more than 2^20 " +
                                             (column.categorical ? "categories" : "cut points")};
}

std::uint32_t RankIn(const Binning::Column& column, std::int32_t category) {
  if (column.rank_of.empty()) return RankOfCategory(column.categories, category);
  const auto at = static_cast<std::uint32_t>(category);  // -1 becomes the greatest.
  return at < column.rank_of.size() ? column.rank_of[at] : 0;
}

}  // namespace

std::int32_t CategoryOf(Forest::Engine engine, double value) {
  if (engine == Forest::Engine::kXgboost) return value >= 0 && value < 16777216 ? static_cast<std::int32_t>(value) : -1;
  return value > -1 && value < 2147483648.0 ? static_cast<std::int32_t>(value) : -1;
}

std::uint32_t RankOfCategory(std::span<const std::int32_t> listed, std::int32_t category) {
  const auto found = std::ranges::lower_bound(listed, category);
  return found == listed.end() || *found != category ? 0 : static_cast<std::uint32_t>(found - listed.begin()) + 1;
}

Result<std::shared_ptr<const Binning>> Binning::Make(std::span<const Forest* const> forests) {
  auto binning = std::make_shared<Binning>();
  std::size_t features = 0;
  for (const Forest* forest : forests) {
    if (forest->engine != forests[0]->engine)
      return Error{ErrorCode::kInvalidArgument, "forests of XGBoost and LightGBM cannot share their cut points"};
    features = std::max(features, static_cast<std::size_t>(forest->columns));
  }
  binning->engine_ = forests.empty() ? Forest::Engine::kXgboost : forests[0]->engine;
  binning->numeric_of_.assign(features, -1);
  binning->categorical_of_.assign(features, -1);
  for (const Forest* forest : forests) {
    for (std::size_t i = 0; i < forest->feature.size(); ++i) {
      const std::int32_t feature = forest->feature[i];
      if (feature < 0) continue;
      const std::int32_t set = forest->category_set[i];
      std::int32_t& at =
          (set >= 0 ? binning->categorical_of_ : binning->numeric_of_)[static_cast<std::size_t>(feature)];
      if (at < 0) {
        at = static_cast<std::int32_t>(binning->columns_.size());
        binning->columns_.push_back({.feature = feature, .categorical = set >= 0});
      }
      Column& column = binning->columns_[static_cast<std::size_t>(at)];
      if (set >= 0) {
        column.categories.insert(column.categories.end(), forest->categories.begin() + forest->set_begin[set],
                                 forest->categories.begin() + forest->set_begin[set + 1]);
        if (column.categories.size() > std::size_t{1} << 22) {  // Keeps memory near the number of different ones.
          MakeSet(column.categories);
          if (column.categories.size() >= kMaxRanks) return TooManyCuts(column);  // Before each set sorts them again.
        }
        continue;
      }
      // LightGBM's "value <= infinity" tells missing values from all others, and is no cut.
      const bool all = forest->engine == Forest::Engine::kLightgbm && forest->value[i] == INFINITY;
      if (!all) column.cuts.push_back(CutOf(forest->engine, forest->value[i]));
      column.wants_missing =
          column.wants_missing || forest->default_left[i] || all || forest->missing[i] != Forest::Missing::kNan;
      if (forest->missing[i] == Forest::Missing::kZero) column.zero_rank = 0;
    }
  }
  for (Column& column : binning->columns_) {
    if (column.zero_rank == 0) {  // Zero alone lies between these.
      column.cuts.push_back(0.0);
      column.cuts.push_back(std::numeric_limits<double>::denorm_min());
    }
    MakeSet(column.cuts);
    MakeSet(column.categories);
    if (column.zero_rank == 0)
      column.zero_rank = static_cast<std::int32_t>(std::ranges::upper_bound(column.cuts, 0.0) - column.cuts.begin());
    column.bits = BitsFor(column.categorical ? column.categories.size() + 2 : column.cuts.size() + 1);
    if (column.bits > kMaxBits) return TooManyCuts(column);
    if (!column.categorical) column.float_table = FloatTable(column.cuts, column.bits);
    const std::size_t listed = column.categories.size();
    if (listed > 0 && static_cast<std::size_t>(column.categories.back()) < 16 * listed + 4096) {
      column.rank_of.resize(static_cast<std::size_t>(column.categories.back()) + 1);
      for (std::size_t k = 0; k < listed; ++k)
        column.rank_of[static_cast<std::size_t>(column.categories[k])] = static_cast<std::uint32_t>(k) + 1;
    }
    column.rank_row = binning->plane_rows_;
    binning->plane_rows_ += column.bits;
    if (column.wants_missing) column.missing_row = static_cast<std::int32_t>(binning->plane_rows_++);
  }
  return std::shared_ptr<const Binning>(std::move(binning));
}

std::size_t Binning::ColumnOf(std::int32_t feature, bool categorical) const {
  return static_cast<std::size_t>((categorical ? categorical_of_ : numeric_of_)[static_cast<std::size_t>(feature)]);
}

std::uint32_t Binning::IndexOf(const Column& column, double threshold) const {
  return static_cast<std::uint32_t>(std::ranges::lower_bound(column.cuts, CutOf(engine_, threshold)) -
                                    column.cuts.begin());
}

std::size_t Binning::cut_points() const {
  std::size_t points = 0;
  for (const Column& column : columns_) points += column.cuts.size();
  return points;
}

void BinnedMatrix::Fill(std::shared_ptr<const Binning> binning, const Rows& rows) {
  Fill(std::move(binning), rows, KernelsOf(BestScorerKind()));
}

void BinnedMatrix::Fill(std::shared_ptr<const Binning> binning, const Rows& rows, const BitKernels& kernels) {
  binning_ = std::move(binning);
  count_ = rows.count;
  stride_ = (rows.count + 511) / 512 * 64;
  planes_.Reserve(binning_->plane_rows() * stride_);
  constant_.assign(binning_->columns().size(), 1);
  if (count_ == 0) return;
  if (rows.f32)
    FillAs(rows.f32, rows.stride, kernels);
  else
    FillAs(rows.f64, rows.stride, kernels);
}

template <typename T>
void BinnedMatrix::FillAs(const T* rows, std::size_t row_stride, const BitKernels& kernels) {
  typedef T Four __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T))));
  std::int32_t features = 0;
  for (const Binning::Column& column : binning_->columns()) features = std::max(features, column.feature + 1);
  const auto width = static_cast<std::size_t>(features);
  auto* block = reinterpret_cast<T*>(columns_.Reserve((width + 4) * kColumn * sizeof(T)));
  for (std::size_t begin = 0; begin < count_; begin += kBlock) {
    const std::size_t rows_here = std::min(kBlock, count_ - begin);
    const T* at = rows + begin * row_stride;
    std::size_t r = 0;
    for (; r + 4 <= rows_here; r += 4, at += 4 * row_stride) {
      std::size_t f = 0;
      for (; f + 4 <= width; f += 4) {
        const Four a = *reinterpret_cast<const Four*>(at + f), b = *reinterpret_cast<const Four*>(at + row_stride + f),
                   c = *reinterpret_cast<const Four*>(at + 2 * row_stride + f),
                   d = *reinterpret_cast<const Four*>(at + 3 * row_stride + f);
        const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
        const Four ef = __builtin_shufflevector(a, b, 2, 6, 3, 7), gh = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        T* to = block + f * kColumn + r;
        *reinterpret_cast<Four*>(to) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
        *reinterpret_cast<Four*>(to + kColumn) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
        *reinterpret_cast<Four*>(to + 2 * kColumn) = __builtin_shufflevector(ef, gh, 0, 1, 4, 5);
        *reinterpret_cast<Four*>(to + 3 * kColumn) = __builtin_shufflevector(ef, gh, 2, 3, 6, 7);
      }
      for (; f < width; ++f) {
        for (std::size_t k = 0; k < 4; ++k) block[f * kColumn + r + k] = at[k * row_stride + f];
      }
    }
    for (; r < rows_here; ++r, at += row_stride) {
      for (std::size_t f = 0; f < width; ++f) block[f * kColumn + r] = at[f];
    }
    const auto& columns = binning_->columns();
    for (std::size_t c = 0; c < columns.size(); ++c) {
      T* values = block + static_cast<std::size_t>(columns[c].feature) * kColumn;
      std::fill(values + rows_here, values + kBlock, values[rows_here - 1]);
      using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
      const Bits want = std::bit_cast<Bits>(rows[columns[c].feature]);
      Bits differs = 0;
      for (std::size_t i = 0; i < kBlock; ++i) differs |= std::bit_cast<Bits>(values[i]) ^ want;
      if (differs) constant_[c] = 0;
      if (!constant_[c] || begin == 0) {
        RankColumn(columns[c], values, begin, kernels);
        continue;
      }
      const auto as_first = [&](std::size_t plane) {
        std::uint8_t* bytes = planes_.data() + plane * stride_;
        std::memcpy(bytes + begin / 8, bytes, kBlock / 8);
      };
      for (unsigned b = 0; b < columns[c].bits; ++b) as_first(columns[c].rank_row + b);
      if (columns[c].missing_row >= 0) as_first(static_cast<std::size_t>(columns[c].missing_row));
    }
  }
}

template <typename T>
void BinnedMatrix::RankColumn(const Binning::Column& column, const T* values, std::size_t first_row,
                              const BitKernels& kernels) {
  std::uint8_t* planes = planes_.data() + column.rank_row * stride_ + first_row / 8;
  std::uint8_t* missing = column.missing_row < 0
                              ? nullptr
                              : planes_.data() + static_cast<std::size_t>(column.missing_row) * stride_ + first_row / 8;
  const bool lightgbm = binning_->engine() == Forest::Engine::kLightgbm;
  if (!column.categorical && (sizeof(T) == 4 || !lightgbm)) {
    float turned[kBlock];
    const float* floats = nullptr;
    if constexpr (sizeof(T) == 4) floats = values;
    if (lightgbm) {
      for (std::size_t i = 0; i < kBlock; ++i) {
        const auto v = static_cast<float>(values[i]);
        turned[i] = std::fabs(v) <= static_cast<float>(kLightgbmZero) ? 0.0f : v;
      }
      floats = turned;
    } else if (sizeof(T) == 8) {
      std::copy(values, values + kBlock, turned);
      floats = turned;
    }
    kernels.rank(floats, kBlock, column.float_table.data(), column.bits, planes, stride_, missing);
    return;
  }
  std::uint32_t rank[kBlock];
  std::uint64_t nan = 0;
  const auto none =
      static_cast<std::uint32_t>(column.categorical ? column.categories.size() + 1 : (1u << column.bits) - 1);
  for (std::size_t i = 0; i < kBlock; ++i) {
    auto v = static_cast<double>(values[i]);
    nan |= std::uint64_t{v != v} << i;
    if (v != v) {
      rank[i] = none;
    } else if (column.categorical) {
      // XGBoost reads doubles to floats first.
      rank[i] =
          RankIn(column, CategoryOf(binning_->engine(), lightgbm ? v : static_cast<double>(static_cast<float>(v))));
    } else {
      if (std::fabs(v) <= kLightgbmZero) v = 0;
      rank[i] = static_cast<std::uint32_t>(std::ranges::upper_bound(column.cuts, v) - column.cuts.begin());
    }
  }
  for (unsigned byte = 0; byte < (column.bits + 7) / 8; ++byte) {
    std::uint8_t bytes[kBlock];
    for (std::size_t i = 0; i < kBlock; ++i) bytes[i] = static_cast<std::uint8_t>(rank[i] >> (8 * byte));
    for (unsigned b = 8 * byte; b < std::min(column.bits, 8 * byte + 8); ++b) {
      for (std::size_t i = 0; i < kBlock / 8; ++i) {
        std::uint64_t eight;
        std::memcpy(&eight, bytes + 8 * i, 8);
        // A bit of each byte, moved together at the top.
        planes[b * stride_ + i] =
            static_cast<std::uint8_t>((eight >> (b % 8) & 0x0101010101010101) * 0x0102040810204080 >> 56);
      }
    }
  }
  if (missing) std::memcpy(missing, &nan, 8);
}

}  // namespace gfr
