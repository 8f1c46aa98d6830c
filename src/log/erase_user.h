// Erasing people from the log: their records are replaced by anonymised records, which name nobody.
//
// A person is an id and every id that user.alias joined to it (event/alias.h): a device that changes hands, for the
// records of its time with that login. The anonymised record has its offset, arrival and event time, so that
// positions (as_of), the slates of others and shared state stay what they were. What remains, as counts without a
// person: the type; of an event of items their ids, places, prices, quantities and catalogue properties, its value,
// surface and (item.view, or named by a definition) kind; the categories of the person that shared features count by,
// and the item touched before, where one counts by it (state/anonymiser.h). What is gone: ids of the user, session,
// request, transaction, event and source, texts, other context, variant, currency, channel; of a feed.request
// everything. A user.alias of a device that other people had too keeps the device, and the offset of the login's first
// alias there as its transaction_id: so the rule counts as many logins as before, and other people's devices stay
// whose they were. Events without a user go too if a record that goes has their session; those of a session that never
// named a user belong to nobody, and stay.
//
// Segments are rewritten from the last to the first, each beside, synced and renamed: after a crash each is the old one
// or the new one, and what lies before the next to rewrite is whole, so that running it again gives the same records.
// Events without a user are rewritten before the records that tie their sessions to people.
// REQUIRES: the joined ids were written down (ErasedIds) before, as the records that joined them go too.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "event/alias.h"
#include "log/local_log.h"

namespace gfr {

// Records from the offset `from` to before `before`.
struct OffsetSpan {
  std::uint64_t from = 0, before = UINT64_MAX;
  std::int64_t from_ms = INT64_MIN, before_ms = INT64_MAX;  // When they arrived.
};

// Which records go: those that name a key, within its spans.
class Erasure {
 public:
  void Add(Key key, OffsetSpan span) { spans_[key].push_back(span); }
  bool Takes(const LogRecord& record) const;
  bool empty() const { return spans_.empty(); }

 private:
  std::unordered_map<Key, std::vector<OffsetSpan>> spans_;
};

struct ErasedId {
  std::string text;               // May be unknown.
  std::vector<OffsetSpan> spans;  // Of its records, those that are the person's.
  bool is_shared = false;         // Other records of the id are another person's, and stay.
};

struct ErasedPerson {
  std::string id;                            // Named by the caller, or by a user.delete; empty: only its key is known.
  std::uint64_t before_offset = UINT64_MAX;  // Behind its last user.delete.
  std::int64_t before_ms = 0;                // Events up to this time are not imported again.
  std::map<Key, ErasedId> ids;               // All of them.
};

// Who was joined to whom before the log's first record: (from, to), as a store has it.
using JoinedBefore = std::vector<std::pair<Key, Key>>;

// The person whose `user` is at the end of the log; `known`: keys erased together with it earlier (ErasedIds).
Result<ErasedPerson> FindPerson(EventSource& log, const AliasRule& rule, const JoinedBefore& before,
                                const std::string& user, const std::vector<Key>& known);
// The people that a user.delete names, up to the last one of each.
Result<std::vector<ErasedPerson>> FindDeleted(EventSource& log, const AliasRule& rule, const JoinedBefore& before);

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
