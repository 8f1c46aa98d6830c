#include "log/drop_records.h"

#include <algorithm>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/time.h"
#include "event/event_codec.h"
#include "log/rewrite_lock.h"
#include "log/rewrite_segment.h"

namespace gfr {
namespace {

constexpr char kDropsFile[] = "dropped", kDropsMagic[] = "GFRDROP1", kIdPrefix[] = "dropped/", kSource[] = "gfr";
constexpr std::int64_t kMaxAheadMs = 5 * kMinuteMs;

Event EmptyRecord(std::uint64_t offset, std::int64_t arrival_ms) {
  return {.id = kIdPrefix + std::to_string(offset),
          .source = kSource,
          .type = EventType::kFeedShadow,
          .time_ms = arrival_ms};
}

// What becomes of the records, which are given in log order.
class Change {
 public:
  Change(const DropCriteria& criteria, std::int64_t now_ms, std::int64_t first_arrival_ms)
      : criteria_(criteria), now_ms_(now_ms), last_ms_(first_arrival_ms) {}

  struct Of {
    bool dropped = false, read_wrong = false;
    std::int64_t arrival_ms = 0;
    bool changes(const LogRecord& r) const { return dropped || read_wrong || arrival_ms != r.arrival_ms; }
  };
  Of Next(const LogRecord& r) {
    Of change{.dropped = criteria_.Takes(r)};
    const bool ahead = r.arrival_ms > now_ms_, brought = change.dropped && r.arrival_ms == r.event.time_ms &&
                                                         last_ms_ != INT64_MIN && r.arrival_ms > last_ms_ + kMaxAheadMs;
    if (change.dropped && (ahead || brought)) raised_to_ms_ = r.arrival_ms;
    const bool wrong = ahead || r.arrival_ms <= raised_to_ms_;
    // An event time that lies ahead itself says nothing.
    const std::int64_t own_ms = r.event.time_ms > now_ms_ ? last_ms_ : std::min(r.event.time_ms, r.arrival_ms);
    if (!wrong)
      last_ms_ = std::max(last_ms_, r.arrival_ms);
    else if (!change.dropped && !IsDropped(r.event))
      last_ms_ = std::max(last_ms_, own_ms);
    change.arrival_ms = last_ms_;
    const ServedSlate& s = r.event.served;
    change.read_wrong = !change.dropped && s.exists() &&
                        (change.arrival_ms != r.arrival_ms || s.now_ms > change.arrival_ms + kMaxAheadMs);
    return change;
  }

 private:
  const DropCriteria& criteria_;
  const std::int64_t now_ms_;
  std::int64_t last_ms_;                   // The arrival of the record before; INT64_MIN: there is none.
  std::int64_t raised_to_ms_ = INT64_MIN;  // The wrong arrival up to which those behind it were raised.
};

// The arrival of the first record that stays: that of dropped ones before it, where theirs was wrong.
Result<std::int64_t> FirstArrival(LocalLog& log, const DropCriteria& criteria, std::int64_t now_ms) {
  Change change(criteria, now_ms, INT64_MIN);
  GFR_ASSIGN(const auto reader, log.OpenAll());
  std::int64_t last_ms = INT64_MIN;
  for (LogRecord r;;) {
    GFR_ASSIGN(const bool more, reader->More(&r));
    if (!more) return last_ms;
    last_ms = change.Next(r).arrival_ms;
    if (last_ms != INT64_MIN) return last_ms;
  }
}

Status WriteDrop(const LocalLog& log, OffsetRange range) {
  GFR_ASSIGN(std::vector<OffsetRange> ranges, ReadDrops(log));
  ranges.push_back(range);
  std::string bytes(kDropsMagic, 8);
  ByteWriter w{&bytes};
  for (const OffsetRange& r : ranges) {
    const std::size_t at = bytes.size();
    w.Number(r.begin);
    w.Number(r.end);
    w.Number(Crc32c(bytes.data() + at, 16));
    w.Number(std::uint32_t{0});
  }
  return PublishFile(log.fs(), JoinPath(log.folder(), kDropsFile), bytes);
}

void Count(const LogRecord& r, const Change::Of& change, DroppedRecords* out) {
  if (change.dropped) {
    out->first_ms = out->records == 0 ? r.event.time_ms : std::min(out->first_ms, r.event.time_ms);
    out->last_ms = out->records == 0 ? r.event.time_ms : std::max(out->last_ms, r.event.time_ms);
    ++out->records;
    ++out->by_type[static_cast<std::size_t>(r.event.type)];
  } else {
    out->arrivals += change.arrival_ms != r.arrival_ms;
    out->slates_read_wrong += change.read_wrong;
  }
  if (change.changes(r) && !out->any()) out->changed_from = r.offset;
  if (!out->any()) return;
  out->changed_from_ms = std::min({out->changed_from_ms, r.arrival_ms, change.arrival_ms});
  out->slates_not_verified += !change.dropped && !change.read_wrong && r.event.served.exists();
}

// What is known of a segment before it is rewritten.
struct Segment {
  std::string name;
  std::uint64_t begin, end;  // Offsets.
  Change before;             // What is to be known of the records before it.
  bool changes = false;
};

// What changes of each segment, one after the other, counted.
Result<std::vector<Segment>> FindChanges(LocalLog& log, Change change, DroppedRecords* out) {
  GFR_ASSIGN(const auto names, log.Segments());
  std::vector<Segment> segments;
  for (std::size_t s = 0; s < names.size(); ++s) {
    segments.push_back({.name = names[s],
                        .begin = std::stoull(names[s]),
                        .end = s + 1 < names.size() ? std::stoull(names[s + 1]) : UINT64_MAX,
                        .before = change});
    Segment& segment = segments.back();
    GFR_ASSIGN(const auto reader, log.Open({segment.begin}, {.until = Positions{segment.end}}));
    std::uint64_t end = segment.begin;
    for (LogRecord r;;) {
      GFR_ASSIGN(const bool more, reader->More(&r));
      if (!more) break;
      const Change::Of of = change.Next(r);
      Count(r, of, out);
      segment.changes = segment.changes || of.changes(r);
      end = r.offset + 1;
      out->end_before_ms = r.arrival_ms;
      out->end_ms = of.arrival_ms;
    }
    segment.end = end;
    if (segment.changes) out->segments.push_back(segment.name);
  }
  return segments;
}

// The segment as it is to be.
Result<RewrittenSegment> Rewrite(const std::string& path, const std::string& bytes, const Segment& of) {
  Change change = of.before;
  LogRecord r;
  std::string encoded;
  return RewriteSegment(path, bytes, [&](EncodedRecord* record) -> Status {
    GFR_ASSIGN(r.event, DecodeEvent(record->event));
    r.offset = record->offset;
    r.arrival_ms = record->arrival_ms;
    const Change::Of to = change.Next(r);
    record->arrival_ms = to.arrival_ms;
    if (!to.dropped && !to.read_wrong) return {};
    Event event = to.dropped ? EmptyRecord(r.offset, to.arrival_ms) : std::move(r.event);
    event.served = {};
    encoded.clear();
    EncodeEvent(event, &encoded);
    record->event = encoded;
    return {};
  });
}

}  // namespace

bool DropCriteria::empty() const {
  return offsets.empty() && !before_ms && !after_ms && types.empty() && sources.empty();
}

bool DropCriteria::Takes(const LogRecord& r) const {
  if (empty() || IsDropped(r.event)) return false;
  const auto has = [](const auto& list, const auto& value) {
    return list.empty() || std::ranges::find(list, value) != list.end();
  };
  if (r.event.type == EventType::kUserDelete && types.empty()) return false;
  return (offsets.empty() ||
          std::ranges::any_of(
              offsets, [&](const OffsetRange& range) { return r.offset >= range.begin && r.offset < range.end; })) &&
         (!before_ms || r.event.time_ms < *before_ms) && (!after_ms || r.event.time_ms > *after_ms) &&
         has(types, r.event.type) && has(sources, r.event.source);
}

bool IsDropped(const Event& e) {
  return e.type == EventType::kFeedShadow && e.source == kSource && e.id.starts_with(kIdPrefix);
}

Result<DroppedRecords> DropRecords(LocalLog& log, const DropCriteria& criteria, std::int64_t now_ms, bool dry_run,
                                   const std::function<Status(const std::string&)>& before_rewrite) {
  FileSystem& fs = log.fs();
  ExclusiveLocks locks;
  if (!dry_run) {
    GFR_ASSIGN(locks, LockExclusively(log, "drop"));
  }
  GFR_ASSIGN(const std::int64_t first_ms, FirstArrival(log, criteria, now_ms));
  DroppedRecords out;
  GFR_ASSIGN(const std::vector<Segment> segments, FindChanges(log, Change(criteria, now_ms, first_ms), &out));
  if (dry_run || !out.any()) return out;
  if (first_ms == INT64_MIN)
    return Error{ErrorCode::kInvalidArgument,
                 "no record that would stay has a time before now, so that none has an arrival that could be right"};
  GFR_TRY(WriteDrop(log, {out.changed_from, segments.back().end}));
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (!segment->changes) continue;
    const std::string path = JoinPath(log.folder(), segment->name);
    GFR_ASSIGN(const std::string bytes, fs.ReadAll(path));
    GFR_ASSIGN(const RewrittenSegment rewritten, Rewrite(path, bytes, *segment));
    GFR_TRY(before_rewrite(segment->name));
    GFR_TRY(PublishFile(fs, path, rewritten.bytes));
  }
  return out;
}

Result<std::vector<OffsetRange>> ReadDrops(const LocalLog& log) {
  const std::string path = JoinPath(log.folder(), kDropsFile);
  std::vector<OffsetRange> ranges;
  if (!log.fs().Exists(path)) return ranges;
  GFR_ASSIGN(const std::string bytes, log.fs().ReadAll(path));
  const Error bad{ErrorCode::kCorrupt, "'" + path + "' is not what was written"};
  if (bytes.size() < 8 || bytes.size() % 24 != 8 || !bytes.starts_with(kDropsMagic)) return bad;
  for (std::size_t at = 8; at < bytes.size(); at += 24) {
    ByteReader r{std::string_view(bytes).substr(at, 24)};
    ranges.push_back({.begin = r.Number<std::uint64_t>(), .end = r.Number<std::uint64_t>()});
    if (r.Number<std::uint32_t>() != Crc32c(bytes.data() + at, 16)) return bad;
  }
  return ranges;
}

}  // namespace gfr
