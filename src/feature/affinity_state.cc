#include "feature/affinity_state.h"

#include <span>

namespace gfr {

std::vector<CategoryLift> ReadLifts(const FeatureConfig& feature, const std::byte* state, std::int64_t now_ms) {
  std::vector<CategoryLift> lifts;
  if (feature.type == "affinity") {
    const auto& header = *reinterpret_cast<const AffinityHeader*>(state);
    for (const AffinitySlot& slot : std::span(reinterpret_cast<const AffinitySlot*>(&header + 1), feature.capacity)) {
      if (slot.key != 0) lifts.push_back({slot.key, 1 + kShareWeight * slot.weight / (header.total + kShareShrunk)});
    }
    return lifts;
  }
  if (feature.type != "taste") return lifts;
  const auto& header = *reinterpret_cast<const TasteHeader*>(state);
  const double age_ms = static_cast<double>(now_ms > header.at_ms ? now_ms - header.at_ms : 0);
  const double left = Exp2(-age_ms / static_cast<double>(feature.half_life_ms)), prior = feature.prior_weight;
  const double own =
      (header.events * left + kPriorRateWeight * kPriorRate) / (header.offered * left + kPriorRateWeight);
  for (const TasteSlot& slot : std::span(reinterpret_cast<const TasteSlot*>(&header + 1), feature.capacity)) {
    if (slot.key == 0) continue;
    const double rate = (slot.events * left + prior * own) / (slot.offered * left + prior);
    lifts.push_back({slot.key, rate / own});
  }
  return lifts;
}

}  // namespace gfr
