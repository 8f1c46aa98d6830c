#include "monitor/quiet_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>

#include "base/rng.h"

namespace gfr {
namespace {

constexpr double kHourWeight = 3;  // Windows that an hour's own mean is shrunk by, towards that of all hours.
constexpr int kDraws = 200;        // Of the bootstrap.
constexpr double kOfDraws = 0.75;  // Quantile over them.
constexpr std::int64_t kNearDays = 2, kFarDays = 10;  // Lags that Wanders compares.
constexpr double kWanders = 1.3;
constexpr int kRules = 3;  // By which a window alerts.
constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();
constexpr double kEuler = 0.57721566490153286;

std::size_t HourOf(const ReferenceWindow& window) {
  return static_cast<std::size_t>((window.from_ms + (window.to_ms - window.from_ms) / 2) / kHourMs % 24);
}

// Half a count in each bin keeps one that was empty finite.
std::vector<double> RootShares(std::span<const std::uint64_t> counts) {
  double sum = static_cast<double>(counts.size()) / 2;
  for (const std::uint64_t count : counts) sum += static_cast<double>(count);
  std::vector<double> roots;
  for (const std::uint64_t count : counts) roots.push_back(std::sqrt((static_cast<double>(count) + 0.5) / sum));
  return roots;
}

double FreemanTukey(const std::uint32_t* counts, double rows, const std::vector<double>& root_share) {
  double sum = 0;
  for (std::size_t b = 0; b < root_share.size(); ++b) {
    const double off = std::sqrt(counts[b] / rows) - root_share[b];
    sum += off * off;
  }
  return 4 * rows * sum;
}

// The largest rise of a bin that no row should be in.
double Outside(const std::uint32_t* counts, double rows, const std::vector<double>& root_share, bool categorical) {
  const std::size_t missing = root_share.size() - 1;
  const auto rise = [&](std::size_t bin) {
    return 2 * std::sqrt(rows) * (std::sqrt(counts[bin] / rows) - root_share[bin]);
  };
  const double most = std::max(rise(missing), rise(missing - 1));  // Behind it: unseen, or above the range.
  return categorical ? most : std::max(most, rise(0));
}

// Whether days two weeks apart differ by more than days next to each other. The distance of two samples of n and m rows
// is divided by 1/n + 1/m, which it is proportional to while they are of one distribution.
bool Wanders(const std::vector<ReferenceWindow>& windows, std::size_t first_bin, std::size_t bins) {
  std::map<std::int64_t, std::vector<std::uint64_t>> days;
  for (const ReferenceWindow& window : windows) {
    std::vector<std::uint64_t>& day = days[window.from_ms / kDayMs];
    day.resize(bins);
    for (std::size_t b = 0; b < bins; ++b) day[b] += window.counts[first_bin + b];
  }
  double near = 0, far = 0, near_pairs = 0, far_pairs = 0;
  for (auto a = days.begin(); a != days.end(); ++a) {
    for (auto b = std::next(a); b != days.end(); ++b) {
      const std::int64_t lag = b->first - a->first;
      if (lag > kNearDays && lag < kFarDays) continue;
      const std::vector<double> p = RootShares(a->second), q = RootShares(b->second);
      double n = 0, m = 0, distance = 0;
      for (std::size_t i = 0; i < bins; ++i) {
        n += static_cast<double>(a->second[i]);
        m += static_cast<double>(b->second[i]);
        distance += (p[i] - q[i]) * (p[i] - q[i]);
      }
      if (n == 0 || m == 0) continue;
      (lag <= kNearDays ? near : far) += distance / (1 / n + 1 / m);
      (lag <= kNearDays ? near_pairs : far_pairs) += 1;
    }
  }
  return near_pairs > 0 && far_pairs > 0 && far / far_pairs > kWanders * near / near_pairs;
}

// What a Gumbel tail of these maxima exceeds with this probability.
double TailQuantile(std::vector<double> maxima, double exceeds) {
  std::ranges::sort(maxima);
  const auto n = static_cast<double>(maxima.size());
  double mean = 0, weighted = 0;
  for (std::size_t i = 0; i < maxima.size(); ++i) {
    mean += maxima[i] / n;
    weighted += maxima[i] * static_cast<double>(i) / (n * (n - 1));
  }
  const double scale = (2 * weighted - mean) / std::log(2.0);  // Of the second L-moment.
  return mean - kEuler * scale - scale * std::log(-std::log1p(-exceeds));
}

}  // namespace

std::vector<ReferenceWindow> JoinWindows(const std::vector<ReferenceWindow>& windows, std::int64_t period_ms,
                                         std::uint64_t min_rows, bool keep_last) {
  std::vector<ReferenceWindow> joined;
  ReferenceWindow open;
  const auto close = [&] {
    if (open.rows > 0) joined.push_back(std::move(open));
    open = {};
  };
  for (const ReferenceWindow& window : windows) {
    const std::int64_t start = window.from_ms / period_ms * period_ms;
    if (open.rows > 0 && window.from_ms - open.from_ms >= kDayMs) close();
    // A window ends when its period is over and it has its rows.
    if (open.rows >= min_rows && open.rows > 0 && start > open.from_ms && start >= open.to_ms) close();
    if (open.rows == 0) {
      open = window;
      open.from_ms = start;
    } else {
      open.rows += window.rows;
      for (std::size_t b = 0; b < open.counts.size(); ++b) open.counts[b] += window.counts[b];
    }
    open.to_ms = std::max(open.to_ms, std::max(window.to_ms, start + period_ms));
  }
  if (keep_last || open.rows >= min_rows) close();
  return joined;
}

void TrailingWeek::MoveTo(std::int64_t time_ms) {
  while (!waiting_.empty() && waiting_.front().to_ms <= time_ms - kToMs) {
    sum_.resize(waiting_.front().counts.size());
    for (std::size_t b = 0; b < sum_.size(); ++b) sum_[b] += waiting_.front().counts[b];
    taken_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  while (!taken_.empty() && taken_.front().from_ms < time_ms - kFromMs) {
    for (std::size_t b = 0; b < sum_.size(); ++b) sum_[b] -= taken_.front().counts[b];
    taken_.pop_front();
  }
  days_ = taken_.empty() ? 0 : static_cast<int>((taken_.back().to_ms - taken_.front().from_ms) / kDayMs);
}

void TrailingWeek::Add(const ReferenceWindow& window) { waiting_.push_back(window); }

void QuietModel::AddTo(Series* series, const ReferenceWindow& window, const TrailingWeek& before) const {
  series->windows.push_back({.from_ms = window.from_ms, .to_ms = window.to_ms, .rows = window.rows, .counts = {}});
  series->measures.resize(moves_.size());
  for (std::size_t c = 0; c < moves_.size(); ++c) series->measures[c].push_back(MeasureOf(c, window, before));
}

QuietModel::QuietModel(const Reference& reference, const std::vector<ReferenceWindow>& windows, double alerts_a_day,
                       bool all_move)
    : first_bin_(reference.FirstBins()) {
  for (std::size_t c = 0; c < reference.columns.size(); ++c) {
    const ReferenceColumn& column = reference.columns[c];
    root_share_.push_back(RootShares(column.counts.counts));
    categorical_.push_back(column.bins.categorical);
    used_bins_.push_back(
        static_cast<std::size_t>(std::ranges::count_if(column.counts.counts, [](std::uint64_t n) { return n > 0; })));
    moves_.push_back(all_move || column.grows || Wanders(windows, first_bin_[c], column.bins.size()));
  }
  Series hours, of_day;
  TrailingWeek before;
  LastDay day;
  for (const ReferenceWindow& window : windows) {
    before.MoveTo(window.from_ms);
    AddTo(&hours, window, before);
    before.Add(window);
    day.Add(window);
    if (day.sum() != nullptr) AddTo(&of_day, *day.sum(), before);
  }
  for (Series* series : {&hours, &of_day}) {
    series->measures.resize(reference.columns.size());
    for (std::size_t c = 0; c < series->measures.size(); ++c)
      series->usual.push_back(UsualOf(c, series->windows, series->measures[c]));
  }
  const std::vector<double> in_a_row = DailyMaxima(hours, true), at_once = DailyMaxima(hours, false),
                            days = DailyMaxima(of_day, false);
  usual_ = std::move(hours.usual);
  usual_day_ = std::move(of_day.usual);
  days_ = in_a_row.size();
  if (days_ < kLeastDays) return;
  thresholds_.in_a_row = TailThreshold(in_a_row, alerts_a_day / kRules);
  thresholds_.at_once = TailThreshold(at_once, alerts_a_day / kRules);
  if (days.size() >= kLeastDays) thresholds_.of_day = TailThreshold(days, alerts_a_day / kRules);
}

QuietModel::Measure QuietModel::MeasureOf(std::size_t column, const ReferenceWindow& window,
                                          const TrailingWeek& before) const {
  const std::uint32_t* const counts = window.counts.data() + first_bin_[column];
  const std::size_t bins = root_share_[column].size();
  double rows = 0;
  for (std::size_t b = 0; b < bins; ++b) rows += counts[b];
  if (rows == 0) return {};
  if (moves_[column] && before.counts().empty()) return {kNotKnown, kNotKnown};
  const auto measure = [&](const std::vector<double>& root_share) {
    return Measure{FreemanTukey(counts, rows, root_share), Outside(counts, rows, root_share, categorical_[column])};
  };
  if (!moves_[column]) return measure(root_share_[column]);
  return measure(RootShares(std::span(before.counts()).subspan(first_bin_[column], bins)));
}

void QuietModel::SetOutside(std::size_t column, const std::vector<Measure>& measures, double mean_statistic,
                            Usual* usual) const {
  const auto freedom = static_cast<double>(std::max<std::size_t>(used_bins_[column], 2) - 1);
  usual->rows_as_one = std::max(1.0, mean_statistic / freedom);
  double n = 0, sum = 0, squares = 0;
  for (const Measure& measure : measures) {
    if (std::isnan(measure.outside)) continue;
    const double outside = measure.outside / std::sqrt(usual->rows_as_one);
    n += 1;
    sum += outside;
    squares += outside * outside;
  }
  usual->outside_mean = sum / n;
  usual->outside_deviation = std::max(1.0, std::sqrt(std::max(0.0, squares / n - sum / n * sum / n)));
}

QuietModel::Usual QuietModel::UsualOf(std::size_t column, const std::vector<ReferenceWindow>& windows,
                                      const std::vector<Measure>& measures) const {
  Usual usual;
  std::vector<double> statistics;
  for (const Measure& measure : measures) statistics.push_back(measure.statistic);
  double n = 0;
  for (const double statistic : statistics) n += !std::isnan(statistic);
  if (n == 0) return usual;
  std::array<double, 24> count = {}, rows = {}, sum = {};
  double all = 0, all_rows = 0, mean_statistic = 0;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    if (std::isnan(statistics[w])) continue;
    const std::size_t hour = HourOf(windows[w]);
    const double root = std::cbrt(statistics[w]);
    count[hour] += 1;
    rows[hour] += static_cast<double>(windows[w].rows);
    sum[hour] += root;
    all += root / n;
    all_rows += static_cast<double>(windows[w].rows) / n;
    mean_statistic += statistics[w] / n;
  }
  for (std::size_t h = 0; h < 24; ++h) {
    usual.mean[h] = (sum[h] + kHourWeight * all) / (count[h] + kHourWeight);
    usual.rows[h] = (rows[h] + kHourWeight * all_rows) / (count[h] + kHourWeight);
  }
  // Each window against the mean of the others, as a window to come will be.
  double squares = 0, covariance = 0, variance = 0;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    if (std::isnan(statistics[w])) continue;
    const std::size_t hour = HourOf(windows[w]);
    const double root = std::cbrt(statistics[w]), off = static_cast<double>(windows[w].rows) - all_rows;
    const double others = (sum[hour] - root + kHourWeight * all) / (count[hour] - 1 + kHourWeight);
    squares += (root - others) * (root - others) / n;
    covariance += off * (statistics[w] - mean_statistic);
    variance += off * off;
  }
  // A column that never moves still may, a little: the deviation of a cube root of one degree of freedom or so.
  usual.deviation = std::max(std::sqrt(squares), 0.15);
  SetOutside(column, measures, mean_statistic, &usual);
  usual.by_row = variance > 0 ? std::max(0.0, covariance / variance) : 0;
  usual.at_no_rows = mean_statistic - usual.by_row * all_rows;
  if (usual.at_no_rows < 0) {
    usual.at_no_rows = 0;
    usual.by_row = mean_statistic / all_rows;
  }
  return usual;
}

double QuietModel::Score(const Usual& usual, const ReferenceWindow& window, const Measure& measure) const {
  const std::size_t hour = HourOf(window);
  const double then = usual.at_no_rows + usual.by_row * static_cast<double>(window.rows),
               usually = usual.at_no_rows + usual.by_row * usual.rows[hour];
  const double scale = usually > 0 ? std::cbrt(std::max(then, 1e-9) / usually) : 1;
  const double of_all =
      (std::cbrt(measure.statistic) - usual.mean[hour] * scale) / (usual.deviation * std::max(1.0, scale));
  const double of_outside =
      (measure.outside / std::sqrt(usual.rows_as_one) - usual.outside_mean) / usual.outside_deviation;
  return std::max(of_all, of_outside);  // Both are NaN, or neither.
}

std::vector<double> QuietModel::ScoresBy(const std::vector<Usual>& usual, const ReferenceWindow& window,
                                         const TrailingWeek& before) const {
  std::vector<double> scores;
  for (std::size_t c = 0; c < usual.size(); ++c)
    scores.push_back(Score(usual[c], window, MeasureOf(c, window, before)));
  return scores;
}

std::vector<double> QuietModel::Scores(const ReferenceWindow& window, const TrailingWeek& before) const {
  return ScoresBy(usual_, window, before);
}

std::vector<double> QuietModel::DayScores(const ReferenceWindow& day, const TrailingWeek& before) const {
  return ScoresBy(usual_day_, day, before);
}

double TailThreshold(const std::vector<double>& daily_maxima, double alerts_a_day) {
  Rng rng(1);
  std::vector<double> thresholds, drawn(daily_maxima.size());
  for (int draw = 0; draw < kDraws; ++draw) {
    for (double& m : drawn) m = daily_maxima[rng.Below(daily_maxima.size())];
    thresholds.push_back(TailQuantile(drawn, std::min(0.5, alerts_a_day)));
  }
  std::ranges::sort(thresholds);
  return thresholds[static_cast<std::size_t>(kOfDraws * kDraws)];
}

std::vector<double> QuietModel::DailyMaxima(const Series& series, bool twice) const {
  std::vector<double> maxima;
  std::int64_t day = INT64_MIN;
  std::vector<double> last, scores(series.measures.size());
  for (std::size_t w = 0; w < series.windows.size(); ++w) {
    const ReferenceWindow& window = series.windows[w];
    for (std::size_t c = 0; c < scores.size(); ++c) scores[c] = Score(series.usual[c], window, series.measures[c][w]);
    // A window of 24 hours is of the day in which it ends.
    const std::int64_t of_day = (window.to_ms - 1) / kDayMs;
    if (of_day != day) maxima.push_back(-std::numeric_limits<double>::infinity());
    day = of_day;
    for (std::size_t c = 0; c < scores.size(); ++c) {
      if (std::isnan(scores[c]) || (twice && (last.empty() || std::isnan(last[c])))) continue;
      maxima.back() = std::max(maxima.back(), twice ? std::min(last[c], scores[c]) : scores[c]);
    }
    last = scores;
  }
  std::erase_if(maxima, [](double m) { return !std::isfinite(m); });
  return maxima;
}

}  // namespace gfr
