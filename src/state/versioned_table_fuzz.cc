// Any bytes as a saved table, as they are and with their checksums put right: refused or taken, within their bounds;
// what is taken can be saved and taken again.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "state/versioned_table.h"

namespace gfr {
namespace {

constexpr std::uint32_t kRowBytes = 8;

void Seal(std::string& bytes) {
  if (bytes.size() < 24) return;
  std::memset(bytes.data() + 12, 0, 4);
  const std::uint32_t header_crc = Crc32c(bytes.data(), 24);
  std::memcpy(bytes.data() + 12, &header_crc, 4);
  for (std::size_t at = 24, all = 0; at + 8 <= bytes.size();) {
    std::uint32_t rows;
    std::memcpy(&rows, bytes.data() + at, 4);
    const std::size_t body = std::size_t{rows} * (16 + kRowBytes);
    if (body > bytes.size() - at - 8) return;
    const std::uint32_t crc = rows == 0 ? static_cast<std::uint32_t>(all) : Crc32c(bytes.data() + at + 8, body);
    all = Crc32c(&crc, 4, static_cast<std::uint32_t>(all));
    std::memcpy(bytes.data() + at + 4, &crc, 4);
    at += 8 + body;
  }
}

// The table saved again; empty when the bytes were refused.
std::string Restored(std::string_view bytes) {
  Timeline timeline;
  VersionedTable table(timeline, kRowBytes);
  timeline.SetExclusive(true);
  SpanSource source(bytes);
  if (!table.Restore(source).ok()) return "";
  timeline.SetExclusive(false);
  std::string saved;
  const Pin pin = timeline.Hold();
  for (std::uint32_t id = 0; id < table.size(); ++id) {
    if (table.Find(table.KeyAt(id), pin) == nullptr) std::abort();
  }
  if (!table.Save(pin, [&](std::string_view piece) { return saved.append(piece), Status(); }).ok()) std::abort();
  return saved;
}

}  // namespace
}  // namespace gfr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  for (int sealed = 0; sealed < 2; ++sealed) {
    const std::string once = gfr::Restored(bytes);
    if (!once.empty() && gfr::Restored(once) != once) std::abort();
    gfr::Seal(bytes);
  }
  return 0;
}
