// Who is whom after user.alias events: the one rule of the store, of replays and of erasure.
//
// user.alias (user_id: the login, kind: the anonymous id) makes the events of the anonymous id the login's. The first
// login keeps it: an id that is joined is not joined again, so that a second login on a shared device is another
// person, and neither is erased with the other. A login may be joined to another one, as an anonymous id is (two
// accounts become one). The login is followed to its end first; what would end in itself joins nothing. So the chains
// have no cycle.
#pragma once

#include "event/event.h"

namespace gfr {

// The end of the chain from `user`. `next(key)`: what it was joined to; 0: it was not.
template <typename Next>
Key ResolveAlias(Key user, const Next& next) {
  while (user != 0) {
    const Key to = next(user);
    if (to == 0) break;
    user = to;
  }
  return user;
}

struct AliasStep {
  Key from = 0, to = 0;  // `to` is resolved; 0, 0: the event joins nothing.
};
template <typename Next>
AliasStep StepOf(Key anonymous, Key login, const Next& next) {
  const AliasStep step{anonymous, ResolveAlias(login, next)};
  return step.from == 0 || step.to == 0 || step.from == step.to || next(anonymous) != 0 ? AliasStep{} : step;
}
template <typename Next>
AliasStep StepOf(const Event& alias, const Next& next) {
  return StepOf(KeyOf(alias.kind), KeyOf(alias.user_id), next);
}

}  // namespace gfr
