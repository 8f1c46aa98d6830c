// RowsForReference: an objective's rows as a reference for drift counts them.
#pragma once

#include "dataset/dataset.h"
#include "monitor/reference.h"

namespace gfr {

// REQUIRES: `rows` outlives what is returned. `columns`: of a row.
inline ReferenceRows RowsForReference(const ObjectiveRows& rows, std::size_t columns) {
  return {.features = rows.features,
          .columns = columns,
          .label = rows.label,
          .arrival_ms = rows.arrival_ms,
          .request = rows.request};
}

}  // namespace gfr
