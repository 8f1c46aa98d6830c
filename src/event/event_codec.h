// The binary form of an Event in the log, version 2 (1 is read too): fields in a fixed order, integers as LEB128
// varints (zigzag for signed), floats as their bits, strings and lists with their length in front. docs/formats/log.md
// has the table. Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "event/event.h"

namespace gfr {

void EncodeEvent(const Event& event, std::string* out);  // Appends.
// Any bytes are safe to decode: kCorrupt when they are not an event of a known version.
Result<Event> DecodeEvent(std::string_view bytes);
// The type alone; kItemView of bytes that are no event.
EventType PeekEventType(std::string_view bytes);

}  // namespace gfr
