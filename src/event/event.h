// Event: one thing that happened, as senders tell it and as the log keeps it (CloudEvents 1.0 attributes and our data).
//
// Ids are strings here; features and rows hold their 64-bit keys (base/hash.h KeyOf). Thread safety: a plain value.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "event/served_slate.h"

namespace gfr {

// Written to disk: values are never reused or renumbered.
enum class EventType : std::uint8_t {
  kFeedRequest = 1,  // The slate, logged by the server (or an importer); changes no feature.
  kFeedImpression = 2,
  kFeedClick = 3,
  kItemView = 4,  // With its kind.
  kCartAdd = 5,
  kCartRemove = 6,
  kWishlistAdd = 7,
  kItemHide = 8,
  kPurchase = 9,
  kPurchaseCancel = 10,
  kPurchaseReturn = 11,
  kSearch = 12,
  kFilter = 13,
  kAppOpen = 14,
  kExperimentExposure = 15,
  kItemUpdate = 16,  // Catalogue: the item's properties.
  kUserUpdate = 17,
  kUserAlias = 18,
  kUserDelete = 19,
  kFeedShadow = 20,  // What a shadow model says of a feed.request; from the server, and changes no feature.
  kItemDelete = 21,  // Catalogue: takes the items off sale, until an item.update.
};
inline constexpr int kEventTypes = 22;  // Highest value + 1.

// Whether only the server makes events of the type: a client's are refused.
constexpr bool IsServerOnly(EventType type) {
  return type == EventType::kFeedRequest || type == EventType::kFeedShadow;
}

// Whether an event of the type is about items alone: it changes the catalogue and needs no user.
constexpr bool IsCatalogue(EventType type) { return type == EventType::kItemUpdate || type == EventType::kItemDelete; }
// Whether an event of the type must name items.
constexpr bool NeedsItems(EventType type) { return type <= EventType::kPurchaseReturn || IsCatalogue(type); }

std::string_view EventTypeName(EventType type);           // "feed.click"
Result<EventType> ParseEventType(std::string_view name);  // kInvalidArgument names the valid ones.

// Whether a user turned to the event's items by it: they become what was touched last, of the user and the session. An
// impression is shown, and taking something back (cart.remove, item.hide, a return) turns away.
constexpr bool IsTouch(EventType type) {
  return type == EventType::kFeedClick || type == EventType::kItemView || type == EventType::kCartAdd ||
         type == EventType::kWishlistAdd || type == EventType::kPurchase;
}
// Whether an event of this type says of which kind it is.
constexpr bool HasKind(EventType type) {
  return type == EventType::kItemView || type == EventType::kSearch || type == EventType::kFilter;
}

inline constexpr std::size_t kMaxVectorSize = 1024;

// A named value of an item, user or request: a number, or a category when `text` is not empty, or a vector (of items
// only, at most kMaxVectorSize finite numbers) when that is not empty; `number` is NaN for the latter two.
struct Property {
  std::string name;
  double number = std::numeric_limits<double>::quiet_NaN();
  std::string text;
  std::vector<float> vector = {};
};

struct EventItem {
  std::string item_id;
  std::int32_t index = -1;  // Place in the slate or list, from 0; -1 is unknown.
  std::string channel;
  double price = std::numeric_limits<double>::quiet_NaN();
  std::int32_t quantity = 1;
  std::vector<Property> properties;  // Override the catalogue for this request (feed.request), or are it (item.update).
};

struct Event {
  std::string id;
  std::string source;
  EventType type = EventType::kItemView;
  std::int64_t time_ms = 0;  // By the sender's clock.
  std::string user_id;
  std::string session_id;
  std::string request_id;
  std::string surface;
  std::string variant;
  std::string kind;  // item.view: which interaction; search, filter: what was done; user.alias: the anonymous id.
  std::vector<EventItem> items;
  double value = std::numeric_limits<double>::quiet_NaN();
  std::string currency;
  std::string transaction_id;
  std::vector<Property> context;
  ServedSlate served;  // feed.request and feed.shadow only.
};

// An event at its place in the log.
struct LogRecord {
  std::uint64_t offset = 0;     // 0, 1, 2, ... in log order.
  std::int64_t arrival_ms = 0;  // Never goes back.
  Event event;
};

}  // namespace gfr
