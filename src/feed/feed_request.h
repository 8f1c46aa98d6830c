// FeedRequest: what a caller asks a feed for, as plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "event/event.h"

namespace gfr {

struct FeedPage;

struct FeedRequest {
  std::string request_id, user_id, session_id, surface;
  std::vector<Property> context;
  std::vector<EventItem> candidates;
  bool has_candidates = false;
  bool explain = false;  // The reply shows the features.
  std::vector<std::string> exclude;
  std::shared_ptr<const FeedPage> page;  // What it goes on from (feed_page.h); null: it is a first page.
  bool paged = false;                    // The answer has a cursor for the next page.
  int size = 0;                          // 0: the configuration's.
  std::int64_t now_ms = 0;
};

}  // namespace gfr
