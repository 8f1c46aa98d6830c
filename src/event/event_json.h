// The native JSON of events: CloudEvents 1.0 with our data. Bounded: nothing that is sent can cost more than its size
// allows.
//
// Required: id, source, type, time (RFC 3339); user_id or session_id, except for item.update and item.delete; items for
// events of items; of user.alias user_id (the login) and anonymous_id (or kind), which is Event::kind. Unknown fields
// are ignored, and null is the same as a field that is not there. A property that gfr.toml does not declare may be
// anything: an object or a list that is no vector is left out. Events keep event/event_rules.h. Thread safety: pure
// functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"
#include "event/event_rules.h"

namespace gfr {

struct JsonLimits {
  std::size_t body_bytes = 16u << 20, event_bytes = 1u << 20;
  bool from_client = false;           // Types that only the server makes are rejected (IsServerOnly).
  const EventRules* rules = nullptr;  // Null: those of a project that declares nothing.
};

struct Rejection {
  std::size_t index;  // Of the event in the body.
  std::string code;   // bad_json, bad_type, unknown_type, missing_field, too_large, server_only; of the rules: bad_id,
                      // bad_text, bad_number, bad_quantity, bad_currency; of the log: future_time, id_collision; of
                      // the server: erased.
  std::string message;
};

struct ParsedEvents {
  std::vector<Event> events;
  std::vector<std::size_t> indexes;  // Of each event in the body.
  std::vector<Rejection> rejected;   // The first kMostKept of rejected_count.
  std::size_t rejected_count = 0;

  // However many events a body has, what is wrong with them takes no more memory than this.
  static constexpr std::size_t kMostKept = 100, kMostMessageBytes = 500;
  void Reject(std::size_t index, std::string code, std::string message);
};

enum class BodyFormat { kJson, kNdjson };  // One object or an array; one object a line.

ParsedEvents ParseEvents(std::string_view body, BodyFormat format, const JsonLimits& limits);

std::string EventToJson(const Event& event);

}  // namespace gfr
