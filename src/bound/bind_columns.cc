#include "bound/bind_columns.h"

#include <algorithm>
#include <utility>

#include "feature/column_fingerprint.h"

namespace gfr {
namespace {

const FeatureSpec& Spec(const FeatureSet& features, std::size_t column) {
  return features.features[column].view->spec();
}

// features.columns(): there is none.
std::size_t FindName(const FeatureSet& features, const std::string& name) {
  std::size_t k = 0;
  while (k < features.columns() && Spec(features, k).name != name) ++k;
  return k;
}

std::size_t FindFingerprint(const FeatureSet& features, const std::string& name, std::uint64_t fingerprint) {
  const std::size_t named = FindName(features, name);
  if (named < features.columns() && Spec(features, named).fingerprint == fingerprint) return named;
  std::size_t k = 0;
  while (k < features.columns() && Spec(features, k).fingerprint != fingerprint) ++k;
  return k;
}

void List(const std::string& name, std::string* names) { *names += (names->empty() ? "" : ", ") + name; }

Error Refused(const Model& model, const std::string& why) {
  return {ErrorCode::kInvalidArgument, "model " + model.name + "/" + model.version + " cannot be used with gfr.toml: " +
                                           why + "; put them back as they were, or run `gfr train`"};
}

std::string WhatIsMissing(const std::string& gone, const std::string& changed) {
  std::string why;
  if (!gone.empty()) why = "it reads features that are gone (" + gone + ")";
  if (!changed.empty())
    why +=
        (why.empty() ? "it reads" : " and") + std::string(" features that are defined otherwise now (") + changed + ")";
  return why;
}

// The columns by name; the one fingerprint of all tells whether they are those of the training.
Result<std::vector<std::uint32_t>> FindByName(const Model& model, const FeatureSet& features) {
  std::vector<std::uint32_t> columns;
  std::vector<std::uint64_t> fingerprints;
  std::string gone, canonical;
  for (const std::string& name : model.columns) {
    const std::size_t k = FindName(features, name);
    if (k == features.columns()) {
      List(name, &gone);
      continue;
    }
    columns.push_back(static_cast<std::uint32_t>(k));
    fingerprints.push_back(Spec(features, k).fingerprint);
    canonical += Spec(features, k).canonical + "\n";
  }
  if (!gone.empty()) return Refused(model, WhatIsMissing(gone, ""));
  if (model.feature_fingerprint != RowFingerprint(fingerprints) &&
      model.feature_fingerprint != Hash64(canonical.data(), canonical.size()))
    return Refused(model,
                   "features that it reads are defined otherwise now (which ones is not known: it is of format "
                   "1 to 4, and data/definitions has no file of its features)");
  return columns;
}

}  // namespace

Result<std::vector<std::uint32_t>> FindColumns(const Model& model, const FeatureSet& features) {
  if (model.column_fingerprints.empty()) return FindByName(model, features);
  std::vector<std::uint32_t> columns;
  std::string gone, changed;
  for (std::size_t c = 0; c < model.columns.size(); ++c) {
    const std::size_t k = FindFingerprint(features, model.columns[c], model.column_fingerprints[c]);
    if (k == features.columns())
      List(model.columns[c], FindName(features, model.columns[c]) == features.columns() ? &gone : &changed);
    columns.push_back(static_cast<std::uint32_t>(k));
  }
  if (!gone.empty() || !changed.empty()) return Refused(model, WhatIsMissing(gone, changed));
  return columns;
}

Result<Model> BindColumns(Model model, const FeatureSet& features) {
  GFR_ASSIGN(const std::vector<std::uint32_t> columns, FindColumns(model, features));
  bool same = columns.size() == features.columns();
  for (std::size_t c = 0; c < columns.size(); ++c) same = same && columns[c] == c;
  if (same) return model;

  std::vector<std::string> names;
  for (const BoundFeature& f : features.features) names.push_back(f.view->spec().name);
  std::vector<std::uint8_t> categorical(names.size(), 0);
  std::vector<std::map<float, float>> categories(names.size());
  for (std::size_t c = 0; c < columns.size(); ++c) {
    categorical[columns[c]] = model.categorical[c];
    categories[columns[c]] = std::move(model.categories[c]);
  }
  for (ObjectiveModel& objective : model.objectives) {
    Forest& forest = objective.forest;
    for (std::int32_t& feature : forest.feature) {
      if (feature >= 0) feature = static_cast<std::int32_t>(columns[static_cast<std::size_t>(feature)]);
    }
    forest.columns = static_cast<int>(names.size());
    forest.column_names.clear();  // As its file names them: of its own columns.
    forest.column_types.clear();
    if (objective.slice_column >= 0)
      objective.slice_column = static_cast<int>(columns[static_cast<std::size_t>(objective.slice_column)]);
  }
  if (model.position_column >= 0)
    model.position_column = static_cast<int>(columns[static_cast<std::size_t>(model.position_column)]);
  model.columns = std::move(names);
  model.categorical = std::move(categorical);
  model.categories = std::move(categories);
  model.column_fingerprints.clear();
  model.forest_columns = columns;
  return model;
}

}  // namespace gfr
