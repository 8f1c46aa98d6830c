// RecentSlates: replies of the last seconds, so that who asks for the same feed again at once (a page that is loaded
// anew) gets the slate of before under its request id ([[feed]] reload): its impressions count once, and nothing is
// drawn or logged anew.
//
// In this process alone: a server that starts again, or another one, makes a new slate. Bounded by kMostBytes; the
// oldest leave. Thread safety: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/hash.h"
#include "base/sync.h"
#include "feed/feed_request.h"

namespace gfr {

// What two requests must have in common to be one that is asked again: who asks, the feed, the context, the candidates,
// the size and what the reply shows. 0: the request is never one, as it goes on from a page.
Key ReloadKey(const FeedRequest& request, bool explain);

class RecentSlates {
 public:
  static constexpr std::size_t kMostBytes = 32u << 20;

  // Keeps the reply's body until `until_ms`; one that is there and not over stays.
  void Add(Key key, std::int64_t now_ms, std::int64_t until_ms, std::string body);
  std::optional<std::string> Find(Key key, std::int64_t now_ms);
  std::size_t bytes() const;

 private:
  struct Kept {
    std::int64_t until_ms;
    std::string body;
    std::uint64_t number;  // Of `order_`: a newer one may be of the same key.
  };
  void Forget(std::int64_t now_ms);  // REQUIRES: mutex_ is held.

  mutable Mutex mutex_;
  std::unordered_map<Key, Kept> kept_;
  std::deque<std::pair<Key, std::uint64_t>> order_;  // Oldest first.
  std::uint64_t added_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace gfr
