// EventSlices: a large body of events, read a slice at a time, so that it takes the memory of a slice.
//
// Parsed events take about ten times the bytes of their JSON. All slices together give what ParseEvents gives of the
// whole body, with the same indexes. A body that is no JSON array and no lines is one slice. An element of an array that
// is larger than one is never parsed: its blanks are taken out, and where it is too large then, it is only checked to
// be JSON. Thread safety: none.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "event/event_json.h"

namespace gfr {

class EventSlices {
 public:
  // Slices end at the last event that keeps them within `limits.event_bytes`. `body` must stay there.
  EventSlices(std::string_view body, BodyFormat format, const JsonLimits& limits);

  // Why none of the body can be taken: it is larger than `limits.body_bytes`, or it is no JSON as a whole, which costs
  // a pass over all of it. Nothing: read on. Lines stand for themselves.
  std::optional<ParsedEvents> Refusal();
  // False: the body has ended, and `out` is empty.
  bool Next(ParsedEvents* out);

 private:
  // Texts that are to be parsed by themselves; nothing: the body has ended.
  std::optional<std::string_view> NextLines();
  // `too_large`: it is one element, which is larger than an event may be.
  std::optional<std::string_view> NextElements(bool* too_large);
  std::size_t EndOfElements() const;

  const std::string_view body_;
  const JsonLimits limits_;
  const bool lines_;
  bool list_ = false;                          // A JSON array that is larger than a slice.
  std::size_t at_ = 0;                         // What is read next.
  std::size_t list_begin_ = 0, list_end_ = 0;  // Where the array's brackets are.
  std::size_t index_ = 0;                      // Of the next event.
  std::string slice_;                          // An array of its own.
};

}  // namespace gfr
