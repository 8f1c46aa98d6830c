// What is said of an event that is larger than one may be.
#pragma once

#include <string>

#include "event/event_json.h"

namespace gfr {

inline std::string EventTooLarge(const JsonLimits& limits) {
  return "the event is larger than " + std::to_string(limits.event_bytes) + " bytes";
}

}  // namespace gfr
