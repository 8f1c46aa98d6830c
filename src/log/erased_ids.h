// ErasedIds: data/erased, the keys of ids that were erased, so that what is older is not imported again. No id is in
// it, only 64-bit hashes (KeyOf) of them: whoever has an id can ask whether it was erased. docs/formats/log.md has the
// bytes. Thread safety: a plain value.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "base/file_system.h"
#include "event/event.h"

namespace gfr {

class ErasedIds {
 public:
  // A missing file is an empty list. kCorrupt: not what was written.
  static Result<ErasedIds> Load(FileSystem& fs, const std::string& path);
  Status Save(FileSystem& fs, const std::string& path) const;  // Beside, synced, renamed.

  // One person's ids: events of them up to `before_ms` are not taken again; later ones are (a user who is back).
  void Add(const std::vector<Key>& person, std::int64_t before_ms);
  // An id that had other people too: what it did from `from_ms` to `before_ms` was `person`'s.
  void AddShared(Key key, Key person, std::int64_t from_ms, std::int64_t before_ms);
  // Whether `event` is of an erased id (its user, or whom a user.alias joins) and from before its erasure.
  bool Covers(const Event& event) const;
  // The keys that were erased together with `key`, without those that had other people too.
  std::vector<Key> TogetherWith(Key key) const;
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    Key key, person;
    std::int64_t from_ms, before_ms;
    bool is_shared;
  };
  struct Span {
    std::int64_t from_ms, before_ms;
  };
  void Take(const Entry& entry);
  std::vector<Entry> entries_;
  std::unordered_map<Key, std::vector<Span>> spans_;
};

}  // namespace gfr
