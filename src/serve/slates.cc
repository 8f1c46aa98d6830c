#include "serve/slates.h"

#include <cstring>

#include "event/event_codec.h"

namespace gfr {
namespace {

// A feed takes at most 10,000 candidates.
constexpr std::size_t kMaxSlateItems = 20'000;

}  // namespace

std::string EncodeSlates(const std::vector<Event>& events) {
  std::string body, bytes;
  for (const Event& e : events) {
    bytes.clear();
    EncodeEvent(e, &bytes);
    const auto size = static_cast<std::uint32_t>(bytes.size());
    body.append(reinterpret_cast<const char*>(&size), sizeof size);
    body += bytes;
  }
  return body;
}

Result<std::vector<Event>> DecodeSlates(std::string_view body) {
  std::vector<Event> events;
  while (!body.empty()) {
    std::uint32_t size = 0;
    if (body.size() < sizeof size) return Error{ErrorCode::kCorrupt, "the body ends within a length"};
    std::memcpy(&size, body.data(), sizeof size);
    body.remove_prefix(sizeof size);
    if (size > body.size()) return Error{ErrorCode::kCorrupt, "the body ends within an event"};
    GFR_ASSIGN(Event e, DecodeEvent(body.substr(0, size), kMaxSlateItems));
    body.remove_prefix(size);
    const bool slate = e.type == EventType::kFeedRequest && e.served.exists();
    if (!slate && e.type != EventType::kFeedImpression)
      return Error{ErrorCode::kCorrupt, "'" + std::string(EventTypeName(e.type)) + "' is not a slate that was served"};
    events.push_back(std::move(e));
  }
  if (events.empty()) return Error{ErrorCode::kCorrupt, "the body is empty"};
  return events;
}

}  // namespace gfr
