#include "score/predict_rows.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/number_text.h"
#include "model/encode.h"
#include "model/softmax_link.h"
#include "score/feature_rows.h"
#include "score/scorer.h"

namespace gfr {
namespace {

constexpr std::size_t kBatch = 4096;

// The key of each row's request.
Result<std::vector<Key>> Requests(ColumnSource& source, const std::string& path) {
  const auto at = std::ranges::find(source.columns(), "request");
  if (at == source.columns().end())
    return Error{ErrorCode::kInvalidArgument,
                 "there is no column 'request'; an objective with the softmax link needs it, since the rows of a "
                 "request share its one click",
                 {path, 1}};
  GFR_TRY(source.SelectIds(static_cast<std::size_t>(at - source.columns().begin())));
  std::vector<Key> requests;
  std::vector<SourceColumn> columns;
  while (true) {
    GFR_ASSIGN(const std::size_t count, source.Next(kBatch, &columns));
    if (count == 0) return requests;
    for (std::size_t i = 0; i < count; ++i)
      requests.push_back(KeyOf(columns[0].is_text ? columns[0].texts[i] : NumberText(columns[0].numbers[i])));
  }
}

}  // namespace

Status PredictRows(const Model& model, const std::string& objective, const std::string& path,
                   const std::function<Result<std::unique_ptr<ColumnSource>>()>& open,
                   const std::function<Status(std::span<const float>)>& out) {
  const auto at = std::ranges::find(model.objectives, objective, &ObjectiveModel::name);
  if (at == model.objectives.end()) {
    std::string known;
    for (const ObjectiveModel& o : model.objectives) known += (known.empty() ? "" : ", ") + o.name;
    return Error{ErrorCode::kNotFound, "the model has no objective '" + objective + "'; it has " + known};
  }
  std::vector<Key> requests;
  if (at->softmax) {
    GFR_ASSIGN(const auto source, open());
    GFR_ASSIGN(requests, Requests(*source, path));
    if (requests.empty()) return {};
  }
  GFR_ASSIGN(const auto source, open());
  Forest columns;  // What FeatureRows looks for: the model's columns, by name alone.
  columns.columns = static_cast<int>(model.columns.size());
  columns.column_names = model.columns;
  // Without a place shown rows are read at the reference.
  const std::size_t width = model.columns.size();
  const std::size_t place = model.position_column < 0 ? width : static_cast<std::size_t>(model.position_column);
  if (place < width && std::ranges::count(source->columns(), model.columns[place]) == 0) {
    columns.column_names.erase(columns.column_names.begin() + model.position_column);
    --columns.columns;
  }
  for (const std::string& name : columns.column_names) {
    if (std::ranges::find(source->columns(), name) == source->columns().end())
      return Error{ErrorCode::kInvalidArgument, "there is no column '" + name + "', which the model reads", {path, 1}};
  }
  GFR_ASSIGN(FeatureRows table, FeatureRows::Make(*source, columns, path));
  GFR_ASSIGN(const auto scorer, Scorer::Make(at->forest));
  const std::size_t read = columns.column_names.size();
  std::vector<float> rows, margins;
  std::vector<float> all;
  while (true) {
    GFR_ASSIGN(const std::size_t count, table.Next(kBatch));
    if (count == 0) break;
    const Rows batch = table.rows();
    rows.resize(count * width);
    for (std::size_t i = 0; i < count; ++i) {
      const float* from = batch.f32 + i * read;
      float* to = rows.data() + i * width;
      std::copy_n(from, std::min(place, read), to);
      if (place == width) continue;
      to[place] = read == width && !std::isnan(from[place]) ? from[place] : model.position_reference;
      const std::size_t left = width - place - 1;
      std::copy_n(from + read - left, left, to + place + 1);
    }
    EncodeCategories(model, rows.data(), count);
    margins.resize(count);
    scorer->Margins(rows.data(), count, width, margins.data());
    if (at->softmax) {
      all.insert(all.end(), margins.begin(), margins.end());
      continue;
    }
    for (std::size_t i = 0; i < count; ++i)
      margins[i] = static_cast<float>(at->Probability(margins[i], rows.data() + i * width));
    GFR_TRY(out(margins));
  }
  if (!at->softmax) return {};
  if (all.size() != requests.size())
    return Error{ErrorCode::kInternal, "the table has another number of rows when it is read again", {path, 0}};
  margins = std::move(all);
  ApplySoftmaxLink(RequestGroups(requests), margins);
  for (float& m : margins) m = static_cast<float>(at->calibrator.Apply(m));
  return out(margins);
}

}  // namespace gfr
