#include "evaluate/selected_rows.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "model/encode.h"

namespace gfr {
namespace {

SelectedRows Select(std::span<const float> labels, const ObjectiveRows& all, bool by_request, const Model& model,
                    std::int64_t from_ms, std::int64_t to_ms, double negatives) {
  SelectedRows rows{.all = &all, .model = &model, .columns = model.columns.size()};
  std::uint64_t line = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all.arrival_ms[i] < from_ms || all.arrival_ms[i] >= to_ms) continue;
    if (i == 0 || all.offset[i] != all.offset[i - 1]) line = 0;
    const Key key = PairKey(all.offset[i], ++line);
    if (labels[i] != labels[i]) continue;
    if (negatives < 1 && labels[i] == 0 && static_cast<double>(key >> 11) * 0x1p-53 >= negatives) continue;
    rows.indices.push_back(static_cast<std::uint32_t>(i));
    rows.labels.push_back(labels[i]);
    rows.users.push_back(all.user[i]);
    rows.requests.push_back(all.request[i]);
    rows.positions.push_back(all.position[i]);
  }
  if (by_request) rows.groups = std::make_unique<const RequestGroups>(rows.requests);
  return rows;
}

}  // namespace

void SelectedRows::Read(std::size_t first, std::size_t count, std::vector<float>& out, bool at_reference) const {
  out.resize(count * columns);
  for (std::size_t i = 0; i < count; ++i)
    std::copy_n(all->features.data() + indices[first + i] * columns, columns, out.data() + i * columns);
  EncodeCategories(*model, out.data(), count);
  for (std::size_t i = 0; at_reference && model->position_column >= 0 && i < count; ++i)
    out[i * columns + static_cast<std::size_t>(model->position_column)] = model->position_reference;
}

float SelectedRows::Value(std::size_t row, std::size_t column) const {
  const float value = all->features[indices[row] * columns + column];
  if (!model->categorical[column] || value != value) return value;
  const auto code = model->categories[column].find(value);
  return code == model->categories[column].end() ? std::nanf("") : code->second;
}

SelectedRows SelectRows(const ObjectiveRows& all, bool by_request, const Model& model, std::int64_t from_ms,
                        std::int64_t to_ms, double negatives) {
  return Select(all.label, all, by_request, model, from_ms, to_ms, negatives);
}

SelectedRows SelectWholeWindow(const ObjectiveRows& all, bool by_request, const Model& model, std::int64_t from_ms,
                               std::int64_t to_ms) {
  return Select(all.whole.empty() ? all.label : all.whole, all, by_request, model, from_ms, to_ms, 1);
}

}  // namespace gfr
