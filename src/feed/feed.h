// Feed: the answer to a FeedRequest: the slate, and the feed.request event that explains it.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "event/event.h"

namespace gfr {

struct FeedItem {
  std::string item_id, channel;
  float pctr, pcvr, value, propensity;
  // ServedSlate; NaN: there are none.
  float pctr_shown = std::numeric_limits<float>::quiet_NaN(), pcvr_shown = std::numeric_limits<float>::quiet_NaN();
  std::size_t row;  // In the event's served.features.
};

struct Feed {
  std::vector<FeedItem> items;
  std::vector<std::string> degraded;
  std::string model_name, model_version;
  Event event;  // The feed.request to log: items in the slate's order.
};

}  // namespace gfr
