#include "log/erase_user.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "event/alias.h"
#include "event/event_codec.h"
#include "log/rewrite_lock.h"
#include "log/rewrite_segment.h"
#include "log/segment.h"

namespace gfr {
namespace {

struct Alias {
  std::uint64_t offset;
  std::string from, to;
};

struct Deleted {
  std::uint64_t offset;
  std::int64_t arrival_ms;
  std::string user;
};

Status ReadJoins(EventSource& log, std::vector<Alias>* aliases, std::vector<Deleted>* deleted) {
  GFR_ASSIGN(const auto reader, log.OpenAll(TypeBit(EventType::kUserAlias) | TypeBit(EventType::kUserDelete)));
  for (LogRecord r;;) {
    GFR_ASSIGN(const bool more, reader->More(&r));
    if (!more) return {};
    if (r.event.user_id.empty()) continue;  // Anonymised.
    if (r.event.type == EventType::kUserDelete)
      deleted->push_back({r.offset, r.arrival_ms, r.event.user_id});
    else if (!r.event.kind.empty())
      aliases->push_back({r.offset, r.event.kind, r.event.user_id});
  }
}

// Adds every id that the aliases before `person.before_offset` make the same person as one that it has.
void Close(const std::vector<Alias>& aliases, ErasedPerson& person) {
  std::unordered_map<Key, Key> joined;
  const auto next = [&](Key id) {
    const auto at = joined.find(id);
    return at == joined.end() ? Key{0} : at->second;
  };
  for (const Alias& a : aliases) {
    if (a.offset >= person.before_offset) break;
    const AliasStep step = StepOf(KeyOf(a.from), KeyOf(a.to), next);
    if (step.from != 0) joined[step.from] = step.to;
  }
  std::unordered_set<Key> roots;
  for (const auto& [key, id] : person.ids) roots.insert(ResolveAlias(key, next));
  for (const Alias& a : aliases) {
    if (a.offset >= person.before_offset) break;
    for (const std::string* id : {&a.from, &a.to}) {
      if (roots.contains(ResolveAlias(KeyOf(*id), next))) person.ids[KeyOf(*id)] = *id;
    }
  }
}

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

}  // namespace

void Erasure::Add(Key key, std::uint64_t before_offset) {
  std::uint64_t& before = before_[key];
  before = std::max(before, before_offset);
}

bool Erasure::Takes(const LogRecord& r) const {
  const auto takes = [&](const std::string& id) {
    if (id.empty()) return false;
    const auto at = before_.find(KeyOf(id));
    return at != before_.end() && r.offset < at->second;
  };
  return takes(r.event.user_id) || (r.event.type == EventType::kUserAlias && takes(r.event.kind));
}

Result<ErasedPerson> FindPerson(EventSource& log, const std::string& user, const std::vector<Key>& known) {
  std::vector<Alias> aliases;
  std::vector<Deleted> deleted;
  GFR_TRY(ReadJoins(log, &aliases, &deleted));
  ErasedPerson person{.id = user};
  person.ids[KeyOf(user)] = user;
  for (const Key key : known) person.ids.try_emplace(key);
  Close(aliases, person);
  return person;
}

Result<std::vector<ErasedPerson>> FindDeleted(EventSource& log) {
  std::vector<Alias> aliases;
  std::vector<Deleted> deleted;
  GFR_TRY(ReadJoins(log, &aliases, &deleted));
  std::map<std::string, ErasedPerson> people;
  for (const Deleted& d : deleted)
    people[d.user] = {.id = d.user, .before_offset = d.offset + 1, .before_ms = d.arrival_ms};
  std::vector<ErasedPerson> list;
  for (auto& [user, person] : people) {
    person.ids[KeyOf(user)] = user;
    Close(aliases, person);
    list.push_back(std::move(person));
  }
  return list;
}

Result<ErasedRecords> EraseRecords(LocalLog& log, const Erasure& erasure, bool dry_run,
                                   const std::function<Event(const LogRecord&)>& anonymised_of,
                                   const std::function<Status(const std::string&)>& before_rewrite) {
  FileSystem& fs = log.fs();
  ExclusiveLocks locks;
  if (!dry_run) {
    GFR_ASSIGN(locks, LockExclusively(log, "erase"));
  }
  GFR_ASSIGN(const auto segments, log.Segments());
  ErasedRecords out;
  std::unordered_map<std::uint64_t, Event> anonymised;
  GFR_ASSIGN(const auto reader, log.OpenAll());
  for (LogRecord r;;) {
    GFR_ASSIGN(const bool more, reader->More(&r));
    if (!more) break;
    if (!erasure.Takes(r)) continue;
    if (out.records++ == 0) out.first_ms = r.arrival_ms;
    out.last_ms = r.arrival_ms;
    ++out.by_type[static_cast<std::size_t>(r.event.type)];
    out.slates += r.event.served.exists();
    // The last segment whose name is not behind it.
    const auto behind = std::ranges::upper_bound(segments, SegmentName(r.offset));
    if (behind != segments.begin() && (out.segments.empty() || out.segments.back() != *(behind - 1)))
      out.segments.push_back(*(behind - 1));
    if (!dry_run) anonymised.emplace(r.offset, anonymised_of(r));
  }
  if (dry_run) return out;
  for (auto name = out.segments.rbegin(); name != out.segments.rend(); ++name) {
    const std::string path = JoinPath(log.folder(), *name);
    GFR_ASSIGN(const std::string bytes, fs.ReadAll(path));
    GFR_ASSIGN(const RewrittenSegment rewritten, Rewrite(path, bytes, anonymised));
    GFR_TRY(before_rewrite(*name));
    GFR_TRY(PublishFile(fs, path, rewritten.bytes));
  }
  return out;
}

}  // namespace gfr
