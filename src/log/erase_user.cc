#include "log/erase_user.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "event/alias_history.h"
#include "event/event_codec.h"
#include "log/rewrite_lock.h"
#include "log/rewrite_segment.h"
#include "log/segment.h"

namespace gfr {
namespace {

struct Alias {
  std::uint64_t offset;
  std::int64_t arrival_ms;
  Event event;  // What the rule of aliases reads.
};

struct Deleted {
  std::uint64_t offset;
  std::int64_t arrival_ms;
  std::string user;
};

struct Joins {
  std::vector<Alias> aliases;
  std::vector<Deleted> deleted;
};

Result<Joins> ReadJoins(EventSource& log) {
  Joins joins;
  GFR_TRY(ForEachRecord(log, TypeBit(EventType::kUserAlias) | TypeBit(EventType::kUserDelete), [&](const LogRecord& r) {
    const Event& e = r.event;
    if (e.type == EventType::kUserDelete && !e.user_id.empty())
      joins.deleted.push_back({r.offset, r.arrival_ms, e.user_id});
    // Without a user it is the anonymised record of a login that was erased, which the rule counts.
    if (e.type == EventType::kUserAlias && !e.kind.empty())
      joins.aliases.push_back({r.offset,
                               r.arrival_ms,
                               {.type = e.type,
                                .user_id = e.user_id,
                                .kind = e.kind,
                                .transaction_id = e.user_id.empty() ? e.transaction_id : ""}});
    return Status();
  }));
  return joins;
}

// Offsets from which on someone may be another person than before, and their arrival.
using Changes = std::map<std::uint64_t, std::int64_t>;

// The spans below `before` within which `key` is one of `roots`.
ErasedId SpansOf(const AliasHistory& history, Key key, const std::set<Key>& roots, const Changes& changes,
                 std::uint64_t before) {
  ErasedId id;
  OffsetSpan span;
  const auto end_at = [&](std::uint64_t offset, std::int64_t at_ms) {
    span.before = offset;
    span.before_ms = at_ms;
    if (!roots.contains(history.Resolve(key, span.from)))
      id.is_shared = true;
    else if (!id.spans.empty() && id.spans.back().before == span.from)
      id.spans.back() = {id.spans.back().from, offset, id.spans.back().from_ms, at_ms};
    else
      id.spans.push_back(span);
    span = {offset, UINT64_MAX, at_ms, INT64_MAX};
  };
  for (const auto& [offset, arrival_ms] : changes) {
    if (offset > 0 && offset < before) end_at(offset, arrival_ms);
  }
  end_at(before, INT64_MAX);
  return id;
}

// The people of a log, one after the other. What all aliases say is read once, and each person costs what the ids cost
// that were ever joined to theirs.
class People {
 public:
  People(const AliasRule& rule, const JoinedBefore& before, const std::vector<Alias>& aliases)
      : aliases_(aliases), now_(rule) {
    AliasHistory all(rule);
    std::set<Key> keys;
    for (const auto& [from, to] : before) {
      all.Join(from, to);
      now_.Join(from, to);
      keys.insert({from, to});
    }
    for (const Alias& a : aliases) {
      all.Join(a.event, a.offset);
      for (const std::string* id : {&a.event.kind, &a.event.user_id}) {
        if (!id->empty() && texts_.try_emplace(KeyOf(*id), *id).second) keys.insert(KeyOf(*id));
      }
    }
    // Who is joined stays joined, so that an earlier group is part of a group at the end.
    for (const Key key : keys) {
      group_of_[key] = all.GroupOf(key);
      members_[all.GroupOf(key)].push_back(key);
    }
  }

  // Fills `person.ids` with every id that the aliases before `person.before_offset` make the same person as one that it
  // has, each with the records that are the person's. REQUIRES: no person before was of a later offset.
  void Close(ErasedPerson& person) {
    for (; joined_ < aliases_.size() && aliases_[joined_].offset < person.before_offset; ++joined_)
      now_.Join(aliases_[joined_].event, aliases_[joined_].offset);
    std::set<Key> roots, groups, keys;
    const std::uint64_t end = person.before_offset - 1;
    for (const auto& [key, id] : person.ids) {
      const Key root = now_.Resolve(key, end);
      // A device that was erased with the person earlier, and is somebody else's by now, takes nobody along.
      if (key != KeyOf(person.id) && !person.ids.contains(root)) continue;
      roots.insert(root);
      groups.insert(now_.GroupOf(key));
      const auto group = group_of_.find(key);
      if (group == group_of_.end()) continue;
      const std::vector<Key>& members = members_.at(group->second);
      keys.insert(members.begin(), members.end());
    }
    std::erase_if(keys, [&](Key key) { return !groups.contains(now_.GroupOf(key)); });
    const Changes changes = ChangesOf(keys);
    for (const auto& [key, id] : person.ids) keys.insert(key);
    for (const Key key : keys) {
      ErasedId id = SpansOf(now_, key, roots, changes, person.before_offset);
      if (const auto text = texts_.find(key); text != texts_.end()) id.text = text->second;
      const auto named = person.ids.find(key);
      if (named != person.ids.end() && id.text.empty()) id.text = named->second.text;
      if (!id.spans.empty())
        person.ids[key] = std::move(id);
      else if (key != KeyOf(person.id))
        person.ids.erase(key);
    }
  }

 private:
  Changes ChangesOf(const std::set<Key>& keys) const {
    Changes changes;
    for (const Key key : keys) {
      for (const std::uint64_t offset : now_.ChangesOf(key))
        changes[offset] = std::ranges::lower_bound(aliases_, offset, {}, &Alias::offset)->arrival_ms;
    }
    return changes;
  }

  const std::vector<Alias>& aliases_;
  AliasHistory now_;  // After the first `joined_` aliases.
  std::size_t joined_ = 0;
  std::unordered_map<Key, std::string> texts_;
  std::unordered_map<Key, Key> group_of_;              // At the end of the log.
  std::unordered_map<Key, std::vector<Key>> members_;  // Of these groups.
};

// The segment with the anonymised records in place of those at their offsets.
Result<RewrittenSegment> Rewrite(const std::string& path, const std::string& bytes,
                                 const std::unordered_map<std::uint64_t, Event>& anonymised) {
  std::string encoded;
  return RewriteSegment(path, bytes, [&](EncodedRecord* record) -> Status {
    const auto found = anonymised.find(record->offset);
    if (found == anonymised.end()) return {};
    encoded.clear();
    EncodeEvent(found->second, &encoded);
    record->event = encoded;
    return {};
  });
}

void AddOnce(const std::string& segment, std::vector<std::string>* segments) {
  if (segments->empty() || segments->back() != segment) segments->push_back(segment);
}

// What stands in place of records, and the segments that have them, in order.
struct Rewrites {
  std::unordered_map<std::uint64_t, Event> anonymised;  // By offset.
  std::vector<std::string> segments;

  Status Write(LocalLog& log, const std::function<Status(const std::string&)>& before_rewrite) const {
    for (auto name = segments.rbegin(); name != segments.rend(); ++name) {
      const std::string path = JoinPath(log.folder(), *name);
      GFR_ASSIGN(const std::string bytes, log.fs().ReadAll(path));
      GFR_ASSIGN(const RewrittenSegment rewritten, Rewrite(path, bytes, anonymised));
      GFR_TRY(before_rewrite(*name));
      GFR_TRY(PublishFile(log.fs(), path, rewritten.bytes));
    }
    return {};
  }
};

bool IsOfSession(const Event& e, const std::unordered_set<Key>& sessions) {
  return !e.session_id.empty() && sessions.contains(KeyOf(e.session_id));
}

// The sessions of the records that go.
Result<std::unordered_set<Key>> SessionsOf(LocalLog& log, const Erasure& erasure) {
  std::unordered_set<Key> sessions;
  GFR_ASSIGN(const auto reader, log.OpenAll());
  for (LogRecord r;;) {
    GFR_ASSIGN(const bool more, reader->More(&r));
    if (!more) return sessions;
    if (!r.event.session_id.empty() && erasure.Takes(r)) sessions.insert(KeyOf(r.event.session_id));
  }
}

}  // namespace

bool Erasure::Takes(const LogRecord& r) const {
  const auto takes = [&](const std::string& id) {
    if (id.empty()) return false;
    const auto at = spans_.find(KeyOf(id));
    return at != spans_.end() && std::ranges::any_of(at->second, [&](const OffsetSpan& span) {
             return r.offset >= span.from && r.offset < span.before;
           });
  };
  return takes(r.event.user_id) || (r.event.type == EventType::kUserAlias && takes(r.event.kind));
}

Result<ErasedPerson> FindPerson(EventSource& log, const AliasRule& rule, const JoinedBefore& before,
                                const std::string& user, const std::vector<Key>& known) {
  GFR_ASSIGN(const Joins joins, ReadJoins(log));
  ErasedPerson person{.id = user};
  person.ids[KeyOf(user)].text = user;
  for (const Key key : known) person.ids.try_emplace(key);
  People(rule, before, joins.aliases).Close(person);
  return person;
}

Result<std::vector<ErasedPerson>> FindDeleted(EventSource& log, const AliasRule& rule, const JoinedBefore& before) {
  GFR_ASSIGN(const Joins joins, ReadJoins(log));
  std::unordered_map<std::string, const Deleted*> last;
  for (const Deleted& d : joins.deleted) last[d.user] = &d;
  std::vector<ErasedPerson> list;
  People people(rule, before, joins.aliases);
  for (const Deleted& d : joins.deleted) {
    if (last.at(d.user) != &d) continue;
    ErasedPerson& person = list.emplace_back(
        ErasedPerson{.id = d.user, .before_offset = d.offset + 1, .before_ms = d.arrival_ms, .ids = {}});
    person.ids[KeyOf(d.user)].text = d.user;
    people.Close(person);
  }
  return list;
}

Result<ErasedRecords> EraseRecords(LocalLog& log, const Erasure& erasure, bool dry_run,
                                   const std::function<Event(const LogRecord&)>& anonymised_of,
                                   const std::function<Status(const std::string&)>& before_rewrite) {
  ExclusiveLocks locks;
  if (!dry_run) {
    GFR_ASSIGN(locks, LockExclusively(log, "erase"));
  }
  GFR_ASSIGN(const auto segments, log.Segments());
  GFR_ASSIGN(const auto sessions, SessionsOf(log, erasure));
  ErasedRecords out;
  Rewrites of_sessions, of_people;
  GFR_ASSIGN(const auto reader, log.OpenAll());
  for (LogRecord r;;) {
    GFR_ASSIGN(const bool more, reader->More(&r));
    if (!more) break;
    const bool names_one = erasure.Takes(r);
    if (!names_one && !(r.event.user_id.empty() && IsOfSession(r.event, sessions))) continue;
    if (out.records++ == 0) out.first_ms = r.arrival_ms;
    out.last_ms = r.arrival_ms;
    ++out.by_type[static_cast<std::size_t>(r.event.type)];
    out.slates += r.event.served.exists();
    // The last segment whose name is not behind it.
    const auto behind = std::ranges::upper_bound(segments, SegmentName(r.offset));
    if (behind == segments.begin()) continue;
    AddOnce(*(behind - 1), &out.segments);
    if (dry_run) continue;
    Rewrites& rewrites = names_one ? of_people : of_sessions;
    AddOnce(*(behind - 1), &rewrites.segments);
    rewrites.anonymised.emplace(r.offset, anonymised_of(r));
  }
  GFR_TRY(of_sessions.Write(log, before_rewrite));
  GFR_TRY(of_people.Write(log, before_rewrite));
  return out;
}

}  // namespace gfr
