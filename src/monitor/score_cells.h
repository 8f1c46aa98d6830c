// ScoredCell: rows of one score, what is believed of their labels, and what became known of these; and the counter that
// makes cells of rows.
//
// Cells are a sketch of a window's predictions that merges exactly where rows are counts: log-odds in steps of
// kStep, from -kMost to kMost. Rows of one cell tie: by this the area under the curve is off by less than a thousandth.
// Thread safety: plain values.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace gfr {

struct ScoredCell {
  double score = 0;        // The mean of what was served; equal in cells that tie.
  double probability = 0;  // The mean of what is believed: what was served, or what it was corrected to.
  double rows = 0;         // A count.
  double positives = 0;    // Of labels, once they are known.
};

class CellCounter {
 public:
  static constexpr double kStep = 0.02, kMost = 16;  // Log-odds.
  static double LogOdds(double p) { return std::clamp(std::log(p) - std::log1p(-p), -kMost, kMost); }
  static double OfLogOdds(double x) { return 1 / (1 + std::exp(-x)); }
  static int BinOf(double p) { return static_cast<int>(std::floor(LogOdds(p) / kStep)); }

  // REQUIRES: probabilities, not NaN.
  void Add(double score, double probability, bool positive = false) {
    const int bin = BinOf(score);
    Sums& sums = by_bin_[{bin, BinOf(probability)}];
    sums.probability += probability;
    sums.positives += positive;
    ++sums.rows;
    auto& [score_sum, rows] = score_[bin];
    score_sum += score;
    ++rows;
  }
  // Lowest score first.
  std::vector<ScoredCell> cells() const {
    std::vector<ScoredCell> cells;
    for (const auto& [bins, sums] : by_bin_) {
      const auto& [score_sum, rows] = score_.at(bins.first);
      cells.push_back({.score = score_sum / rows,
                       .probability = sums.probability / sums.rows,
                       .rows = sums.rows,
                       .positives = sums.positives});
    }
    return cells;
  }

 private:
  struct Sums {
    double probability = 0, rows = 0, positives = 0;
  };
  std::map<std::pair<int, int>, Sums> by_bin_;
  std::map<int, std::pair<double, double>> score_;  // Sum and rows.
};

}  // namespace gfr
