#include "event/alias_history.h"

#include <algorithm>

#include "event/erased_login.h"

namespace gfr {

Key AliasHistory::Next(Key user, std::uint64_t offset) const {
  const auto first = first_.find(user);
  if (first == first_.end()) return 0;
  if (const auto later = later_.empty() ? later_.end() : later_.find(user); later != later_.end()) {
    const auto behind = std::ranges::upper_bound(later->second, offset, {}, [](const auto& l) { return l.first; });
    if (behind != later->second.begin()) return std::prev(behind)->second;
  }
  return first->second;
}

Key AliasHistory::Resolve(Key user, std::uint64_t offset) const {
  const auto next = [&](Key key) { return Next(key, offset); };
  if (later_.empty()) return ResolveAlias(user, next);
  Key end = user;
  for (int steps = 0; steps < 16; ++steps) {
    const Key to = next(end);
    if (to == 0) return end;
    end = to;
  }
  // A device that became shared may be a login later. Before both, the two first logins name each other: they are one.
  std::vector<Key> seen;
  for (Key to = user; to != 0; to = next(to)) {
    if (const auto cycle = std::ranges::find(seen, to); cycle != seen.end())
      return *std::min_element(cycle, seen.end());
    seen.push_back(to);
  }
  return seen.empty() ? 0 : seen.back();
}

Key AliasHistory::PersonOf(const Event& event, std::uint64_t offset) const {
  return event.user_id.empty() ? SessionKey(0, KeyOf(event.session_id)) : Resolve(KeyOf(event.user_id), offset);
}

void AliasHistory::Join(const Event& alias, std::uint64_t offset) {
  const auto now = [this](Key key) { return Next(key, UINT64_MAX); };
  const AliasStep step = StepOfRecord(rule_, alias, now, [this](Key key, Key login) { first_[key] = login; });
  // The order of logins on a device is known where all of them are.
  if (!rule_.is_lasting() && rule_.keeps != AliasRule::Keeps::kNone && !alias.user_id.empty())
    Unite(KeyOf(alias.kind), KeyOf(alias.user_id));
  if (step.from == 0) return;
  if (const bool is_first = first_.try_emplace(step.from, step.to).second; !is_first)
    later_[step.from].emplace_back(offset, step.to);
}

void AliasHistory::Join(Key from, Key to) {
  first_[from] = to;
  if (!rule_.is_lasting()) Unite(from, to);
}

void AliasHistory::Unite(Key a, Key b) {
  if (a == 0 || b == 0) return;
  const Key group = GroupOf(b);
  if (const Key other = GroupOf(a); other != group) groups_[other] = group;
  if (a != group) groups_[a] = group;
}

Key AliasHistory::GroupOf(Key user) const {
  if (rule_.is_lasting()) return Resolve(user, UINT64_MAX);
  return ResolveAlias(user, [this](Key key) {
    const auto at = groups_.find(key);
    return at == groups_.end() ? Key{0} : at->second;
  });
}

Key AliasHistory::GroupOf(const Event& event) const {
  if (event.type == EventType::kUserAlias && !event.kind.empty()) return GroupOf(KeyOf(event.kind));
  return event.user_id.empty() ? SessionKey(0, KeyOf(event.session_id)) : GroupOf(KeyOf(event.user_id));
}

std::vector<std::uint64_t> AliasHistory::ChangesOf(Key device) const {
  std::vector<std::uint64_t> offsets;
  if (const auto later = later_.find(device); later != later_.end()) {
    for (const auto& [offset, to] : later->second) offsets.push_back(offset);
  }
  return offsets;
}

}  // namespace gfr
