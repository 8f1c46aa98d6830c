// QuietModel: how far windows are from their reference when nothing happens, and from where on they alert.
//
// The measure of a window's column is the Freeman-Tukey statistic 4 n sum (sqrt q - sqrt p)^2 of its n rows' shares q
// against the reference's p, over all bins with those of missing, unseen and out of range; its cube root is near
// normal (Wilson and Hilferty 1931). It is standardised by its own mean and deviation at that hour of day, shrunk to
// those of all hours, and at that number of rows: what of it grows with n is what quiet hours differ by. So correlated
// rows (a user's, a request's), rhythm and small samples need no assumption: the reference's own windows show them.
//
// Rows that are missing, unseen or out of range are a drift of their own, which many other bins must not hide: their
// roots' difference 2 sqrt(n) (sqrt q - sqrt p), largest of such bins, is near normal. Rows of one request or user
// count as one there: n is divided by the mean statistic over its degrees of freedom (a design effect). It is
// standardised as well, with a deviation of at least 1. A column's score is the higher of both.
//
// A column that moves by itself (counts that grow, rates and prices of items that wander) is further from any fixed
// reference the older that is. It is known by the reference's days: those two weeks apart differ by more than those
// next to each other. Such a column's p is that of the week that ended a day before the window, in the reference's
// windows and in those to judge alike.
//
// A window alerts by three rules, which share the rate asked for: one column's score is above `in_a_row` in it and in
// the window before; above `at_once` in it alone, which no quiet window comes near; or its score of the last 24 hours
// is above `of_day`, which finds what is slow. Each threshold is made of the reference's windows: the highest score of
// each day, by that rule, over all columns; days are drawn again with replacement (a day is the block), each draw gets
// a Gumbel tail by L-moments (Hosking 1990), and the 75 % quantile over draws is taken of the score that a day exceeds
// at the rule's share of the rate. Thread safety: immutable once made.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "monitor/last_day.h"
#include "monitor/reference.h"

namespace gfr {

// Windows joined until each has `period_ms` and then `min_rows` rows; what is left at the end is dropped, unless
// `keep_last`. Joined windows never reach over more than a day.
std::vector<ReferenceWindow> JoinWindows(const std::vector<ReferenceWindow>& windows, std::int64_t period_ms,
                                         std::uint64_t min_rows, bool keep_last = false);

// The rows of the week that ended a day before a window. Thread safety: none.
class TrailingWeek {
 public:
  static constexpr std::int64_t kFromMs = 8 * kDayMs, kToMs = kDayMs;  // Before the window.
  // Makes room for the windows at `time_ms`. REQUIRES: time does not go back.
  void MoveTo(std::int64_t time_ms);
  void Add(const ReferenceWindow& window);  // REQUIRES: in order of time.
  // By bin; empty: there are less than two days of rows.
  const std::vector<std::uint64_t>& counts() const { return days_ < 2 ? none_ : sum_; }

 private:
  std::deque<ReferenceWindow> waiting_, taken_;  // Younger than a day; in the sum.
  std::vector<std::uint64_t> sum_;
  const std::vector<std::uint64_t> none_;
  int days_ = 0;
};

// What the highest score of a day exceeds at this rate, by the rule above. REQUIRES: at least two days.
double TailThreshold(const std::vector<double>& daily_maxima, double alerts_a_day);

class QuietModel {
 public:
  static constexpr std::size_t kLeastDays = 7;  // Of windows with scores; with fewer there is no threshold.

  // `alerts_a_day`: how often it may alert when nothing happens. `windows`: of the reference, joined as those to judge.
  // `all_move`: every column is judged against the week before, whatever the reference's days say.
  QuietModel(const Reference& reference, const std::vector<ReferenceWindow>& windows, double alerts_a_day,
             bool all_move = false);

  // Infinite: the reference is of fewer than kLeastDays days.
  struct Thresholds {
    double in_a_row = std::numeric_limits<double>::infinity(), at_once = in_a_row, of_day = in_a_row;
  };
  const Thresholds& thresholds() const { return thresholds_; }
  double threshold() const { return thresholds_.in_a_row; }
  std::size_t days() const { return days_; }
  bool Moves(std::size_t column) const { return moves_[column]; }
  // Deviations above what is usual, one a column; NaN: of a column that moves, without two days of the week before.
  // REQUIRES: the reference's bins.
  std::vector<double> Scores(const ReferenceWindow& window, const TrailingWeek& before) const;
  // The same of LastDay's sum.
  std::vector<double> DayScores(const ReferenceWindow& day, const TrailingWeek& before) const;

 private:
  // Of a window's column: the statistic, and the roots' difference of the bins outside; NaN: it is not known.
  struct Measure {
    double statistic = 0, outside = 0;
  };
  struct Usual {
    double rows_as_one = 1, outside_mean = 0, outside_deviation = 1;
    std::array<double, 24> mean = {};  // Of the cube root, by hour of day (UTC).
    std::array<double, 24> rows = {};  // Of such a window.
    double deviation = 1;
    double at_no_rows = 1, by_row = 0;  // The statistic's mean is the first plus the second times the rows.
  };
  Measure MeasureOf(std::size_t column, const ReferenceWindow& window, const TrailingWeek& before) const;
  Usual UsualOf(std::size_t column, const std::vector<ReferenceWindow>& windows,
                const std::vector<Measure>& measures) const;
  void SetOutside(std::size_t column, const std::vector<Measure>& measures, double mean_statistic, Usual* usual) const;
  double Score(const Usual& usual, const ReferenceWindow& window, const Measure& measure) const;
  // Windows with what was measured of each column in them: by column and window.
  struct Series {
    std::vector<ReferenceWindow> windows;  // Without their counts.
    std::vector<std::vector<Measure>> measures;
    std::vector<Usual> usual;
  };
  void AddTo(Series* series, const ReferenceWindow& window, const TrailingWeek& before) const;
  std::vector<double> ScoresBy(const std::vector<Usual>& usual, const ReferenceWindow& window,
                               const TrailingWeek& before) const;
  // The highest score of each day that a column had; `twice`: in two windows in a row.
  std::vector<double> DailyMaxima(const Series& series, bool twice) const;

  const std::vector<std::size_t> first_bin_;     // Reference::FirstBins().
  std::vector<std::vector<double>> root_share_;  // Of each column's bins: the root of the reference's share.
  std::vector<bool> moves_, categorical_;
  std::vector<std::size_t> used_bins_;    // Of each column: those that the reference has rows of.
  std::vector<Usual> usual_, usual_day_;  // One a column: of windows, of 24 hours.
  Thresholds thresholds_;
  std::size_t days_ = 0;
};

}  // namespace gfr
