#include "train/dictionary.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace gfr {

Model EmptyModel(const FeatureSet& features) {
  Model model;
  model.feature_fingerprint = features.fingerprint;
  for (const BoundFeature& f : features.features) {
    model.columns.push_back(f.view->spec().name);
    model.categorical.push_back(f.view->spec().categorical);
    model.column_fingerprints.push_back(f.view->spec().fingerprint);
  }
  model.categories.resize(model.columns.size());
  model.position_column = features.position_column;
  model.position_reference = features.position_reference;
  return model;
}

void MakeDictionaries(const Dataset& data, std::int64_t to_ms, Model& model) {
  for (std::size_t k = 0; k < model.columns.size(); ++k) {
    if (!model.categorical[k]) continue;
    std::map<float, std::uint64_t> counts;
    for (const ObjectiveRows& rows : data.objectives) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const float value = rows.features[i * model.columns.size() + k];
        if (rows.arrival_ms[i] < to_ms && value == value) ++counts[value];
      }
    }
    std::vector<std::pair<std::uint64_t, float>> order;
    for (const auto& [value, count] : counts) order.push_back({count, value});
    std::ranges::sort(order, std::greater<>());
    for (std::size_t c = 0; c < std::min<std::size_t>(order.size(), 200); ++c) {
      model.categories[k][order[c].second] = static_cast<float>(c);
      if (const auto name = data.category_names.find(order[c].second); name != data.category_names.end())
        model.category_names.insert(*name);
    }
  }
}

}  // namespace gfr
