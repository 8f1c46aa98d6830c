#include "retrieve/trends.h"

#include <utility>

#include "base/byte_reader.h"
#include "base/byte_writer.h"

namespace gfr {
namespace {

constexpr char kMagic[] = "GFRTREN1";
constexpr std::size_t kHeadBytes = 12;  // Magic, checksum of what follows.

}  // namespace

std::size_t TrendLists::memory_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [segment, items] : by_segment_) bytes += 64 + items.capacity() * sizeof(Key);
  return bytes;
}

double TrendCounts::Counted::rank() const {
  return Log2(count) + static_cast<double>(at_ms) / static_cast<double>(kHalfLifeMs);
}

TrendCounts::TrendCounts(const PropertySchema& schema, const CountedPeople::Rules& rules) : people_(rules) {
  for (std::size_t p = 0; p < schema.user_names.size(); ++p) {
    if (schema.user_categorical[p]) properties_.push_back(schema.user_names[p]);
  }
}

void TrendCounts::Fold(const LogRecord& record) {
  next_offset_ = record.offset + 1;
  const Event& event = record.event;
  if ((kTypes >> static_cast<unsigned>(event.type) & 1u) == 0) return;
  if (event.type == EventType::kUserAlias) {
    people_.Join(event);
    return;
  }
  if (people_.IsLeftOut(event)) return;
  Count(kWholeShop, record);
  for (const Property& property : event.context) {
    if (!property.text.empty() && std::ranges::find(properties_, property.name) != properties_.end())
      Count(SegmentOf(property.name, KeyOf(property.text)), record);
  }
}

void TrendCounts::Count(Key key, const LogRecord& record) {
  auto at = segments_.find(key);
  if (at == segments_.end()) {
    if (segments_.size() >= kSegments) return;
    at = segments_.emplace(key, Segment()).first;
  }
  Segment& segment = at->second;
  for (const EventItem& event_item : record.event.items) {
    const Key item = KeyOf(event_item.item_id);
    auto counted = std::ranges::find(segment, item, &Counted::item);
    if (counted != segment.end()) {
      const auto age_ms = static_cast<double>(record.arrival_ms - counted->at_ms);
      counted->count = counted->count * Exp2(-age_ms / static_cast<double>(kHalfLifeMs)) + 1;
      counted->at_ms = record.arrival_ms;
      continue;
    }
    const Counted fresh{item, 1, record.arrival_ms};
    if (segment.size() < kItems) {
      segment.push_back(fresh);
      continue;
    }
    const auto least = std::ranges::min_element(segment, [](const Counted& a, const Counted& b) {
      const double of_a = a.rank(), of_b = b.rank();
      return of_a != of_b ? of_a < of_b : a.item < b.item;
    });
    // A new item takes the place of the least one and its count (Metwally et al., 2005, "space saving"): what has just
    // begun to be clicked could not come in otherwise.
    const auto age_ms = static_cast<double>(record.arrival_ms - least->at_ms);
    *least = {item, 1 + least->count * Exp2(-age_ms / static_cast<double>(kHalfLifeMs)), record.arrival_ms};
  }
}

std::size_t TrendCounts::memory_bytes() const {
  std::size_t bytes = people_.memory_bytes();
  for (const auto& [key, segment] : segments_) bytes += 64 + segment.capacity() * sizeof(Counted);
  return bytes;
}

std::shared_ptr<const TrendLists> TrendCounts::MakeLists() const {
  std::map<Key, std::vector<Key>> lists;
  for (const auto& [key, segment] : segments_) {
    std::vector<std::pair<double, Key>> ranked;
    for (const Counted& counted : segment) ranked.emplace_back(-counted.rank(), counted.item);
    std::ranges::sort(ranked);
    std::vector<Key>& list = lists[key];
    for (const auto& [rank, item] : ranked) list.push_back(item);
  }
  return std::make_shared<const TrendLists>(std::move(lists));
}

std::string TrendCounts::Encode() const {
  std::string body;
  ByteWriter w{&body};
  w.Varint(properties_.size());
  for (const std::string& property : properties_) w.String(property);
  w.Varint(next_offset_);
  w.Varint(segments_.size());
  for (const auto& [key, segment] : segments_) {
    w.Number(key);
    w.Varint(segment.size());
    for (const Counted& counted : segment) {
      w.Number(counted.item);
      w.Number(counted.count);
      w.Signed(counted.at_ms);
    }
  }
  people_.Encode(&w);
  std::string bytes(kMagic, 8);
  ByteWriter{&bytes}.Number(Crc32c(body.data(), body.size()));
  return bytes + body;
}

Result<TrendCounts> TrendCounts::Decode(std::string_view bytes) const {
  const Error corrupt{ErrorCode::kCorrupt, "the counts of trends are not what was written"};
  ByteReader r{bytes};
  if (bytes.size() < kHeadBytes || r.Take(8) != std::string_view(kMagic, 8)) return corrupt;
  if (const auto crc = r.Number<std::uint32_t>(); crc != Crc32c(r.left.data(), r.left.size())) return corrupt;
  TrendCounts counts = *this;
  std::vector<std::string> properties(r.Count(1));
  for (std::string& property : properties) property = r.String();
  if (!r.bad && properties != properties_)
    return Error{ErrorCode::kInvalidArgument, "the counts of trends are of other properties of [user]"};
  counts.next_offset_ = r.Varint();
  counts.segments_.clear();
  const std::size_t segments = r.Count(9);
  for (std::size_t s = 0; s < segments && !r.bad; ++s) {
    const auto key = r.Number<Key>();
    Segment segment(r.Count(17));
    r.bad = r.bad || segment.size() > kItems;
    for (Counted& counted : segment) {
      counted.item = r.Number<Key>();
      counted.count = r.Number<double>();
      counted.at_ms = r.Signed();
      r.bad = r.bad || !(counted.count > 0) || !(counted.count < 1e18);
    }
    r.bad = r.bad || !counts.segments_.emplace(key, std::move(segment)).second;
  }
  if (r.bad || segments > kSegments || !counts.people_.Decode(&r) || !r.left.empty()) return corrupt;
  return counts;
}

}  // namespace gfr
