#include "automation/replica_load.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace gfr {
namespace {

constexpr std::string_view kFeedsServed = "gfr_feeds_total", kDurations = "gfr_request_duration_seconds_bucket{";

double NumberOf(std::string_view text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} ? value : 0;
}

// Of `le` in a bucket's labels; below 0: it has none.
double BoundOf(std::string_view labels) {
  const std::size_t at = labels.find("le=\"");
  if (at == std::string_view::npos) return -1;
  const std::string_view bound = labels.substr(at + 4, labels.find('"', at + 4) - at - 4);
  return bound == "+Inf" ? std::numeric_limits<double>::infinity() : NumberOf(bound);
}

}  // namespace

ReplicaCounts ReplicaCounts::Read(std::string_view metrics) {
  ReplicaCounts counts;
  while (!metrics.empty()) {
    const std::string_view line = metrics.substr(0, metrics.find('\n'));
    metrics.remove_prefix(std::min(metrics.size(), line.size() + 1));
    const std::size_t space = line.rfind(' ');
    if (space == std::string_view::npos || line.starts_with('#')) continue;
    const std::string_view series = line.substr(0, space);
    const double value = NumberOf(line.substr(space + 1));
    if (series == kFeedsServed) counts.feeds = value;
    if (!series.starts_with(kDurations) || series.find("endpoint=\"/v1/feed\"") == std::string_view::npos) continue;
    if (const double bound = BoundOf(series); bound >= 0) counts.feeds_within[bound] += value;  // Over the statuses.
  }
  return counts;
}

void ReplicaLoad::Add(const std::string& replica, std::int64_t now_ms, ReplicaCounts counts) {
  std::deque<Sample>& samples = samples_[replica];
  samples.push_back({now_ms, std::move(counts)});
  while (samples.size() > 2 && samples[1].at_ms <= now_ms - kWindowMs) samples.pop_front();
}

double ReplicaLoad::feeds_per_minute() const {
  double all = 0;
  for (const auto& [replica, samples] : samples_) {
    const Sample &first = samples.front(), &last = samples.back();
    if (last.at_ms > first.at_ms)
      all += (last.counts.feeds - first.counts.feeds) * 60'000 / static_cast<double>(last.at_ms - first.at_ms);
  }
  return all;
}

double ReplicaLoad::p99_ms() const {
  std::map<double, double> within;
  double calls = 0;
  for (const auto& [replica, samples] : samples_) {
    double most = 0;
    for (const auto& [bound, count] : samples.back().counts.feeds_within) {
      const auto& before = samples.front().counts.feeds_within;
      const auto at = before.find(bound);
      const double more = count - (at == before.end() ? 0 : at->second);
      within[bound] += more;
      most = std::max(most, more);
    }
    calls += most;
  }
  if (calls <= 0) return 0;
  double highest_s = 0;
  for (const auto& [bound, count] : within) {
    if (bound != std::numeric_limits<double>::infinity()) highest_s = bound;
    if (count >= 0.99 * calls) break;
  }
  return highest_s * 1000;
}

}  // namespace gfr
