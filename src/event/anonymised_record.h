// Anonymised records: what an erasure leaves in the log in place of an erased user's record (log/erase_user.h).
//
// It names nobody, keeps offset, arrival and event time, and changes shared state exactly as the record did.
#pragma once

#include "event/event.h"

namespace gfr {

inline constexpr char kAnonymisedSource[] = "gfr", kAnonymisedIdPrefix[] = "erased/";
// Context: the item that the session had interacted with last.
inline constexpr char kAnonymisedLastItem[] = "gfr.last_item";
inline bool IsAnonymised(const Event& e) {
  return e.source == kAnonymisedSource && e.id.starts_with(kAnonymisedIdPrefix);
}

}  // namespace gfr
