// The binary form of a ServedSlate in event format 5: a list of (varint field number, varint length, bytes), ascending.
// docs/formats/log.md has the table of fields.
//
// Numbers are append-only. A field that is not written has its default; one that is not known here is kept in
// ServedSlate::unknown and written again. Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "event/event.h"

namespace gfr {

// A decoded slate holds at most so many numbers, whatever its bytes say: some encodings are shorter than what they
// stand for.
inline constexpr std::size_t kMaxSlateValues = std::size_t{1} << 24;

// Appends. Indexes that are not of an item are left out, and lists that are too short are filled with NaN, so that what
// is written can be read.
void EncodeSlate(const ServedSlate& slate, const std::vector<EventItem>& items, std::string* out);
// Any bytes are safe to decode: kCorrupt when they are not a slate of `items`, kNeedsNewer when a known field uses an
// encoding of a later version.
Result<ServedSlate> DecodeSlate(std::string_view bytes, const std::vector<EventItem>& items);

}  // namespace gfr
