// The body of POST /v1/served: slates that a reader served, for the owner's log. Each is the length (4 bytes,
// little-endian) and the event in the log's binary form (docs/formats/log.md): a feed.request, then the impressions
// that were counted with it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"

namespace gfr {

std::string EncodeSlates(const std::vector<Event>& events);
// Any bytes are safe to decode. kCorrupt: not what EncodeSlates makes, or events of other types.
Result<std::vector<Event>> DecodeSlates(std::string_view body);

}  // namespace gfr
