#include "operations/canary_calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "stats/confidence_sequence.h"

namespace gfr {
namespace {

// Of sum(observed - factor * expected) over the units.
struct Mean {
  double value, se;
};
Mean MeanOf(const ArmCalibration& arm, double factor) {
  const double n = arm.units, value = (arm.observed - factor * arm.expected) / n;
  const double squares = arm.observed2 - 2 * factor * arm.both + factor * factor * arm.expected2;
  return {value, std::sqrt(std::max(0.0, (squares - n * value * value) / (n - 1)) / n)};
}

// Of the logarithm of observed over expected, by the delta method.
double SquaredErrorOfLog(const ArmCalibration& arm) {
  const Mean residual = MeanOf(arm, arm.ratio());
  const double mean = arm.observed / arm.units;
  return residual.se * residual.se / (mean * mean);
}

}  // namespace

void ArmCalibration::Add(double clicks, double promised) {
  units += 1;
  with_click += clicks > 0;
  observed += clicks;
  expected += promised;
  observed2 += clicks * clicks;
  expected2 += promised * promised;
  both += clicks * promised;
}

double ArmCalibration::ratio() const {
  return expected > 0 ? observed / expected : std::numeric_limits<double>::quiet_NaN();
}

std::string WhyMiscalibrated(const ArmCalibration& champion, const ArmCalibration& candidate, double most,
                             double alpha) {
  if (std::min(champion.with_click, candidate.with_click) < ConfidenceSequence::kNonzeroUnits) return "";
  if (!(champion.expected > 0) || !(candidate.expected > 0)) return "";
  const double bound = 1 + most;
  const ConfidenceSequence sequence(2 * alpha, ConfidenceSequence::kDefaultPlan);  // One of its bounds is used.
  const double apart = std::log(candidate.ratio() / champion.ratio());
  const double apart_half = sequence.HalfWidth(std::sqrt(SquaredErrorOfLog(candidate) + SquaredErrorOfLog(champion)),
                                               candidate.units + champion.units);
  const auto why = [&](const char* side) {
    return fmt::format(
        "guardrail: observed over expected clicks of the candidate is {:.2f} and the champion's {:.2f}: shown to be {} "
        "by more than {:g} %",
        candidate.ratio(), champion.ratio(), side, 100 * most);
  };
  const Mean above = MeanOf(candidate, bound);
  if (above.value - sequence.HalfWidth(above.se, candidate.units) > 0 && apart - apart_half > std::log(bound))
    return why("above 1 and above it");
  const Mean below = MeanOf(candidate, 1 / bound);
  if (below.value + sequence.HalfWidth(below.se, candidate.units) < 0 && apart + apart_half < -std::log(bound))
    return why("below 1 and below it");
  return "";
}

std::optional<CanaryCalibration> CanaryCalibration::Of(Options options) {
  const ObjectiveConfig& objective = options.objective;
  if (objective.population != EventType::kFeedImpression || objective.label != EventType::kFeedClick ||
      objective.sampled.on)
    return std::nullopt;
  return CanaryCalibration(std::move(options));
}

Status CanaryCalibration::Advance(EventSource& log) {
  if (!next_) {
    GFR_ASSIGN(next_, log.Begin());
  }
  GFR_ASSIGN(const Positions end, log.End());
  const std::uint32_t own = TypeBit(EventType::kFeedRequest) | TypeBit(EventType::kFeedImpression) |
                            TypeBit(EventType::kFeedClick) | TypeBit(EventType::kUserAlias);
  const std::uint32_t types = options_.leave_out.robots ? kEveryType : own;
  GFR_ASSIGN(const auto reader, log.Open(*next_, {.types = types, .until = end}));
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    Add(record);
  }
  next_ = end;
  return {};
}

void CanaryCalibration::Add(const LogRecord& record) {
  last_arrival_ms_ = std::max(last_arrival_ms_, record.arrival_ms);
  if (options_.leave_out.robots) activity_.Add(record);
  switch (record.event.type) {
    case EventType::kUserAlias:
      return people_.Join(record.event, record.offset);
    case EventType::kFeedRequest:
      return AddFeed(record);
    case EventType::kFeedImpression:
    case EventType::kFeedClick:
      return AddEvent(record.event);
    default:
      return;
  }
}

void CanaryCalibration::AddFeed(const LogRecord& record) {
  const Event& event = record.event;
  const ServedSlate& served = event.served;
  const auto assigned = std::ranges::find(served.experiments, options_.experiment, &ServedExperiment::experiment);
  if (assigned == served.experiments.end() || assigned->overridden || served.unit.empty()) return;
  const bool is_candidate = assigned->variant == options_.candidate;
  if (!is_candidate && assigned->variant != options_.champion) return;
  const Key unit = KeyOf(served.unit);
  if (of_unit_.contains(unit)) return;  // Exposed before, in this arm or the other.
  Unit made{.user = event.user_id.empty() ? SessionKey(0, KeyOf(event.session_id)) : KeyOf(event.user_id),
            .offset = record.offset,
            .time_ms = event.time_ms,
            .whole_ms = event.time_ms + options_.window_ms + options_.lateness_ms,
            .is_candidate = is_candidate,
            .items = {}};
  if (const ServedScores* scores = served.Find(options_.objective.name)) {
    for (std::size_t i = 0; i < event.items.size() && i < scores->values.size(); ++i) {
      if (event.items[i].index < 0) continue;  // Not shown.
      const float p = scores->at_shown.empty() ? scores->values[i] : scores->at_shown[i];
      if (std::isfinite(p)) made.items.push_back({KeyOf(event.items[i].item_id), p, false, false});
    }
  }
  // A feed without a model promises nothing; its unit is exposed all the same.
  of_unit_[unit] = units_.size();
  of_request_[KeyOf(event.request_id)] = units_.size();
  units_.push_back(std::move(made));
}

void CanaryCalibration::AddEvent(const Event& event) {
  const auto at = event.request_id.empty() ? of_request_.end() : of_request_.find(KeyOf(event.request_id));
  if (at == of_request_.end()) return;
  Unit& unit = units_[at->second];
  if (event.time_ms >= unit.time_ms + options_.window_ms) return;
  for (const EventItem& item : event.items) {
    const auto shown = std::ranges::find(unit.items, KeyOf(item.item_id), &Shown::item);
    if (shown == unit.items.end()) continue;
    shown->seen = true;  // Who clicks has seen it.
    shown->clicked |= event.type == EventType::kFeedClick;
  }
}

CanaryCalibration::Arms CanaryCalibration::Now() const {
  const auto left_out = LeftOut::Of(activity_, people_, options_.leave_out);
  Arms arms;
  for (const Unit& unit : units_) {
    if (unit.whole_ms > last_arrival_ms_) continue;
    if (left_out && left_out->Why(people_.Resolve(unit.user, unit.offset)) != nullptr) continue;
    double clicks = 0, promised = 0;
    for (const Shown& shown : unit.items) {
      if (!shown.seen) continue;
      clicks += shown.clicked;
      promised += static_cast<double>(shown.probability);
    }
    if (promised > 0) (unit.is_candidate ? arms.candidate : arms.champion).Add(clicks, promised);
  }
  return arms;
}

}  // namespace gfr
