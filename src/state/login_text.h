// The text of a login in a table of fixed rows, by the login's key: what user.alias named, so that a person can be
// called by it under every id of theirs (experiment/assignment.h).
//
// A row holds 60 bytes of the text, and the first one its length too: most logins are one row. Rows lie in a
// VersionedTable like all others, so readers, snapshots and a Redis have them without more. Thread safety: pure
// functions over the rows that they are given.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace gfr {

inline constexpr std::uint32_t kLoginRowBytes = 64;
inline constexpr std::size_t kLoginPartBytes = kLoginRowBytes - sizeof(std::uint32_t);
inline constexpr std::size_t kMaxLoginBytes = 64 * kLoginPartBytes;  // A longer one has no text.

// Of the row with part `part` of the login's text; never 0.
inline Key LoginRowKey(Key login, std::size_t part) {
  if (part == 0) return login;
  const std::uint64_t pair[] = {login, part};
  return std::max<Key>(Hash64(pair, sizeof pair), 1);
}
inline std::size_t LoginRows(std::size_t text_bytes) {
  return std::max<std::size_t>((text_bytes + kLoginPartBytes - 1) / kLoginPartBytes, 1);
}
inline std::size_t LoginBytesIn(const std::byte* first_row) {
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, first_row, sizeof bytes);
  return bytes <= kMaxLoginBytes ? bytes : 0;
}

// `write(key)` gives the row to fill, zero when new.
template <typename Write>
void WriteLoginText(Key login, std::string_view text, Write&& write) {
  if (text.empty() || text.size() > kMaxLoginBytes) return;
  for (std::size_t part = 0; part < LoginRows(text.size()); ++part) {
    std::byte* row = write(LoginRowKey(login, part));
    const auto bytes = static_cast<std::uint32_t>(text.size());
    const std::string_view piece = text.substr(part * kLoginPartBytes, kLoginPartBytes);
    std::memcpy(row, &bytes, sizeof bytes);
    std::memcpy(row + sizeof bytes, piece.data(), piece.size());
  }
}

// `find(key)` gives a row or null. Empty: the text is not known.
template <typename Find>
std::string ReadLoginText(Key login, Find&& find) {
  std::string text;
  const std::byte* row = find(login);
  const std::size_t bytes = row ? LoginBytesIn(row) : 0;
  for (std::size_t part = 0; text.size() < bytes; ++part) {
    if (part > 0) row = find(LoginRowKey(login, part));
    if (row == nullptr) return "";
    text.append(reinterpret_cast<const char*>(row) + sizeof(std::uint32_t),
                std::min(kLoginPartBytes, bytes - text.size()));
  }
  return text;
}

}  // namespace gfr
