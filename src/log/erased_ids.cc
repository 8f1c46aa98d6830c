#include "log/erased_ids.h"

#include <algorithm>
#include <cstring>

namespace gfr {
namespace {

constexpr char kMagic[] = "GFRERAS1";
constexpr std::size_t kEntryBytes = 32;  // u64 key, u64 person, i64 before_ms, u32 CRC32C of the 24 bytes, u32 zero.

}  // namespace

void ErasedIds::Take(const Entry& entry) {
  entries_.push_back(entry);
  const auto [at, is_new] = before_ms_.try_emplace(entry.key, entry.before_ms);
  if (!is_new) at->second = std::max(at->second, entry.before_ms);
}

Result<ErasedIds> ErasedIds::Load(FileSystem& fs, const std::string& path) {
  ErasedIds ids;
  if (!fs.Exists(path)) return ids;
  GFR_ASSIGN(const std::string bytes, fs.ReadAll(path));
  const Error corrupt{ErrorCode::kCorrupt, "is not a list of erased ids as it was written", {path, 0}};
  if (bytes.size() < 8 || bytes.compare(0, 8, kMagic) != 0 || (bytes.size() - 8) % kEntryBytes != 0) return corrupt;
  for (std::size_t at = 8; at < bytes.size(); at += kEntryBytes) {
    Entry entry;
    std::uint32_t crc = 0;
    std::memcpy(&entry.key, bytes.data() + at, 8);
    std::memcpy(&entry.person, bytes.data() + at + 8, 8);
    std::memcpy(&entry.before_ms, bytes.data() + at + 16, 8);
    std::memcpy(&crc, bytes.data() + at + 24, 4);
    if (crc != Crc32c(bytes.data() + at, 24)) return corrupt;
    ids.Take(entry);
  }
  return ids;
}

Status ErasedIds::Save(FileSystem& fs, const std::string& path) const {
  std::string bytes = kMagic;
  for (const Entry& entry : entries_) {
    const std::size_t at = bytes.size();
    bytes.append(reinterpret_cast<const char*>(&entry.key), 8);
    bytes.append(reinterpret_cast<const char*>(&entry.person), 8);
    bytes.append(reinterpret_cast<const char*>(&entry.before_ms), 8);
    const std::uint32_t crc[2] = {Crc32c(bytes.data() + at, 24), 0};
    bytes.append(reinterpret_cast<const char*>(crc), 8);
  }
  return PublishFile(fs, path, bytes);
}

void ErasedIds::Add(const std::vector<Key>& person, std::int64_t before_ms) {
  for (const Key key : person) Take({key, person.front(), before_ms});
}

bool ErasedIds::Covers(const Event& event) const {
  const auto covers = [&](const std::string& id) {
    const auto at = id.empty() ? before_ms_.end() : before_ms_.find(KeyOf(id));
    return at != before_ms_.end() && event.time_ms <= at->second;
  };
  return !before_ms_.empty() && (covers(event.user_id) || (event.type == EventType::kUserAlias && covers(event.kind)));
}

std::vector<Key> ErasedIds::TogetherWith(Key key) const {
  std::vector<Key> people, keys;
  for (const Entry& e : entries_) {
    if (e.key == key) people.push_back(e.person);
  }
  for (const Entry& e : entries_) {
    if (std::ranges::find(people, e.person) != people.end() && std::ranges::find(keys, e.key) == keys.end())
      keys.push_back(e.key);
  }
  return keys;
}

}  // namespace gfr
