#include "dataset/dataset_fingerprint.h"

#include <string>

#include "base/hash.h"

namespace gfr {

std::uint64_t DatasetFingerprint(const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives) {
  std::string text = "features=" + std::to_string(features.fingerprint) + "\nlabels=" + std::to_string(kLabelRule);
  for (const ObjectiveConfig& o : objectives)
    text += "\n" + o.name + ": " + std::string(EventTypeName(o.population)) + " " +
            std::string(EventTypeName(o.label)) + " " + std::to_string(o.window_ms) + " " +
            std::to_string(o.early_window_ms);
  for (const ObjectiveConfig& o : objectives) {
    if (o.sampled.on)
      text += "\n" + o.name + " sampled: " + std::to_string(o.sampled.size) + " " +
              std::to_string(o.sampled.in_session) + " " + std::to_string(o.sampled.category) + " " +
              std::to_string(o.sampled.seed);
  }
  for (const ObjectiveConfig& o : objectives) {
    if (o.mean()) text += "\n" + o.name + (o.amount == ObjectiveConfig::Amount::kPrice ? " price" : " value");
  }
  if (const int parent = features.schema.parent_property; parent >= 0)
    text += "\nparent=" + features.schema.item_names[static_cast<std::size_t>(parent)];
  return Hash64(text.data(), text.size());
}

}  // namespace gfr
