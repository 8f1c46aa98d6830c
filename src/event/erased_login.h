// What a user.alias does whose login was erased. Every fold of aliases asks here: stores, AliasHistory, metrics.
#pragma once

#include "event/alias.h"

namespace gfr {

// StepOf (event/alias.h) counts all erased logins of a device as one. Anonymised records that say which login it was,
// by their transaction_id (state/anonymiser.h), are counted one by one: within the map, the key of that login and the
// one for all of them change places.
template <typename Next, typename Note>
AliasStep StepOfRecord(const AliasRule& rule, const Event& alias, const Next& next, const Note& note) {
  if (!alias.user_id.empty() || alias.transaction_id.empty()) return StepOf(rule, alias, next, note);
  const Key device = KeyOf(alias.kind), any = PairKey(device, 1), own = PairKey(device, KeyOf(alias.transaction_id));
  const auto swapped = [&](Key key) { return key == any ? own : key == own ? any : key; };
  return StepOf(
      rule, alias, [&](Key key) { return swapped(next(key)); }, [&](Key key, Key login) { note(key, swapped(login)); });
}

}  // namespace gfr
