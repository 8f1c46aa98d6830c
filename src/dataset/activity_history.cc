#include "dataset/activity_history.h"

#include <algorithm>

namespace gfr {
namespace {

// One of each kind that Activity tells apart.
constexpr EventType kKinds[] = {EventType::kFeedRequest, EventType::kFeedClick, EventType::kItemView,
                                EventType::kPurchase};
constexpr std::uint64_t kMostRecords = 0xffff;

std::uint64_t KindOf(EventType type) {
  const auto at = std::ranges::find(kKinds, type);
  return static_cast<std::uint64_t>(at == std::end(kKinds) ? std::end(kKinds) - 1 - kKinds : at - kKinds);
}

}  // namespace

void ActivityHistory::Add(const LogRecord& record) {
  const Event& event = record.event;
  if (event.type == EventType::kFeedShadow) return;
  const bool nobody = event.user_id.empty();
  const Key key = nobody ? SessionKey(0, KeyOf(event.session_id)) : KeyOf(event.user_id);
  if (key == 0) return;
  std::vector<Entry>& entries = (nobody ? sessions_ : users_)[key];
  const std::uint64_t kind = KindOf(event.type);
  if (!entries.empty()) {
    Entry& last = entries.back();
    if (last.arrival_ms == record.arrival_ms && last.kind == kind && last.offset + last.count == record.offset &&
        last.count < kMostRecords) {
      ++last.count;
      return;
    }
  }
  entries.push_back({record.arrival_ms, record.offset, kind, 1});
}

std::unordered_map<Key, Activity> ActivityHistory::ByPerson(const AliasHistory& people) const {
  std::unordered_map<Key, std::vector<Entry>> joined;
  for (const auto& [user, entries] : users_) {
    for (const Entry& e : entries) joined[people.Resolve(user, e.offset)].push_back(e);
  }
  std::unordered_map<Key, Activity> activity;
  const auto replay = [&](Key person, const std::vector<Entry>& entries) {
    Activity& its = activity[person];
    for (const Entry& e : entries) {
      for (std::uint64_t n = 0; n < e.count; ++n) its.Add(kKinds[e.kind], e.arrival_ms);
    }
  };
  for (auto& [person, entries] : joined) {
    std::ranges::sort(entries, {}, [](const Entry& e) { return std::uint64_t{e.offset}; });
    replay(person, entries);
  }
  for (const auto& [session, entries] : sessions_) replay(session, entries);
  return activity;
}

}  // namespace gfr
