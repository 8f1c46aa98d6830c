// What of a dataset a reference for drift is made of: which objective's rows, and these as a reference counts them.
#pragma once

#include <algorithm>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/objective_config.h"
#include "monitor/reference.h"

namespace gfr {

// The objective of impressions, else the first: the one whose rows' columns are compared. Never one with the link mean.
inline std::size_t ComparedObjective(const std::vector<ObjectiveConfig>& objectives) {
  const auto shown = std::ranges::find_if(
      objectives, [](const ObjectiveConfig& o) { return o.population == EventType::kFeedImpression && !o.mean(); });
  return shown == objectives.end() ? 0 : static_cast<std::size_t>(shown - objectives.begin());
}

// REQUIRES: `rows` outlives what is returned. `columns`: of a row.
inline ReferenceRows RowsForReference(const ObjectiveRows& rows, std::size_t columns) {
  return {.features = rows.features,
          .columns = columns,
          .label = rows.label,
          .arrival_ms = rows.arrival_ms,
          .request = rows.request};
}

}  // namespace gfr
