#include "experiment/interleaving_credits.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiment/experiments.h"

namespace gfr {

void InterleavingCredits::Add(const Event& event) {
  if (event.type == EventType::kFeedRequest)
    AddSlate(event);
  else if (event.type == EventType::kFeedClick)
    AddClick(event);
}

void InterleavingCredits::AddSlate(const Event& request) {
  const ServedSlate& served = request.served;
  const auto assigned = std::ranges::find(served.experiments, experiment_, &ServedExperiment::experiment);
  if (assigned == served.experiments.end() || assigned->overridden || assigned->variant != kInterleavedName) return;
  const std::int64_t now_ms = request.time_ms;
  const std::string name = std::to_string(static_cast<int>(served.unit_kind)) + "/" + served.unit;
  const auto [at, is_new] = unit_of_.emplace(name, units_.size());
  if (is_new) units_.push_back({.exposure_ms = now_ms});
  OfUnit& unit = units_[at->second];
  if (now_ms < unit.exposure_ms || now_ms >= unit.exposure_ms + window_ms_) return;
  ++unit.slates;
  if (served.interleaving.experiment != experiment_) return;  // One of the rankings could not be made.
  OpenSlate open{.unit = at->second, .credits = {}};
  for (const EventItem& item : request.items) {
    const auto p = static_cast<std::size_t>(item.index);
    if (item.index < 0 || p >= served.interleaving.credit.size() || served.interleaving.credit[p] == 0) continue;
    open.credits.emplace_back(KeyOf(item.item_id), served.interleaving.credit[p]);
  }
  while (!order_.empty() && order_.front().first < now_ms - kOpenRequestMs) {
    open_.erase(order_.front().second);
    order_.pop_front();
  }
  if (open.credits.empty()) return;
  const Key key = KeyOf(request.request_id);
  if (open_.emplace(key, std::move(open)).second) order_.emplace_back(now_ms, key);
}

void InterleavingCredits::AddClick(const Event& click) {
  const auto at = open_.find(KeyOf(click.request_id));
  if (at == open_.end()) return;
  OpenSlate& open = at->second;
  OfUnit& unit = units_[open.unit];
  // It names its request, and stands behind it: a device's clock may still say an earlier time.
  if (click.time_ms >= unit.exposure_ms + window_ms_) return;
  for (const EventItem& item : click.items) {
    const auto credit = std::ranges::find(open.credits, KeyOf(item.item_id), &std::pair<Key, float>::first);
    if (credit == open.credits.end()) continue;
    unit.credit += credit->second;
    ++unit.clicks;
    open.credits.erase(credit);
  }
}

InterleavingResult InterleavingCredits::At(std::int64_t now_ms, double planned_units, double alpha) const {
  InterleavingResult result;
  double sum = 0, squares = 0;
  for (const OfUnit& unit : units_) {
    if (unit.exposure_ms + window_ms_ + lateness_ms_ > now_ms) {
      ++result.young_units;
      continue;
    }
    ++result.units;
    result.moved_units += unit.credit != 0;
    result.slates += unit.slates;
    result.clicks += unit.clicks;
    sum += unit.credit;
    squares += unit.credit * unit.credit;
  }
  if (result.units < 2) {
    result.low = -std::numeric_limits<double>::infinity();
    result.high = std::numeric_limits<double>::infinity();
    return result;
  }
  result.mean = sum / result.units;
  const double variance = std::max(0.0, squares / result.units - result.mean * result.mean);
  result.standard_error = std::sqrt(variance / result.units);
  const double half = ConfidenceSequence(alpha, planned_units).HalfWidth(result.standard_error, result.units);
  result.low = result.mean - half;
  result.high = result.mean + half;
  return result;
}

}  // namespace gfr
