// SliceCorrection: what rows with known labels say of a model's probabilities, slice by slice: where observed and
// expected differ by more than chance, the slice's log-odds are moved by as much, shrunk; and where they differ the
// more the higher the score is, or the less, the slice's slope is changed (Cox 1958: log-odds of what happens as a line
// of those that were predicted).
//
// Slices are the bins of columns (a city, a channel, a price's decile), those of the score itself, and all rows. Rounds
// go one after another, the column with the largest chi-square first, while it is more than kSignificant deviations
// above its mean: of observed against expected (level), or of their difference times how far the score's log-odds are
// from the bin's mean (slope). A bin's step is Newton's, (O - E) / (V + 1 / s2), with V the information, and s2 the
// variance of the bins' true steps around 0 by the method of moments (as DerSimonian and Laird 1986 do around a mean),
// so that few rows move little. The score's own bins have no slope: they are narrow. What is left over between windows
// is `shift`, likewise. Thread safety: immutable once fitted.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace gfr {

// Rows with their bins, row-major.
struct BinnedRows {
  std::span<const float> score;  // Not NaN.
  std::span<const std::uint8_t> bins;
  std::size_t columns = 0;
};

class SliceCorrection {
 public:
  static constexpr double kSignificant = 4;
  static constexpr int kRounds = 10;
  static constexpr std::size_t kLeastPositives = 30;  // With fewer nothing is moved.

  SliceCorrection() = default;  // Moves nothing.
  // `label`: 0 or 1; `window`: of each row, rising: those of one window are next to each other.
  static SliceCorrection Fit(const BinnedRows& rows, std::span<const float> label,
                             std::span<const std::int64_t> window);

  double Apply(float score, const std::uint8_t* bins) const;
  double shift() const { return shift_; }  // Deviation between windows, in log-odds.
  std::uint64_t rows() const { return rows_; }
  // Columns that were corrected by, each once, the first one first. The rows' `columns`: the score itself; one more:
  // all rows alike.
  std::vector<std::size_t> Columns() const;

 private:
  struct Step {
    std::size_t column;
    std::array<float, 256> move, slope;  // By bin: log-odds, and of each by which the score's are above `middle`.
    std::array<float, 256> middle;
    double Of(std::size_t bin, double score_log_odds) const {
      return move[bin] + slope[bin] * (score_log_odds - middle[bin]);
    }
  };
  std::size_t BinOf(std::size_t column, float score, const std::uint8_t* bins) const;
  std::size_t columns_ = 0;
  std::vector<Step> steps_;
  double shift_ = 0;
  std::uint64_t rows_ = 0;
};

}  // namespace gfr
