// Where the columns of a slate's record (event/served_slate.h) stand among those of a FeatureSet.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "event/served_slate.h"
#include "feature/feature_set.h"

namespace gfr {

// Of each column of `set`, in order.
std::vector<std::uint64_t> ColumnFingerprints(const FeatureSet& set);

// For each column of `set` its index in slate.columns, -1: the slate was not served with it. Columns match by
// fingerprint; those of records of format 1 to 4 have none and match all together, by the row's fingerprint.
std::vector<int> FindServedColumns(const ServedSlate& slate, const FeatureSet& set);

// Whether the slate was served with every column of `set`.
bool HasAllColumns(const ServedSlate& slate, const FeatureSet& set);

}  // namespace gfr
