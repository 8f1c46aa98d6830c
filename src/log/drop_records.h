// Dropping records from the log, and the repair of arrival times that were ahead of the clock.
//
// A dropped record leaves an empty one at its offset: of type feed.shadow, which changes no feature, with id
// `dropped/OFFSET` and source `gfr`. Offsets and positions stay. Arrival is the running maximum of the writer's clock,
// so that one time far ahead raises all that comes after it. Where a time was wrong, it and those behind it get the
// arrival that they would have had: their event time, raised to the arrival before. A time is wrong if it is later
// than now, or if a dropped record brought it into the log itself (its arrival is its event time, as import makes it,
// more than 5 min after the arrival before). Slates that were read at a wrong time lose what the server added to them,
// and count as those of an imported log; all other slates behind the first change are noted as not to be verified
// (ReadDrops), because a replay no longer gives what was served.
//
// Segments are rewritten from the last to the first, each beside, synced and renamed: after a crash each is the old one
// or the new one, and running it again goes on.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "event/event.h"
#include "log/local_log.h"
#include "log/offset_range.h"

namespace gfr {

// All that are given must hold of a record for it to go. Nothing given: nothing goes.
struct DropCriteria {
  std::vector<OffsetRange> offsets;                 // In any of them.
  std::optional<std::int64_t> before_ms, after_ms;  // Event time earlier than one, later than the other.
  std::vector<EventType> types;                     // One of them. Without, no user.delete goes.
  std::vector<std::string> sources;                 // One of them.
  bool empty() const;
  bool Takes(const LogRecord& record) const;  // Never a record that was dropped before.
};

bool IsDropped(const Event& event);

struct DroppedRecords {
  std::array<std::uint64_t, kEventTypes> by_type{};
  std::uint64_t records = 0;
  std::int64_t first_ms = 0, last_ms = 0;      // Event time.
  std::uint64_t arrivals = 0;                  // Records that stay and get another arrival.
  std::uint64_t slates_read_wrong = 0;         // Read at a wrong time.
  std::uint64_t slates_not_verified = 0;       // The other ones behind the first change.
  std::uint64_t changed_from = UINT64_MAX;     // The first offset that changes.
  std::int64_t changed_from_ms = INT64_MAX;    // The least arrival, old or new, from there on.
  std::int64_t end_before_ms = 0, end_ms = 0;  // The log's last arrival, before and after.
  std::vector<std::string> segments;           // Those that change.
  bool any() const { return changed_from != UINT64_MAX; }
};

// `now_ms`: no arrival is later. `before_rewrite` is called with the name of each segment before it changes. A dry run
// only counts. Errors: kUnavailable while a server or an import has the log; kCorrupt.
Result<DroppedRecords> DropRecords(LocalLog& log, const DropCriteria& criteria, std::int64_t now_ms, bool dry_run,
                                   const std::function<Status(const std::string&)>& before_rewrite);

// Slates at these offsets were read from a log that has changed since. The file `dropped` of the log's folder has them;
// kCorrupt: it is not what was written.
Result<std::vector<OffsetRange>> ReadDrops(const LocalLog& log);

}  // namespace gfr
