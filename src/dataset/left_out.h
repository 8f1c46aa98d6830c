// LeftOut: whose events make no rows of a dataset, and why.
//
// Robots are found in a pass over the whole log (event/activity.h), in about 250 bytes a person; a user that was named
// is left out with every id joined to it (a device that changes hands: while it is that user's). Thread safety: const
// calls from any thread.
#pragma once

#include <memory>
#include <unordered_map>

#include "dataset/row_builder.h"

namespace gfr {

class LeftOut {
 public:
  // Null when nobody is to be left out. `people`: after all aliases of the log.
  static Result<std::shared_ptr<const LeftOut>> Find(EventSource& log, const AliasHistory& people,
                                                     const LeaveOutConfig& config);
  // Null: not left out. `person` as AliasHistory::PersonOf says.
  const DropReason* Why(Key person) const {
    const auto at = people_.find(person);
    return at == people_.end() ? nullptr : &at->second;
  }

 private:
  std::unordered_map<Key, DropReason> people_;
};

}  // namespace gfr
