// Who is whom after user.alias events: the one rule of the store and of replays.
//
// user.alias (user_id: the login, kind: the anonymous id) makes later events of the anonymous id the login's. Either
// may be joined already, a login to another one too: ids are followed to their end first, and what ends in one id is
// joined already. So the chains have no cycle, and an id is joined once.
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
  Key from = 0, to = 0;  // Resolved; 0, 0: the event joins nothing.
};
template <typename Next>
AliasStep StepOf(const Event& alias, const Next& next) {
  const AliasStep step{ResolveAlias(KeyOf(alias.kind), next), ResolveAlias(KeyOf(alias.user_id), next)};
  return step.from == 0 || step.to == 0 || step.from == step.to ? AliasStep{} : step;
}

}  // namespace gfr
