// The fingerprint of what rows are made by, the log aside: equal ones of one log are equal rows.
//
// It covers the features' fingerprint, each objective's events and windows, and the version of the label rule
// (docs/ARCHITECTURE.md, Labels): a dataset of another rule cannot be taken for this one's. Thread safety: pure.
#pragma once

#include <cstdint>
#include <vector>

#include "dataset/objective_config.h"
#include "feature/feature_set.h"

namespace gfr {

// 1: a click had to stand behind the impression of its request. 2: behind the request.
inline constexpr int kLabelRule = 2;

std::uint64_t DatasetFingerprint(const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives);

}  // namespace gfr
