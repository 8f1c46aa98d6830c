#include "event/event.h"

#include <array>

namespace gfr {
namespace {

constexpr std::array<std::string_view, kEventTypes> kNames = {"",
                                                              "feed.request",
                                                              "feed.impression",
                                                              "feed.click",
                                                              "item.view",
                                                              "cart.add",
                                                              "cart.remove",
                                                              "wishlist.add",
                                                              "item.hide",
                                                              "purchase",
                                                              "purchase.cancel",
                                                              "purchase.return",
                                                              "search",
                                                              "filter",
                                                              "app.open",
                                                              "experiment.exposure",
                                                              "item.update",
                                                              "user.update",
                                                              "user.alias",
                                                              "user.delete",
                                                              "feed.shadow",
                                                              "item.delete"};

}  // namespace

std::string_view EventTypeName(EventType type) { return kNames[static_cast<std::size_t>(type)]; }

Result<EventType> ParseEventType(std::string_view name) {
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<EventType>(i);
  }
  std::string valid;
  for (std::size_t i = 1; i < kNames.size(); ++i) valid += (i > 1 ? ", " : "") + std::string(kNames[i]);
  return Error{ErrorCode::kInvalidArgument,
               "'" + std::string(name.substr(0, 64)) + "' is not an event type; valid are " + valid};
}

}  // namespace gfr
