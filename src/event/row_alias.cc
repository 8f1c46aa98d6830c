#include "event/row_alias.h"

namespace gfr {
namespace {

constexpr std::string_view kRowAlias = "alias/";

}  // namespace

Event RowAlias(const Event& row, const std::string& anonymous) {
  return {.id = std::string(kRowAlias) + anonymous + "/" + row.user_id + "/" + std::to_string(row.time_ms),
          .source = row.source,
          .type = EventType::kUserAlias,
          .time_ms = row.time_ms,
          .user_id = row.user_id,
          .session_id = row.session_id,
          .kind = anonymous};
}

bool IsRowAlias(const Event& event) { return event.type == EventType::kUserAlias && event.id.starts_with(kRowAlias); }

bool LastLogins::Changes(const Event& alias) {
  const Key login = KeyOf(alias.user_id);
  if (logins_.size() >= kMost) logins_.clear();
  Key& last = logins_[KeyOf(alias.kind)];
  if (last == login) return false;
  last = login;
  return true;
}

}  // namespace gfr
