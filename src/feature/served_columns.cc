#include "feature/served_columns.h"

#include <algorithm>
#include <numeric>

namespace gfr {

std::vector<std::uint64_t> ColumnFingerprints(const FeatureSet& set) {
  std::vector<std::uint64_t> fingerprints;
  for (const BoundFeature& f : set.features) fingerprints.push_back(f.view->spec().fingerprint);
  return fingerprints;
}

std::vector<int> FindServedColumns(const ServedSlate& slate, const FeatureSet& set) {
  std::vector<int> found(set.columns(), -1);
  if (slate.columns.size() == set.columns() && set.HasRowsOf(slate.feature_fingerprint)) {
    std::iota(found.begin(), found.end(), 0);
    return found;
  }
  for (std::size_t k = 0; k < found.size(); ++k) {
    const std::uint64_t fingerprint = set.features[k].view->spec().fingerprint;
    const auto at = std::ranges::find(slate.columns, fingerprint, &ServedColumn::fingerprint);
    if (fingerprint != 0 && at != slate.columns.end()) found[k] = static_cast<int>(at - slate.columns.begin());
  }
  return found;
}

bool HasAllColumns(const ServedSlate& slate, const FeatureSet& set) {
  return std::ranges::none_of(FindServedColumns(slate, set), [](int column) { return column < 0; });
}

}  // namespace gfr
