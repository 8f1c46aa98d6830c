// AliasHistory: who is whom at every record of a log, after all of its user.alias events (event/alias.h).
//
// A device that no login had yet is that login's from its first record on: what a person did before they logged in is
// theirs. Under a rule by which a device changes hands, the offset says whose it is. Thread safety: a plain value.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "event/alias.h"

namespace gfr {

class AliasHistory {
 public:
  explicit AliasHistory(const AliasRule& rule = {}) : rule_(rule) {}

  // The next alias of the log, in its order.
  void Join(const Event& alias, std::uint64_t offset);
  // What a store's map (event/alias.h) says of the time before the first record.
  void Join(Key from, Key to);

  // Whose an event of `user` at `offset` is.
  Key Resolve(Key user, std::uint64_t offset) const;
  // The user's person, else the session; 0: nobody.
  Key PersonOf(const Event& event, std::uint64_t offset) const;
  // One key for all ids that aliases ever joined: whoever is one person at some offset lies in one group.
  Key GroupOf(Key user) const;
  Key GroupOf(const Event& event) const;  // Of its user, of an alias its device; else the session.
  // Offsets from which on the device is another's than before, beside its first login.
  std::vector<std::uint64_t> ChangesOf(Key device) const;

 private:
  Key Next(Key user, std::uint64_t offset) const;
  void Unite(Key a, Key b);

  AliasRule rule_;
  std::unordered_map<Key, Key> first_;  // The first login of each device, and the map's notes.
  std::unordered_map<Key, std::vector<std::pair<std::uint64_t, Key>>> later_;  // Of devices that changed hands.
  std::unordered_map<Key, Key> groups_;                                        // Unless the rule is lasting.
};

}  // namespace gfr
