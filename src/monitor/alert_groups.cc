#include "monitor/alert_groups.h"

#include <algorithm>
#include <cstdlib>

namespace gfr {
namespace {

// What may be behind another alert has the lower number.
int Order(AlertKind kind) {
  switch (kind) {
    case AlertKind::kInstrumentation:
    case AlertKind::kVolume:
      return 0;
    case AlertKind::kFeature:
      return 1;
    default:
      return 2;
  }
}

bool IsCauseOf(const DriftAlert& cause, const DriftAlert& effect) {
  // A volume that falls leaves shares as they are: it explains no column.
  if (cause.kind == AlertKind::kVolume && effect.kind != AlertKind::kVolume) return false;
  return Order(cause.kind) <= Order(effect.kind) && (cause.model.empty() || cause.model == effect.model) &&
         std::abs(cause.since_ms - effect.since_ms) <= kGroupMs && cause.found_ms <= effect.found_ms &&
         (cause.open || cause.until_ms >= effect.found_ms);
}

}  // namespace

std::vector<DriftAlert> GroupCauses(std::vector<DriftAlert> alerts) {
  std::ranges::stable_sort(alerts, [](const DriftAlert& a, const DriftAlert& b) {
    if (a.found_ms != b.found_ms) return a.found_ms < b.found_ms;
    return Order(a.kind) != Order(b.kind) ? Order(a.kind) < Order(b.kind) : a.score > b.score;
  });
  std::vector<DriftAlert> causes;
  for (DriftAlert& alert : alerts) {
    const auto cause = std::ranges::find_if(causes, [&](const DriftAlert& c) { return IsCauseOf(c, alert); });
    if (cause == causes.end()) {
      causes.push_back(std::move(alert));
      continue;
    }
    for (std::string& name : alert.grouped) {
      if (name != cause->name && std::ranges::count(cause->grouped, name) == 0)
        cause->grouped.push_back(std::move(name));
    }
    const std::string name = alert.kind == AlertKind::kFeature || alert.kind == AlertKind::kPrediction
                                 ? alert.name
                                 : std::string(AlertKindName(alert.kind)) + " " + alert.name;
    if (std::ranges::count(cause->grouped, name) == 0) cause->grouped.push_back(name);
    cause->open |= alert.open;
    cause->until_ms = std::max(cause->until_ms, alert.until_ms);
  }
  return causes;
}

}  // namespace gfr
