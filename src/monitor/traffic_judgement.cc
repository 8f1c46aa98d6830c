#include "monitor/traffic_judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "monitor/detector.h"
#include "monitor/quiet_model.h"

namespace gfr {
namespace {

constexpr double kNoScore = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kDayHours = 24, kWeekHours = 7 * kDayHours;
constexpr std::size_t kLeastScores = 48;  // Before a series has a deviation of its own.
constexpr double kLeastUsual = 5;         // Events an hour, below which a volume says nothing.
constexpr std::uint64_t kLeastOf = 30;    // Events that a share is of.

double Median(std::vector<double> values) {
  if (values.empty()) return kNoScore;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// One series, hour by hour from the first to the last.
struct HourlySeries {
  std::vector<TrafficCount> counts;
  std::size_t first = 0;  // Hour in which it first was there.
  std::vector<double> usual, off, score;
};

double UsualVolume(const HourlySeries& s, std::size_t hour) {
  std::vector<double> before;
  const bool by_week = hour >= s.first + 4 * kWeekHours;
  const std::size_t step = by_week ? kWeekHours : kDayHours, most = by_week ? 4 : 7;
  for (std::size_t k = 1; k <= most && hour >= s.first + k * step; ++k)
    before.push_back(static_cast<double>(s.counts[hour - k * step].count));
  return before.size() < (by_week ? 4u : 7u) ? kNoScore : Median(std::move(before));
}

// Without the last day: what has just begun is not usual yet. `sums`: of the hours before an index.
double UsualShare(const std::vector<TrafficCount>& sums, std::size_t hour) {
  if (hour < 3 * kDayHours) return kNoScore;
  const std::size_t end = hour - kDayHours, first = end > kWeekHours ? end - kWeekHours : 0;
  const double of = static_cast<double>(sums[end].of - sums[first].of);
  return of < static_cast<double>(kLeastOf) ? kNoScore : static_cast<double>(sums[end].count - sums[first].count) / of;
}

double Off(const TrafficCount& now, double usual, bool volume) {
  if (std::isnan(usual)) return kNoScore;
  if (volume) {
    if (usual < kLeastUsual) return kNoScore;
    return 2 * (std::sqrt(static_cast<double>(now.count) + 0.375) - std::sqrt(usual + 0.375));
  }
  if (now.of < kLeastOf) return kNoScore;
  const auto root = [](double share) { return std::asin(std::sqrt(std::clamp(share, 0.0, 1.0))); };
  const auto of = static_cast<double>(now.of);
  return 2 * std::sqrt(of) * (root(static_cast<double>(now.count) / of) - root(usual));
}

// By the deviations of the four weeks before, without the last day.
void Score(std::int64_t first_ms, HourlySeries* s) {
  const std::size_t hours = s->counts.size();
  s->score.assign(hours, kNoScore);
  double deviation = kNoScore;
  for (std::size_t h = 0; h < hours; ++h) {
    const std::int64_t start_ms = first_ms + static_cast<std::int64_t>(h) * kHourMs;
    if (start_ms % kDayMs == 0 && h >= kDayHours) {
      std::vector<double> before;
      for (std::size_t k = h - std::min(h, 4 * kWeekHours); k < h - kDayHours; ++k) {
        if (!std::isnan(s->off[k])) before.push_back(std::fabs(s->off[k]));
      }
      deviation = before.size() < kLeastScores ? kNoScore : std::max(1.0, 1.4826 * Median(std::move(before)));
    }
    s->score[h] = std::fabs(s->off[h]) / deviation;
  }
}

class Judge {
 public:
  Judge(const LiveTraffic& traffic, std::int64_t until_ms) : traffic_(traffic), first_ms_(traffic.first_ms()) {
    const auto hours = static_cast<std::size_t>(std::max<std::int64_t>(0, (until_ms - first_ms_) / kHourMs));
    for (std::size_t id = 0; id < traffic.names().size(); ++id) {
      HourlySeries s{.counts = std::vector<TrafficCount>(hours), .first = hours, .usual = {}, .off = {}, .score = {}};
      for (const auto& [hour, counts] : traffic.hours()) {
        if (id >= counts.size() || hour >= until_ms) continue;
        const auto h = static_cast<std::size_t>((hour - first_ms_) / kHourMs);
        s.counts[h] = counts[id];
        if (counts[id].count + counts[id].of > 0) s.first = std::min(s.first, h);
      }
      std::vector<TrafficCount> sums(hours + 1);
      for (std::size_t h = 0; h < hours; ++h)
        sums[h + 1] = {sums[h].count + s.counts[h].count, sums[h].of + s.counts[h].of};
      const bool volume = traffic.is_volume(id);
      for (std::size_t h = 0; h < hours; ++h) {
        s.usual.push_back(volume ? UsualVolume(s, h) : UsualShare(sums, h));
        s.off.push_back(Off(s.counts[h], s.usual.back(), volume));
      }
      Score(first_ms_, &s);
      series_.push_back(std::move(s));
    }
    hours_ = hours;
  }

  std::size_t hours() const { return hours_; }
  const HourlySeries& series(std::size_t id) const { return series_[id]; }
  double value(std::size_t id, std::size_t h) const {
    const TrafficCount& c = series_[id].counts[h];
    if (traffic_.is_volume(id)) return static_cast<double>(c.count);
    return c.of == 0 ? kNoScore : static_cast<double>(c.count) / static_cast<double>(c.of);
  }
  // The lower of an hour's score and that before it; NaN where there is none of either.
  double InARow(std::size_t id, std::size_t h) const {
    const std::vector<double>& score = series_[id].score;
    return h == 0 || std::isnan(score[h - 1]) || std::isnan(score[h]) ? kNoScore : std::min(score[h - 1], score[h]);
  }
  // By day (UTC) with scores: the highest of them.
  std::map<std::int64_t, double> DailyMaxima() const {
    std::map<std::int64_t, double> maxima;
    for (std::size_t h = 0; h < hours_; ++h) {
      for (std::size_t id = 0; id < series_.size(); ++id) {
        const double score = InARow(id, h);
        if (std::isnan(score)) continue;
        const auto day = maxima.emplace(StartOf(h) / kDayMs, score).first;
        day->second = std::max(day->second, score);
      }
    }
    return maxima;
  }
  std::int64_t StartOf(std::size_t h) const { return first_ms_ + static_cast<std::int64_t>(h) * kHourMs; }
  // `thresholds`: one an hour.
  void Alert(const std::vector<double>& thresholds, std::vector<DriftAlert>* alerts) const;

 private:
  DriftAlert Open(std::size_t id, std::size_t h, double threshold) const;
  void Update(std::size_t id, std::size_t h, DriftAlert* alert) const;

  const LiveTraffic& traffic_;
  const std::int64_t first_ms_;
  std::size_t hours_ = 0;
  std::vector<HourlySeries> series_;
};

void Judge::Update(std::size_t id, std::size_t h, DriftAlert* alert) const {
  alert->value = value(id, h);
  alert->expected = series_[id].usual[h];
  alert->score = series_[id].score[h];
  alert->text = traffic_.is_volume(id)
                    ? fmt::format("events '{}' since {}: {:.0f} an hour, usually {:.0f}", alert->name,
                                  FormatTime(alert->since_ms), alert->value, alert->expected)
                    : fmt::format("events: '{}' since {} is {:.3g} %, usually {:.3g} %", alert->name,
                                  FormatTime(alert->since_ms), 100 * alert->value, 100 * alert->expected);
}

DriftAlert Judge::Open(std::size_t id, std::size_t h, double threshold) const {
  const bool volume = traffic_.is_volume(id);
  DriftAlert alert{.kind = volume ? AlertKind::kVolume : AlertKind::kInstrumentation,
                   .name = traffic_.names()[id],
                   .metric = volume ? "events_an_hour" : "share",
                   .since_ms = StartOf(h - 1),
                   .found_ms = StartOf(h + 1),
                   .threshold = threshold};
  alert.id = fmt::format("{}/{}/{}", AlertKindName(alert.kind), alert.name, FormatTime(alert.since_ms));
  Update(id, h, &alert);
  return alert;
}

void Judge::Alert(const std::vector<double>& thresholds, std::vector<DriftAlert>* alerts) const {
  struct OpenAlert {
    std::size_t alert, leader, opened;
    std::vector<std::size_t> series;
    std::size_t above;
  };
  std::vector<OpenAlert> open;
  for (std::size_t h = 0; h < hours_; ++h) {
    const double threshold = thresholds[h];
    std::vector<std::size_t> crossed;
    for (std::size_t id = 0; id < series_.size(); ++id) {
      const bool known =
          std::ranges::any_of(open, [&](const OpenAlert& o) { return std::ranges::count(o.series, id) > 0; });
      if (!known && InARow(id, h) > threshold) crossed.push_back(id);
    }
    for (OpenAlert& o : open) {
      DriftAlert& alert = (*alerts)[o.alert];
      if (h - o.opened <= Detector::kGroupWindows) {
        for (const std::size_t id : crossed) {
          o.series.push_back(id);
          alert.grouped.push_back(traffic_.names()[id]);
        }
        crossed.clear();
      }
      if (std::ranges::any_of(o.series, [&](std::size_t id) { return series_[id].score[h] > threshold; })) o.above = h;
      if (series_[o.leader].score[h] > threshold) Update(o.leader, h, &alert);
      alert.until_ms = StartOf(h + 1);
      alert.open = h - o.above < kDayHours;
    }
    std::erase_if(open, [&](const OpenAlert& o) { return !(*alerts)[o.alert].open; });
    if (crossed.empty()) continue;
    std::ranges::stable_sort(crossed, std::greater<>(), [&](std::size_t id) { return series_[id].score[h]; });
    DriftAlert alert = Open(crossed[0], h, threshold);
    alert.until_ms = StartOf(h + 1);
    for (std::size_t i = 1; i < crossed.size(); ++i) alert.grouped.push_back(traffic_.names()[crossed[i]]);
    open.push_back({alerts->size(), crossed[0], h, crossed, h});
    alerts->push_back(std::move(alert));
  }
}

// By the days before, so that a day's alerts are the same whenever it is judged. The highest tenth is left out: what
// happened then may have been none of the quiet days that the threshold is to be of.
double ThresholdOn(std::int64_t day, const std::map<std::int64_t, double>& maxima, double alerts_a_day) {
  std::vector<double> before;
  for (auto at = maxima.lower_bound(day - 28); at != maxima.lower_bound(day); ++at) before.push_back(at->second);
  if (before.size() < QuietModel::kLeastDays) return std::numeric_limits<double>::infinity();
  std::ranges::sort(before);
  before.resize(before.size() - before.size() / 10);
  return TailThreshold(before, alerts_a_day);
}

}  // namespace

TrafficJudgement JudgeTraffic(const LiveTraffic& traffic, std::int64_t until_ms, double alerts_a_day) {
  TrafficJudgement judged{.threshold = std::numeric_limits<double>::infinity()};
  if (traffic.hours().empty() || traffic.first_ms() >= until_ms) return judged;
  const Judge judge(traffic, until_ms);
  const std::size_t hours = judge.hours();
  if (hours == 0) return judged;
  const std::map<std::int64_t, double> maxima = judge.DailyMaxima();
  judged.days = maxima.size();
  judged.by_hour_of_week = hours >= 4 * kWeekHours;
  std::vector<double> thresholds(hours, judged.threshold);
  for (std::size_t h = 0; h < hours; ++h) {
    const std::int64_t day = judge.StartOf(h) / kDayMs;
    thresholds[h] =
        h > 0 && judge.StartOf(h - 1) / kDayMs == day ? thresholds[h - 1] : ThresholdOn(day, maxima, alerts_a_day);
  }
  judged.threshold = thresholds.back();
  judge.Alert(thresholds, &judged.alerts);
  for (std::size_t id = 0; id < traffic.names().size(); ++id)
    judged.series.push_back({.name = traffic.names()[id],
                             .volume = traffic.is_volume(id),
                             .value = judge.value(id, hours - 1),
                             .usual = judge.series(id).usual[hours - 1],
                             .score = judge.series(id).score[hours - 1]});
  std::ranges::stable_sort(judged.series, std::greater<>(),
                           [](const SeriesState& s) { return std::isnan(s.score) ? -1.0 : s.score; });
  return judged;
}

}  // namespace gfr
