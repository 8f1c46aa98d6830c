// The binary form of an Event in the log, format 5 (1 to 4 are read too): fields in a fixed order, integers as LEB128
// varints (zigzag for signed), floats as their bits, strings and lists with their length in front, items column by
// column; what the server adds to a slate is tagged (slate_codec.h). docs/formats/log.md has the table. Thread safety:
// pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "event/event.h"

namespace gfr {

void EncodeEvent(const Event& event, std::string* out);  // Appends.
// Any bytes are safe to decode: kCorrupt when they are not an event, kNeedsNewer when they are one of a later format or
// type than this version knows. `max_items`: more are kCorrupt (an item takes more memory than bytes).
Result<Event> DecodeEvent(std::string_view bytes, std::size_t max_items = SIZE_MAX);
// Likewise into `event`, whose memory is used again; after an error it is of no use.
Status DecodeEventInto(std::string_view bytes, Event* event, std::size_t max_items = SIZE_MAX);
// The type alone; kItemView of bytes that are no event.
EventType PeekEventType(std::string_view bytes);

}  // namespace gfr
