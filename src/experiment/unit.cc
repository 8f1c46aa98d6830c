#include "experiment/unit.h"

namespace gfr {

Unit UnitOf(std::string_view user_id, std::string_view session_id, Key resolved, std::string_view login) {
  if (user_id.empty()) return session_id.empty() ? Unit{} : Unit{UnitKind::kSession, std::string(session_id)};
  if (resolved == KeyOf(user_id) || login.empty()) return {UnitKind::kUser, std::string(user_id)};
  return {UnitKind::kLogin, std::string(login)};
}

}  // namespace gfr
