// CountedPeople: whose events the counts beside serving are (cooccurrence.h, trends.h): ids that user.alias joins are
// one person, by the rule of devices and in the log's order, and the people that [dataset] leave_out_users names are nobody.
//
// Robots are found in a whole log only (event/activity.h) and are not left out here; what one user counts is bounded
// instead. At most kMostAliases devices are joined; further ones stay people of their own. Thread safety: a plain
// value.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "event/alias.h"

namespace gfr {

class CountedPeople {
 public:
  static constexpr std::size_t kMostAliases = 1u << 18;
  struct Rules {
    AliasRule alias = {};
    std::vector<std::string> left_out = {};  // Ids of users.
  };

  CountedPeople() : CountedPeople(Rules()) {}
  explicit CountedPeople(const Rules& rules);

  // The next user.alias of the log. Who became whom: {0, 0}, nobody did.
  AliasStep Join(const Event& alias);
  // The person, or the session of nobody; 0: neither, or somebody who is left out.
  Key Of(const Event& event) const;
  // Whether the event is of somebody who is left out.
  bool IsLeftOut(const Event& event) const;
  std::size_t memory_bytes() const { return to_.size() * 40; }

  void Encode(ByteWriter* out) const;
  // Of no bytes at all: nobody is joined yet. False: other bytes, or people by other rules.
  bool Decode(ByteReader* in);

 private:
  Key Resolve(Key user) const;
  std::uint64_t Fingerprint() const;

  AliasRule rule_;
  std::vector<Key> left_out_;  // Rising.
  std::unordered_map<Key, Key> to_;
};

}  // namespace gfr
