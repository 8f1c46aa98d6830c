// The rows that OnlineStore keeps of users and sessions: a header, then (a user's properties and) the views' states.
// Plain bytes, zero when new.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "feature/feature_set.h"

namespace gfr {

inline constexpr std::int64_t kSessionIdleMs = 24 * 3600 * 1000;

struct UserHeader {
  std::uint64_t known;         // 0: the row is new.
  std::array<Key, 16> recent;  // Items touched last, newest first; 0: none.
};
inline constexpr std::size_t kHiddenItems = 128;
// The items that a user hid, newest first; 0: none. The oldest leaves when there is no room.
struct HiddenItems {
  std::array<Key, kHiddenItems> items;
  void Add(Key item) {
    if (item == 0) return;
    auto at = std::find(items.begin(), items.end(), item);
    if (at == items.end()) --at;
    std::move_backward(items.begin(), at, at + 1);
    items[0] = item;
  }
};
struct SessionHeader {
  Key user;  // Resolved; 0: nobody's.
  Key last_item;
  std::int64_t last_arrival_ms;  // 0: the row is new.
};

// Where things lie in the rows of one FeatureSet.
struct RowLayout {
  explicit RowLayout(const FeatureSet& set)
      : user_properties(set.schema.user_names.size()),
        user_views_at(sizeof(UserHeader) + user_properties * sizeof(PropertyValue)),
        user_bytes(user_views_at + set.user_row_bytes),
        session_bytes(sizeof(SessionHeader) + set.session_row_bytes) {}
  std::size_t user_properties, user_views_at, user_bytes, session_bytes;
  static constexpr std::size_t session_views_at = sizeof(SessionHeader);

  static const UserHeader& User(const std::byte* row) { return *reinterpret_cast<const UserHeader*>(row); }
  static UserHeader& User(std::byte* row) { return *reinterpret_cast<UserHeader*>(row); }
  static const SessionHeader& Session(const std::byte* row) { return *reinterpret_cast<const SessionHeader*>(row); }
  static SessionHeader& Session(std::byte* row) { return *reinterpret_cast<SessionHeader*>(row); }
  std::span<const PropertyValue> UserProperties(const std::byte* row) const {
    return {reinterpret_cast<const PropertyValue*>(row + sizeof(UserHeader)), user_properties};
  }
  std::span<PropertyValue> UserProperties(std::byte* row) const {
    return {reinterpret_cast<PropertyValue*>(row + sizeof(UserHeader)), user_properties};
  }
  static bool SessionIsOver(const std::byte* row, std::int64_t now_ms) {
    return Session(row).last_arrival_ms == 0 || now_ms - Session(row).last_arrival_ms > kSessionIdleMs;
  }
};

// Puts what an event's or a request's own item says over the catalogue's properties.
void OverrideItem(const EventItem& item, const PropertySchema& schema, std::span<PropertyValue> values);
// Likewise a context over a user's properties.
void OverrideUser(std::span<const Property> context, const PropertySchema& schema, std::span<PropertyValue> values);

}  // namespace gfr
