#include "log/erased_ids.h"

#include <algorithm>
#include <cstring>

namespace gfr {
namespace {

constexpr char kMagic[] = "GFRERAS2", kMagicOf1[] = "GFRERAS1";
// u64 key, u64 person, i64 from_ms, i64 before_ms, u32 whether it is shared, u32 CRC32C of the 36 bytes.
constexpr std::size_t kEntryBytes = 40;
constexpr std::size_t kEntryBytesOf1 = 32;  // u64 key, u64 person, i64 before_ms, u32 CRC32C of the 24, u32 zero.

template <typename T>
T NumberAt(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
template <typename T>
void PutNumberAt(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

void ErasedIds::Take(const Entry& entry) {
  entries_.push_back(entry);
  std::vector<Span>& spans = spans_[entry.key];
  if (!entry.is_shared && !spans.empty() && spans.front().from_ms == entry.from_ms)
    spans.front().before_ms = std::max(spans.front().before_ms, entry.before_ms);
  else
    spans.push_back({entry.from_ms, entry.before_ms});
}

Result<ErasedIds> ErasedIds::Load(FileSystem& fs, const std::string& path) {
  ErasedIds ids;
  if (!fs.Exists(path)) return ids;
  GFR_ASSIGN(const std::string bytes, fs.ReadAll(path));
  const Error corrupt{ErrorCode::kCorrupt, "is not a list of erased ids as it was written", {path, 0}};
  const bool is_of_1 = bytes.starts_with(kMagicOf1);
  const std::size_t entry_bytes = is_of_1 ? kEntryBytesOf1 : kEntryBytes, crc_at = is_of_1 ? 24 : 36;
  if ((!is_of_1 && !bytes.starts_with(kMagic)) || (bytes.size() - 8) % entry_bytes != 0) return corrupt;
  for (std::size_t at = 8; at < bytes.size(); at += entry_bytes) {
    const std::string_view e = std::string_view(bytes).substr(at, entry_bytes);
    if (NumberAt<std::uint32_t>(e, crc_at) != Crc32c(e.data(), crc_at)) return corrupt;
    Entry entry{NumberAt<Key>(e, 0), NumberAt<Key>(e, 8), INT64_MIN, NumberAt<std::int64_t>(e, 16), false};
    if (!is_of_1) {
      entry.from_ms = NumberAt<std::int64_t>(e, 16);
      entry.before_ms = NumberAt<std::int64_t>(e, 24);
      entry.is_shared = NumberAt<std::uint32_t>(e, 32) != 0;
    }
    ids.Take(entry);
  }
  return ids;
}

Status ErasedIds::Save(FileSystem& fs, const std::string& path) const {
  std::string bytes = kMagic;
  for (const Entry& entry : entries_) {
    const std::size_t at = bytes.size();
    PutNumberAt(entry.key, &bytes);
    PutNumberAt(entry.person, &bytes);
    PutNumberAt(entry.from_ms, &bytes);
    PutNumberAt(entry.before_ms, &bytes);
    PutNumberAt(std::uint32_t{entry.is_shared}, &bytes);
    PutNumberAt(Crc32c(bytes.data() + at, 36), &bytes);
  }
  return PublishFile(fs, path, bytes);
}

void ErasedIds::Add(const std::vector<Key>& person, std::int64_t before_ms) {
  for (const Key key : person) Take({key, person.front(), INT64_MIN, before_ms, false});
}

void ErasedIds::AddShared(Key key, Key person, std::int64_t from_ms, std::int64_t before_ms) {
  Take({key, person, from_ms, before_ms, true});
}

bool ErasedIds::Covers(const Event& event) const {
  const auto covers = [&](const std::string& id) {
    const auto at = id.empty() ? spans_.end() : spans_.find(KeyOf(id));
    return at != spans_.end() && std::ranges::any_of(at->second, [&](const Span& span) {
             return event.time_ms >= span.from_ms && event.time_ms <= span.before_ms;
           });
  };
  return !spans_.empty() && (covers(event.user_id) || (event.type == EventType::kUserAlias && covers(event.kind)));
}

std::vector<Key> ErasedIds::TogetherWith(Key key) const {
  std::vector<Key> people, keys;
  for (const Entry& e : entries_) {
    if (e.key == key && !e.is_shared) people.push_back(e.person);
  }
  for (const Entry& e : entries_) {
    if (!e.is_shared && std::ranges::find(people, e.person) != people.end() &&
        std::ranges::find(keys, e.key) == keys.end())
      keys.push_back(e.key);
  }
  return keys;
}

}  // namespace gfr
