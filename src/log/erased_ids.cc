#include "log/erased_ids.h"

#include <algorithm>

#include "base/byte_reader.h"
#include "base/byte_writer.h"

namespace gfr {
namespace {

constexpr char kMagic[] = "GFRERAS2", kMagicOf1[] = "GFRERAS1";
// u64 key, u64 person, i64 from_ms, i64 before_ms, u32 whether it is shared, u32 CRC32C of the 36 bytes.
constexpr std::size_t kEntryBytes = 40;
constexpr std::size_t kEntryBytesOf1 = 32;  // u64 key, u64 person, i64 before_ms, u32 CRC32C of the 24, u32 zero.

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
    ByteReader r{std::string_view(bytes).substr(at, entry_bytes)};
    Entry entry{r.Number<Key>(), r.Number<Key>(), INT64_MIN, 0, false};
    if (!is_of_1) entry.from_ms = r.Number<std::int64_t>();
    entry.before_ms = r.Number<std::int64_t>();
    if (!is_of_1) entry.is_shared = r.Number<std::uint32_t>() != 0;
    if (r.Number<std::uint32_t>() != Crc32c(bytes.data() + at, crc_at)) return corrupt;
    ids.Take(entry);
  }
  return ids;
}

Status ErasedIds::Save(FileSystem& fs, const std::string& path) const {
  std::string bytes = kMagic;
  for (const Entry& entry : entries_) {
    const std::size_t at = bytes.size();
    ByteWriter w{&bytes};
    w.Number(entry.key);
    w.Number(entry.person);
    w.Number(entry.from_ms);
    w.Number(entry.before_ms);
    w.Number(std::uint32_t{entry.is_shared});
    w.Number(Crc32c(bytes.data() + at, 36));
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
