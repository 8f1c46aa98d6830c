#include "dataset/kept_digest.h"

#include <algorithm>

#include "base/byte_reader.h"
#include "base/byte_writer.h"

namespace gfr {
namespace {

constexpr std::string_view kDigestMagic = "GFRDIGE2";

void PutActivity(const Activity& a, ByteWriter& out) {
  out.Number(a.events);
  out.Number(a.hour);
  out.Number(a.day);
  for (const std::uint32_t number : {a.in_hour, a.most_in_hour, a.hours}) out.Number(number);
  out.Number(a.most_hours);
  for (const Activity::Gaps& g : a.gaps) {
    out.Number(g.last_ms);
    for (const double number : {g.count, g.sum, g.squares}) out.Number(number);
  }
}

Activity ReadActivity(ByteReader& in) {
  Activity a;
  a.events = in.Number<std::uint64_t>();
  a.hour = in.Number<std::int64_t>();
  a.day = in.Number<std::int64_t>();
  for (std::uint32_t* number : {&a.in_hour, &a.most_in_hour, &a.hours}) *number = in.Number<std::uint32_t>();
  a.most_hours = in.Number<int>();
  for (Activity::Gaps& g : a.gaps) {
    g.last_ms = in.Number<std::int64_t>();
    for (double* number : {&g.count, &g.sum, &g.squares}) *number = in.Number<double>();
  }
  return a;
}

}  // namespace

void KeptDigest::Add(const LogRecord& record, std::string_view encoded) {
  const Event& event = record.event;
  if (!event.user_id.empty()) users.insert(KeyOf(event.user_id));
  if (event.type != EventType::kUserAlias) return;
  users.insert(KeyOf(event.kind));
  aliases.emplace_back(record.offset, std::string(encoded));
}

std::string KeptDigest::Encode() const {
  std::string body;
  ByteWriter out{&body};
  out.Number(rules);
  out.Varint(aliases.size());
  for (const auto& [offset, encoded] : aliases) {
    out.Number(offset);
    out.String(encoded);
  }
  out.Varint(users.size());
  for (const Key user : users) out.Number(user);
  out.Varint(activity.size());
  for (const auto& [person, its] : activity) {
    out.Number(person);
    PutActivity(its, out);
  }
  out.Varint(left_out.size());
  for (const auto& [person, why] : left_out) {
    out.Number(person);
    out.Byte(static_cast<std::uint8_t>(why));
  }
  out.Varint(segments.size());
  for (const auto& [first, mark] : segments) {
    for (const std::uint64_t number : {first, mark.end, mark.hash, mark.bytes, mark.raw}) out.Number(number);
  }
  out.Number(needed_bytes);
  out.Byte(is_settled ? 1 : 0);
  out.Number(warm);
  out.Number(end);
  out.Number(latest_ms);
  out.String(index_state);
  out.String(replay_state);
  std::string bytes(kDigestMagic);
  ByteWriter{&bytes}.Number(Crc32c(body.data(), body.size()));
  return bytes + body;
}

Result<KeptDigest> KeptDigest::Decode(std::string_view bytes) {
  const Error broken{ErrorCode::kCorrupt, "a digest of kept rows is not what was written"};
  ByteReader in{bytes};
  const bool magic = in.Take(kDigestMagic.size()) == kDigestMagic;
  const auto crc = in.Number<std::uint32_t>();
  if (!magic || crc != Crc32c(in.left.data(), in.left.size())) return broken;
  KeptDigest d;
  d.rules = in.Number<std::uint64_t>();
  for (std::size_t left = in.Count(9); left > 0 && !in.bad; --left) {
    const auto offset = in.Number<std::uint64_t>();
    d.aliases.emplace_back(offset, in.String());
  }
  std::size_t left = in.Count(sizeof(Key));
  for (d.users.reserve(left); left > 0 && !in.bad; --left) d.users.insert(in.Number<Key>());
  left = in.Count(sizeof(Key) + 8);
  for (d.activity.reserve(left); left > 0 && !in.bad; --left) {
    const auto person = in.Number<Key>();
    d.activity.emplace(person, ReadActivity(in));
  }
  for (left = in.Count(sizeof(Key) + 1); left > 0 && !in.bad; --left) {
    const auto person = in.Number<Key>();
    const auto why = in.Number<std::uint8_t>();
    if (why >= std::size(kDropReasons)) return broken;
    d.left_out.emplace(person, DropReason{why});
  }
  for (left = in.Count(5 * sizeof(std::uint64_t)); left > 0 && !in.bad; --left) {
    SegmentMark& mark = d.segments[in.Number<std::uint64_t>()];
    for (std::uint64_t* number : {&mark.end, &mark.hash, &mark.bytes, &mark.raw}) *number = in.Number<std::uint64_t>();
  }
  d.needed_bytes = in.Number<double>();
  d.is_settled = in.Number<std::uint8_t>() != 0;
  d.warm = in.Number<std::uint64_t>();
  d.end = in.Number<std::uint64_t>();
  d.latest_ms = in.Number<std::int64_t>();
  d.index_state = in.String();
  d.replay_state = in.String();
  if (in.bad || !in.left.empty()) return broken;
  return d;
}

std::uint64_t SettledRules(const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options) {
  std::string text;
  const auto add = [&](auto number) { text += std::to_string(number) + " "; };
  for (const ObjectiveConfig& o : objectives) {
    text += std::string(EventTypeName(o.population)) + " " + std::string(EventTypeName(o.label)) + " ";
    add(o.window_ms);
    add(o.early_window_ms);
    add(static_cast<int>(o.amount));
  }
  for (const bool flag : {options.slates, options.choices, options.drop_immature, options.leave_out.robots}) add(flag);
  return Hash64(text.data(), text.size());
}

std::int64_t SettlesAfterMs(const std::vector<ObjectiveConfig>& objectives) {
  std::int64_t longest_ms = 0;
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    const std::size_t next = NextObjective(objectives, o);
    longest_ms = std::max(longest_ms, std::max(objectives[o].window_ms, objectives[o].early_window_ms) +
                                          (next < objectives.size() ? objectives[next].window_ms : 0));
  }
  return longest_ms;
}

}  // namespace gfr
