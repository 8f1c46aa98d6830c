// Turns category codes of feature rows into a model's own: an unseen category becomes missing. In place, rows x
// columns, row-major.
#pragma once

#include <cstddef>
#include <limits>

#include "model/model.h"

namespace gfr {

inline void EncodeCategories(const Model& model, float* rows, std::size_t count) {
  const std::size_t columns = model.columns.size();
  for (std::size_t k = 0; k < columns; ++k) {
    if (!model.categorical[k]) continue;
    // Most columns of a request are the same in every row.
    float last = std::numeric_limits<float>::quiet_NaN(), last_code = last;
    for (std::size_t i = 0; i < count; ++i) {
      float& value = rows[i * columns + k];
      if (value == value && value != last) {
        const auto code = model.categories[k].find(value);
        last = value;
        last_code = code != model.categories[k].end() ? code->second : std::numeric_limits<float>::quiet_NaN();
      }
      if (value == value) value = last_code;
    }
  }
}

}  // namespace gfr
