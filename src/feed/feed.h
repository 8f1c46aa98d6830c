// Feed: the answer to a FeedRequest: the slate, and the feed.request event that explains it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "event/event.h"
#include "feed/slate_outcome.h"

namespace gfr {

struct FeedItem {
  std::string item_id, channel;
  float value, propensity;
  std::uint32_t item;       // Index of the event's item; its scores and features are in the event's `served`.
  std::string source = {};  // Of the channel; empty: the caller brought the item.
};

struct Feed {
  std::vector<FeedItem> items;
  std::vector<std::string> degraded;
  std::string model_name, model_version;
  SlateOutcome outcome;         // As the event's record has it.
  std::string cursor;           // For the next page (serve/page_cursor.h); empty: there is none.
  bool sampled_slates = false;  // The model was trained on slates that were made of a log without any.
  Event event;                  // The feed.request to log: items in the slate's order.
};

}  // namespace gfr
