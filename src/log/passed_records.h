// PassedRecords: of a reader of some types of events, where the records of all other types lie.
//
// A reader that passes over a record, undecoded, has seen its offset and its arrival. Every reader of the project's
// logs has this beside EventReader.
#pragma once

#include <cstdint>
#include <functional>

namespace gfr {

using PassedRecord = std::function<void(std::uint64_t offset, std::int64_t arrival_ms)>;

class PassedRecords {
 public:
  virtual ~PassedRecords() = default;
  // Calls `passed` for each record that Next passes over from now on, in its order among those that Next gives.
  virtual void OnPassed(PassedRecord passed) = 0;
};

}  // namespace gfr
