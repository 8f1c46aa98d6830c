// Who is whom after user.alias events: the one rule of the store, of replays and of erasure.
//
// user.alias (user_id: the login, kind: the anonymous id, called the device here) makes the device's events the
// login's. What a second login on the device does is declared ([users] in gfr.toml):
//   first: nothing. The device stays the first login's, and the second login is another person.
//   last:  from then on the device is the second login's. What it did before stays the first one's.
//   none:  no alias joins anything.
// max_logins: from the alias on that names one login more, the device is shared: it belongs to no login, and never will
// again. What it did before stays whose it was.
// A login may be joined to another one, as a device is (two accounts become one). The login is followed to its end
// first; what would end in itself joins nothing. So the chains have no cycle.
//
// Whoever folds aliases keeps a map from key to key: a device to its login, and with max_logins the keys of NoteKey to
// the logins that were seen on a device.
#pragma once

#include <cstdint>
#include <string>

#include "event/event.h"

namespace gfr {

struct AliasRule {
  enum class Keeps : std::uint8_t { kFirst, kLast, kNone };
  static constexpr std::uint32_t kMostLogins = 64;
  Keeps keeps = Keeps::kFirst;
  std::uint32_t max_logins = 0;  // 0: no bound.

  bool operator==(const AliasRule&) const = default;
  // Whether a device that is joined stays joined to the same login for ever.
  bool is_lasting() const { return keeps == Keeps::kFirst && max_logins == 0; }
  // "last;max_logins=3". Empty: the rule that projects have without a word of it, so that their fingerprints stay.
  std::string Canonical() const {
    std::string text = keeps == Keeps::kLast ? "last" : keeps == Keeps::kNone ? "none" : "";
    if (max_logins > 0) text += ";max_logins=" + std::to_string(max_logins);
    return text;
  }
};

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

// Under which key the map has the login number `n` that was seen on the device.
inline Key NoteKey(Key device, std::uint32_t n) { return PairKey(device ^ 0x616c6961736573u, n + 1); }

// Of a session of that user; 0: of no session.
inline Key SessionKey(Key resolved_user, Key session) { return session ? PairKey(resolved_user, session) : 0; }

struct AliasStep {
  Key from = 0, to = 0;  // `to` is resolved; 0: `from` is joined to nobody from now on. 0, 0: nothing changes.
};

// What an alias of `device` and `login` does. `login` 0: one that was erased, which counts as one login, and to which
// nothing is joined: a device that would be its own is nobody's. `note(key, login)` writes into the map at once.
template <typename Next, typename Note>
AliasStep StepOf(const AliasRule& rule, Key device, Key login, const Next& next, const Note& note) {
  const Key to = login != 0 ? ResolveAlias(login, next) : PairKey(device, 1);
  if (device == 0 || to == device || rule.keeps == AliasRule::Keeps::kNone) return {};
  const Key now = next(device);
  if (rule.max_logins > 0) {
    for (std::uint32_t n = 0; n <= rule.max_logins; ++n) {
      const Key seen = next(NoteKey(device, n));
      if (seen == 0) note(NoteKey(device, n), to);
      // Two accounts that became one are one login.
      if (seen == 0 || ResolveAlias(seen, next) == to) break;
    }
    const bool is_shared = next(NoteKey(device, rule.max_logins)) != 0;
    if (is_shared) return now != 0 ? AliasStep{device, 0} : AliasStep{};
  }
  if (now != 0 && rule.keeps == AliasRule::Keeps::kFirst) return {};
  if (login == 0) return now != 0 ? AliasStep{device, 0} : AliasStep{};
  return ResolveAlias(device, next) == to ? AliasStep{} : AliasStep{device, to};
}
template <typename Next, typename Note>
AliasStep StepOf(const AliasRule& rule, const Event& alias, const Next& next, const Note& note) {
  return StepOf(rule, KeyOf(alias.kind), KeyOf(alias.user_id), next, note);
}

}  // namespace gfr
