// Assignment: the unit that a request is answered for, and the bucket that the unit is in. Decided once, before the
// pipeline.
//
// The unit is the id under which the request is answered: the login that user.alias joined the user to, else the user,
// else the session. A unit is named by its key (KeyOf of the id, as 16 hexadecimal digits): after an alias the key is
// all that the store knows of the login, and a person has one name whichever id a request brings.
// A bucket is a share in [0, 1) that depends on the salt and the id alone. Each purpose (an experiment, draws, swaps,
// the log's sample) has a salt of its own, so that no purpose goes with another.
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "event/served_slate.h"

namespace gfr {

struct Unit {
  UnitKind kind = UnitKind::kNone;
  std::string id;
  bool operator==(const Unit&) const = default;
};

// `user` and `session`: keys of the ids that the request names, 0: none. `login`: the user's after user.alias, which is
// `user` when it was joined to nobody.
Unit UnitOf(Key user, Key login, Key session);

// GrowthBook's hash, version 2 (docs.growthbook.io/lib/build-your-own): fnv1a32 of the decimal text of
// fnv1a32(salt + id), modulo 10,000, over 10,000.
double Bucket(std::string_view salt, std::string_view id);

}  // namespace gfr
