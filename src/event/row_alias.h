// user.alias events made of rows and messages that name a login and an anonymous id.
//
// Every such row says one, with the row's time in its id, since only the order of arrival over all files tells which of
// them changes something. LastLogins then says of each, in that order, whether it does: the others are left out.
#pragma once

#include <string>
#include <unordered_map>

#include "event/event.h"

namespace gfr {

// The login is the user of `row`; `anonymous` is not empty.
Event RowAlias(const Event& row, const std::string& anonymous);
bool IsRowAlias(const Event& event);

// Which login was the last one on each anonymous id. Memory: at most 64 MB; beyond that it forgets all of them, so that
// an alias that changes nothing is kept now and then. Thread safety: none.
class LastLogins {
 public:
  // Whether `alias` names another login than the alias before on its anonymous id. REQUIRES: aliases by arrival.
  bool Changes(const Event& alias);

 private:
  static constexpr std::size_t kMost = 1u << 20;
  std::unordered_map<Key, Key> logins_;
};

}  // namespace gfr
