// AppendEventJson: the text of EventToJson (event/event_json.h) behind what is there, for those who write many events.
#pragma once

#include <string>

#include "event/event.h"

namespace gfr {

void AppendEventJson(const Event& event, std::string* out);

}  // namespace gfr
