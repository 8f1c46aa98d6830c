#include "experiment/assignment.h"

#include <cstdint>
#include <cstdio>

namespace gfr {
namespace {

constexpr std::uint32_t kFnvBasis = 2166136261u, kFnvPrime = 16777619u;

// FNV-1a (Fowler, Noll, Vo) of bytes, going on from `hash`.
std::uint32_t Fnv1a32(std::string_view bytes, std::uint32_t hash = kFnvBasis) {
  for (const char c : bytes) hash = (hash ^ static_cast<std::uint8_t>(c)) * kFnvPrime;
  return hash;
}

std::string NameOf(Key key) {
  char name[17];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(key));
  return name;
}

}  // namespace

Unit UnitOf(Key user, Key login, Key session) {
  if (login != 0) return {login == user ? UnitKind::kUser : UnitKind::kLogin, NameOf(login)};
  if (session != 0) return {UnitKind::kSession, NameOf(session)};
  return {};
}

double Bucket(std::string_view salt, std::string_view id) {
  return Fnv1a32(std::to_string(Fnv1a32(id, Fnv1a32(salt)))) % 10000 / 10000.0;
}

}  // namespace gfr
