#include "feature/feature_types.h"

#include <algorithm>

namespace gfr {

// One line a file: x_view.cc defines XTypes. In this order messages and pages list the types.
#define GFR_FILES_OF_FEATURE_TYPES(File)                                                                               \
  File(Context) File(Request) File(Slate) File(Position) File(Count) File(Distinct) File(Decay) File(Rate) File(Trend) \
      File(Interaction) File(LastEvent) File(Sequence) File(Place) File(Affinity) File(AffinityRate) File(Distance)    \
          File(Relative) File(Similarity)

#define GFR_DECLARE(File) std::span<const FeatureType> File##Types();
GFR_FILES_OF_FEATURE_TYPES(GFR_DECLARE)
#undef GFR_DECLARE

std::span<const FeatureType* const> FeatureTypes() {
  static const std::vector<const FeatureType*> kAll = [] {
    std::vector<const FeatureType*> all;
#define GFR_ADD(File) \
  for (const FeatureType& type : File##Types()) all.push_back(&type);
    GFR_FILES_OF_FEATURE_TYPES(GFR_ADD)
#undef GFR_ADD
    return all;
  }();
  return kAll;
}

const FeatureType* FindFeatureType(std::string_view name) {
  const auto types = FeatureTypes();
  const auto type = std::ranges::find_if(types, [&](const FeatureType* t) { return name == t->name; });
  return type == types.end() ? nullptr : *type;
}

}  // namespace gfr
