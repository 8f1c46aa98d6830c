// StartAtBase: where every fold of a log begins: with nothing, or with the base of a log whose old records were
// deleted.
//
// All who fold a log from its begin use it (server, dataset, features, verify, explain), so that each of them has the
// same states at the same record. A definition that the base does not know starts empty there.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "log/event_source.h"
#include "state/online_store.h"

namespace gfr {

// Fills `store`, which must be new: its next record is the log's first one. `open_epochs`: as RestoreBase says. Errors:
// kCorrupt, the base is not what was written, or not of this log.
Status StartAtBase(EventSource& log, OnlineStore* store, bool open_epochs = true);

// Which id was joined to which by an alias before the log's begin. Empty without a base.
Result<std::vector<std::pair<Key, Key>>> AliasesOfBase(EventSource& log);

// Likewise which item was said to be a variant of which parent (PropertySchema::parent_property, which must be
// declared).
Result<std::vector<std::pair<Key, Key>>> ParentsOfBase(EventSource& log, std::shared_ptr<const FeatureSet> features);

}  // namespace gfr
