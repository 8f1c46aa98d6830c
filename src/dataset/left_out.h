// LeftOut: whose events make no rows of a dataset, and why.
//
// Robots are found in a pass over the whole log (event/activity.h), in about 250 bytes a person; a user that was named
// is left out with every id joined to it (a device that changes hands: while it is that user's). Thread safety: const
// calls from any thread.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "dataset/activity_history.h"
#include "dataset/row_builder.h"

namespace gfr {

class LeftOut {
 public:
  // Null when nobody is to be left out. `people`: after all aliases of the log.
  // `activity`: of the records before `from`, and after it of all; null: the whole log is read.
  static Result<std::shared_ptr<const LeftOut>> Find(EventSource& log, const AliasHistory& people,
                                                     const LeaveOutConfig& config,
                                                     std::unordered_map<Key, Activity>* activity = nullptr,
                                                     std::optional<std::uint64_t> from = {});
  // The same without reading the log: `activity` is of all its records; it is not looked into without
  // LeaveOutConfig::robots.
  static std::shared_ptr<const LeftOut> Of(const ActivityHistory& activity, const AliasHistory& people,
                                           const LeaveOutConfig& config);
  // Null: not left out. `person` as AliasHistory::PersonOf says.
  const DropReason* Why(Key person) const {
    const auto at = people_.find(person);
    return at == people_.end() ? nullptr : &at->second;
  }
  const std::unordered_map<Key, DropReason>& people() const { return people_; }

 private:
  void Add(const std::unordered_map<Key, Activity>& activity, const AliasHistory& people, const LeaveOutConfig& config);
  std::unordered_map<Key, DropReason> people_;
};

}  // namespace gfr
