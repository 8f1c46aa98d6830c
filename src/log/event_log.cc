#include "log/event_log.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <numeric>
#include <optional>
#include <unordered_set>

#include "log/segment.h"

namespace gfr {
namespace {

constexpr std::int64_t kHorizonMs = 24 * 3600 * 1000;
constexpr std::size_t kMaxKeys = 20'000'000;

Key DuplicateKey(const Event& e) { return PairKey(KeyOf(e.source), KeyOf(e.id)); }

// The keys of the last 24 h of arrival.
class DuplicateKeys {
 public:
  bool Insert(Key key, std::int64_t arrival_ms) {
    while (!order_.empty() && (order_.front().first < arrival_ms - kHorizonMs || order_.size() >= kMaxKeys)) {
      keys_.erase(order_.front().second);
      order_.pop_front();
    }
    if (!keys_.insert(key).second) return false;
    order_.push_back({arrival_ms, key});
    return true;
  }

 private:
  std::unordered_set<Key> keys_;
  std::deque<std::pair<std::int64_t, Key>> order_;
};

}  // namespace

struct EventLog::State {
  State(FileSystem& f, const Clock& c, EventLogOptions o) : fs(f), clock(c), options(std::move(o)) {}
  FileSystem& fs;
  const Clock& clock;
  const EventLogOptions options;
  std::unique_ptr<FileLock> lock;

  mutable std::mutex mutex;
  std::condition_variable changed;
  DuplicateKeys keys;
  std::uint64_t next_offset = 0;
  std::int64_t last_arrival_ms = INT64_MIN;
  std::string pending;           // Encoded, not yet handed to the file.
  std::uint64_t pending_to = 0;  // next_offset behind what is pending.
  std::uint64_t durable_to = 0;  // next_offset behind what is on disk.
  bool flushing = false;
  std::optional<Error> failed;

  std::unique_ptr<WritableFile> file;  // Used by the one that flushes.

  Status Recover();
  Status NewSegment(std::uint64_t first_offset);
  Status WriteAndSync(const std::string& bytes, std::uint64_t first_offset);
  AppendResult Accept(Event& event, std::int64_t arrival_ms, Appended* appended);
};

EventLog::EventLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventLog::~EventLog() = default;

Result<std::unique_ptr<EventLog>> EventLog::Open(FileSystem& fs, const Clock& clock, EventLogOptions options) {
  auto state = std::make_unique<State>(fs, clock, std::move(options));
  GFR_TRY(fs.MakeFolders(state->options.folder));
  GFR_ASSIGN(state->lock, fs.Lock(JoinPath(state->options.folder, "LOCK")));
  GFR_TRY(state->Recover());
  return std::unique_ptr<EventLog>(new EventLog(std::move(state)));
}

// Reads the last segment record by record; what is behind the last good one is cut when no good record follows it.
Status EventLog::State::Recover() {
  GFR_ASSIGN(const auto names, fs.List(options.folder));
  std::vector<std::string> segments;
  for (const std::string& name : names) {
    if (name.ends_with(".log")) segments.push_back(name);
  }
  // A segment whose header never reached the disk held nothing that was acknowledged.
  while (!segments.empty()) {
    GFR_ASSIGN(const std::string bytes, fs.ReadAll(JoinPath(options.folder, segments.back())));
    std::uint64_t first = 0;
    if (ReadSegmentHeader(bytes, &first)) break;
    if (bytes.size() > kSegmentHeaderBytes) {
      return Error{ErrorCode::kCorrupt,
                   "the header of '" + segments.back() + "' is not what was written; see `gfr log repair`"};
    }
    GFR_TRY(fs.Remove(JoinPath(options.folder, segments.back())));
    segments.pop_back();
  }
  if (segments.empty()) return {};
  const std::string path = JoinPath(options.folder, segments.back());
  GFR_ASSIGN(const std::string bytes, fs.ReadAll(path));
  GFR_ASSIGN(file, fs.OpenForWrite(path, /*append=*/true));
  (void)ReadSegmentHeader(bytes, &next_offset);
  std::size_t at = kSegmentHeaderBytes, size = 0;
  LogRecord record;
  while (at < bytes.size() && ReadRecord(std::string_view(bytes).substr(at), &record, &size) == RecordState::kOk)
    at += size;
  for (std::size_t behind = at + 1; behind < bytes.size(); ++behind) {
    if (ReadRecord(std::string_view(bytes).substr(behind), &record, &size) == RecordState::kOk) {
      return Error{ErrorCode::kCorrupt, "the record at byte " + std::to_string(at) + " of '" + path +
                                            "' is bad and good ones follow; `gfr log repair` can cut the log there"};
    }
  }
  if (at < bytes.size()) {
    GFR_TRY(file->Truncate(at));
    GFR_TRY(file->Sync());
  }
  // Arrival and duplicate keys from the log itself: of the last 24 h, so from the last segment that began before them.
  std::int64_t newest_ms = INT64_MIN;
  std::uint64_t from = next_offset;
  for (std::size_t i = segments.size(); i > 0; --i) {
    GFR_ASSIGN(const auto segment, fs.OpenForRead(JoinPath(options.folder, segments[i - 1])));
    GFR_ASSIGN(const std::string head, segment->Read(0, kSegmentHeaderBytes + kRecordHeaderBytes));
    std::uint64_t first = 0;
    if (!ReadSegmentHeader(head, &first))
      return Error{ErrorCode::kCorrupt,
                   "the header of '" + segments[i - 1] + "' is not what was written; see `gfr log repair`"};
    from = first;
    if (head.size() < kSegmentHeaderBytes + kRecordHeaderBytes) continue;
    const std::int64_t arrival_ms = RecordArrival(std::string_view(head).substr(kSegmentHeaderBytes));
    newest_ms = std::max(newest_ms, arrival_ms);
    if (arrival_ms < newest_ms - kHorizonMs) break;
  }
  GFR_ASSIGN(const auto reader, LogReader::Open(fs, options.folder, from));
  for (;;) {
    GFR_ASSIGN(const bool more, reader->Next(&record));
    if (!more) break;
    keys.Insert(DuplicateKey(record.event), record.arrival_ms);
    next_offset = record.offset + 1;
    last_arrival_ms = record.arrival_ms;
  }
  durable_to = pending_to = next_offset;
  return {};
}

Status EventLog::State::NewSegment(std::uint64_t first_offset) {
  GFR_ASSIGN(file, fs.OpenForWrite(JoinPath(options.folder, SegmentName(first_offset)), /*append=*/false));
  GFR_TRY(file->Append(SegmentHeader(first_offset)));
  GFR_TRY(file->Sync());
  return fs.SyncDirectory(options.folder);
}

Status EventLog::State::WriteAndSync(const std::string& bytes, std::uint64_t first_offset) {
  if (!file || file->size() >= options.segment_bytes) GFR_TRY(NewSegment(first_offset));
  GFR_TRY(file->Append(bytes));
  return file->Sync();
}

AppendResult EventLog::State::Accept(Event& event, std::int64_t arrival_ms, Appended* appended) {
  if (event.time_ms > arrival_ms + options.max_future_ms) return AppendResult::kFutureTime;
  if (!keys.Insert(DuplicateKey(event), arrival_ms)) return AppendResult::kDuplicate;
  last_arrival_ms = arrival_ms;
  AppendRecord(next_offset, arrival_ms, event, &pending);
  if (appended) appended->records.push_back({next_offset, arrival_ms, std::move(event)});
  pending_to = ++next_offset;
  return AppendResult::kAccepted;
}

Result<Appended> EventLog::Append(std::vector<Event> events) {
  State& s = *state_;
  Appended appended;
  std::unique_lock lock(s.mutex);
  if (s.failed) return *s.failed;
  const std::int64_t arrival_ms = std::max(s.clock.now_ms(), s.last_arrival_ms);
  for (Event& event : events) appended.results.push_back(s.Accept(event, arrival_ms, &appended));
  const std::uint64_t mine =
      s.next_offset;  // Duplicates of events still in flight must be durable too before they are acknowledged.
  while (s.durable_to < mine && !s.failed) {
    if (s.flushing) {
      s.changed.wait(lock);
      continue;
    }
    s.flushing = true;
    std::string bytes;
    bytes.swap(s.pending);
    const std::uint64_t first = s.durable_to, to = s.pending_to;
    lock.unlock();
    const Status status = s.WriteAndSync(bytes, first);
    lock.lock();
    s.flushing = false;
    if (status.ok())
      s.durable_to = to;
    else
      s.failed = Error{ErrorCode::kUnavailable,
                       "the log cannot be written, and stays closed until a restart: " + status.error().message};
    s.changed.notify_all();
  }
  if (s.durable_to < mine) return *s.failed;
  return appended;
}

Status EventLog::AppendImported(std::vector<Event> events, const std::function<void(std::uint64_t)>& progress,
                                std::uint64_t* duplicates) {
  State& s = *state_;
  std::vector<std::size_t> order(events.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return events[i].time_ms; });
  const std::lock_guard lock(s.mutex);
  if (s.failed) return *s.failed;
  if (!order.empty() && events[order[0]].time_ms < s.last_arrival_ms) {
    return Error{ErrorCode::kInvalidArgument,
                 "the data begins before what the log already holds ends; import it with `--rebuild`, which makes the "
                 "log anew from both"};
  }
  std::uint64_t done = 0;
  for (const std::size_t i : order) {
    if (s.Accept(events[i], events[i].time_ms, nullptr) == AppendResult::kDuplicate) ++*duplicates;
    if (++done % 4096 == 0 || done == order.size()) {
      std::string bytes;
      bytes.swap(s.pending);
      Status status;
      if (!s.file || s.file->size() >= s.options.segment_bytes) {
        if (s.file) status = s.file->Sync();
        if (status.ok()) status = s.NewSegment(s.durable_to);
      }
      if (status.ok()) status = s.file->Append(bytes);
      if (status.ok() && done == order.size()) status = s.file->Sync();
      if (!status.ok()) {
        s.failed = status.error();
        return status;
      }
      s.durable_to = s.pending_to;
      progress(done);
    }
  }
  if (order.empty() || s.file->size() <= kSegmentHeaderBytes) return {};
  return s.NewSegment(s.durable_to);  // What was imported is closed, and can be sealed.
}

std::uint64_t EventLog::next_offset() const {
  const std::lock_guard lock(state_->mutex);
  return state_->next_offset;
}

std::int64_t EventLog::last_arrival_ms() const {
  const std::lock_guard lock(state_->mutex);
  return state_->last_arrival_ms;
}

}  // namespace gfr
