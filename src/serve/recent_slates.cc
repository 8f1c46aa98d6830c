#include "serve/recent_slates.h"

#include <utility>

namespace gfr {

Key ReloadKey(const FeedRequest& request, bool explain) {
  if (request.page) return 0;
  std::string text;
  const auto add = [&text](const std::string& part) { text += std::to_string(part.size()) + ":" + part; };
  const auto add_properties = [&](const std::vector<Property>& properties) {
    add(std::to_string(properties.size()));
    for (const Property& p : properties) {
      add(p.name);
      add(p.text);
      add(std::to_string(p.number));
      for (const float x : p.vector) add(std::to_string(x));
    }
  };
  add(request.user_id);
  add(request.session_id);
  add(request.surface);
  add(std::to_string(request.size) + (explain || request.explain ? "e" : "") + (request.paged ? "p" : "") +
      (request.has_candidates ? "c" : ""));
  add_properties(request.context);
  for (const EventItem& item : request.candidates) {
    add(item.item_id);
    add(std::to_string(item.price));
    add_properties(item.properties);
  }
  const Key key = KeyOf(text);
  return key == 0 ? 1 : key;
}

void RecentSlates::Add(Key key, std::int64_t now_ms, std::int64_t until_ms, std::string body) {
  const MutexLock lock(mutex_);
  Forget(now_ms);
  if (kept_.contains(key) || body.size() > kMostBytes) return;
  bytes_ += body.size();
  kept_.emplace(key, Kept{until_ms, std::move(body), ++added_});
  order_.emplace_back(key, added_);
  while (bytes_ > kMostBytes) {
    const auto oldest = kept_.find(order_.front().first);
    if (oldest != kept_.end() && oldest->second.number == order_.front().second) {
      bytes_ -= oldest->second.body.size();
      kept_.erase(oldest);
    }
    order_.pop_front();
  }
}

std::optional<std::string> RecentSlates::Find(Key key, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  Forget(now_ms);
  const auto at = kept_.find(key);
  if (at == kept_.end()) return std::nullopt;
  if (at->second.until_ms > now_ms) return at->second.body;
  bytes_ -= at->second.body.size();
  kept_.erase(at);
  return std::nullopt;
}

// What is over, up to the first that is not; feeds may keep theirs for different times.
void RecentSlates::Forget(std::int64_t now_ms) {
  while (!order_.empty()) {
    const auto at = kept_.find(order_.front().first);
    if (at != kept_.end() && at->second.number == order_.front().second) {
      if (at->second.until_ms > now_ms) return;
      bytes_ -= at->second.body.size();
      kept_.erase(at);
    }
    order_.pop_front();
  }
}

std::size_t RecentSlates::bytes() const {
  const MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace gfr
