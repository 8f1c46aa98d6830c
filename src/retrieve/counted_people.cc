#include "retrieve/counted_people.h"

#include <algorithm>
#include <utility>

#include "event/erased_login.h"

namespace gfr {

CountedPeople::CountedPeople(const Rules& rules) : rule_(rules.alias) {
  for (const std::string& id : rules.left_out) left_out_.push_back(KeyOf(id));
  std::ranges::sort(left_out_);
}

Key CountedPeople::Resolve(Key user) const {
  return ResolveAlias(user, [this](Key key) {
    const auto at = to_.find(key);
    return at == to_.end() ? Key{0} : at->second;
  });
}

AliasStep CountedPeople::Join(const Event& alias) {
  const auto next = [this](Key key) {
    const auto at = to_.find(key);
    return at == to_.end() ? Key{0} : at->second;
  };
  const AliasStep step = StepOfRecord(rule_, alias, next, [this](Key key, Key login) {
    if (to_.size() < kMostAliases) to_[key] = login;
  });
  if (step.from == 0 || (to_.size() >= kMostAliases && !to_.contains(step.from))) return {};
  if (step.to == 0)
    to_.erase(step.from);
  else
    to_[step.from] = step.to;
  return step;
}

bool CountedPeople::IsLeftOut(const Event& event) const {
  return !left_out_.empty() && !event.user_id.empty() &&
         std::ranges::binary_search(left_out_, Resolve(KeyOf(event.user_id)));
}

Key CountedPeople::Of(const Event& event) const {
  if (event.user_id.empty()) return event.session_id.empty() ? 0 : PairKey(1, KeyOf(event.session_id));
  return IsLeftOut(event) ? 0 : Resolve(KeyOf(event.user_id));
}

std::uint64_t CountedPeople::Fingerprint() const {
  std::string text = rule_.Canonical() + ';';
  for (const Key key : left_out_) text += std::to_string(key) + ',';
  return Hash64(text.data(), text.size());
}

void CountedPeople::Encode(ByteWriter* out) const {
  std::vector<std::pair<Key, Key>> pairs(to_.begin(), to_.end());
  std::ranges::sort(pairs);
  out->Number(Fingerprint());
  out->Varint(pairs.size());
  for (const auto& [from, to] : pairs) {
    out->Number(from);
    out->Number(to);
  }
}

bool CountedPeople::Decode(ByteReader* in) {
  if (in->left.empty()) return left_out_.empty();  // Written before aliases were followed.
  if (in->Number<std::uint64_t>() != Fingerprint()) return false;
  const std::size_t count = in->Count(16);
  if (count > kMostAliases) return false;
  Key before = 0;
  for (std::size_t i = 0; i < count && !in->bad; ++i) {
    const Key from = in->Number<Key>(), to = in->Number<Key>();
    if (from <= before || to == 0 || Resolve(to) == from) return false;  // No cycle.
    to_[from] = to;
    before = from;
  }
  return !in->bad;
}

}  // namespace gfr
