// Interactions: who came to which items, read from a log for ALS (als.h).
//
// Ids that user.alias joins are one person, by the rule of devices and as of each event's offset; who is left out of
// datasets ([dataset], dataset/left_out.h) is left out here. Equal logs give equal interactions, in whatever order the
// partitions of users lie.
#pragma once

#include "dataset/dataset.h"
#include "event/alias.h"
#include "index/als.h"
#include "index/index_config.h"
#include "log/event_source.h"

namespace gfr {

struct ReadInteractionsResult {
  Interactions interactions;
  std::uint64_t events = 0;
  std::size_t items_left_out = 0;  // Beyond EmbeddingIndex::kMostItems: those with the fewest users.
  std::int64_t last_arrival_ms = INT64_MIN;
};

// Two passes over the log, and one more where somebody is left out. Memory: 16 bytes a user and item who met, and the
// people of all aliases. Errors: those of the log.
Result<ReadInteractionsResult> ReadInteractions(EventSource& log, const IndexConfig& config,
                                                const LeaveOutConfig& leave_out, const AliasRule& rule);

}  // namespace gfr
