// Unit: whom a request is answered for: the id under which everything is assigned.
//
// It is the login that user.alias joined the user to, else the user id, else the session id, each as the text that
// clients know: a client library that hashes the same id comes to the same bucket. A person has one unit whichever of
// their ids a request brings. Thread safety: pure functions.
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

// `user_id`, `session_id`: of the request. `resolved`: the user's key after user.alias. `login`: the text of that key's
// id, of a user that was joined to another; where it is not known (the login was forgotten, or a Redis does not answer)
// the user id stands for itself.
Unit UnitOf(std::string_view user_id, std::string_view session_id, Key resolved, std::string_view login);

}  // namespace gfr
