// Erasing people from the log: their records are replaced by anonymised records, which name nobody.
//
// A person is an id and every id that user.alias joined to it (event/alias.h). The anonymised record has the offset,
// the arrival and the event time of the erased one, so that positions (as_of), the slates of others and shared state
// stay what they were. What remains, as counts without a person: the type; of an event of items their ids, places,
// prices, quantities and catalogue properties, its value, surface and (item.view, or named by a definition) kind; the
// categories of the person that shared features count by, and the item touched before, where one counts by it
// (state/anonymiser.h). What is gone: ids of the user, session, request, transaction, event and source, texts, other
// context, variant, currency, channel; of a feed.request everything.
// Events of a session that never named a user belong to nobody, and stay.
//
// Segments are rewritten from the last to the first, each beside, synced and renamed: after a crash each is the old one
// or the new one, and what lies before the next to rewrite is whole, so that running it again gives the same records.
// REQUIRES: the joined ids were written down (ErasedIds) before, as the records that joined them go too.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "event/event.h"
#include "log/local_log.h"

namespace gfr {

// Which records go: those of a key at an offset below its own.
class Erasure {
 public:
  void Add(Key key, std::uint64_t before_offset);
  bool Takes(const LogRecord& record) const;
  bool empty() const { return before_.empty(); }

 private:
  std::unordered_map<Key, std::uint64_t> before_;
};

struct ErasedPerson {
  std::string id;                            // Named by the caller, or by a user.delete; empty: only its key is known.
  std::uint64_t before_offset = UINT64_MAX;  // Behind its last user.delete.
  std::int64_t before_ms = 0;                // Events up to this time are not imported again.
  std::map<Key, std::string> ids;            // All of them; a text may be unknown.
};

// The person of `user`, by the whole log; `known`: keys joined to it earlier (ErasedIds).
Result<ErasedPerson> FindPerson(EventSource& log, const std::string& user, const std::vector<Key>& known);
// The people that a user.delete names, up to the last one of each.
Result<std::vector<ErasedPerson>> FindDeleted(EventSource& log);

struct ErasedRecords {
  std::array<std::uint64_t, kEventTypes> by_type{};
  std::uint64_t records = 0, slates = 0;   // Slates: feed.requests that the server served.
  std::int64_t first_ms = 0, last_ms = 0;  // Arrival.
  std::vector<std::string> segments;       // Names of those that hold one.
};

// `anonymised_of` is given each record that goes, in log order, and says what stays of it. `before_rewrite` is called
// with the name of each segment before it changes. A dry run only counts. Errors: kUnavailable while a server or an
// import has the log; kCorrupt.
Result<ErasedRecords> EraseRecords(LocalLog& log, const Erasure& erasure, bool dry_run,
                                   const std::function<Event(const LogRecord&)>& anonymised_of,
                                   const std::function<Status(const std::string&)>& before_rewrite);

}  // namespace gfr
