#include "log/event_log.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>

#include "base/clock.h"
#include "base/sync.h"
#include "log/duplicate_keys.h"
#include "log/frame.h"

namespace gfr {

struct EventLog::State {
  State(FileSystem& f, const Clock& c, EventLogOptions o)
      : fs(f), clock(c), options(std::move(o)), source(f, options.folder, durable) {}
  FileSystem& fs;
  const Clock& clock;
  const EventLogOptions options;
  const std::shared_ptr<DurableEnd> durable = std::make_shared<DurableEnd>(0);
  LocalLog source;
  std::unique_ptr<FileLock> lock;

  struct Batch {
    Appended appended;
    Done done;
  };

  mutable Mutex mutex;
  CondVar queued, idle;  // A batch was queued, or `stopping` set; the queue is empty and written.
  DuplicateKeys keys;
  std::uint64_t next_offset = 0;
  std::int64_t last_arrival_ms = INT64_MIN;
  std::vector<Batch> batches;      // Whose bytes are in `pending`; not yet handed to the file.
  std::string pending;             // Encoded records, from offset `pending_from` on.
  std::uint64_t pending_from = 0;  // Equals next_offset when nothing is pending.
  std::size_t writing_bytes = 0;   // Handed to the file, not yet on disk.
  bool writing = false, stopping = false;
  std::optional<Error> failed;

  std::string segment;                 // Name of the one that `file` writes, or wrote when it failed.
  std::uint64_t segment_first = 0;     // Its first offset.
  std::uint64_t synced_bytes = 0;      // Of it.
  std::unique_ptr<WritableFile> file;  // Used by the writer's thread; by others only while it is idle.
  Thread writer;                       // Last: it uses the others until it has ended.

  Status Recover();
  Status CutTornTail(const std::string& name, const std::string& bytes);
  Status ReadKeys(const std::vector<std::string>& segments);
  Status NewSegment(std::uint64_t first_offset);
  Status WriteAndSync(const std::string& bytes, std::uint64_t first_offset);
  AppendResult Accept(Event& event, std::int64_t arrival_ms, Appended* appended);
  void RunWriter();
  void Forget(std::uint64_t from_offset, std::vector<Batch>* taken);
  Status CutToSynced();
  void Reopen(MutexLock& lock);
};

EventLog::EventLog(std::unique_ptr<State> state) : state_(std::move(state)) {}

EventLog::~EventLog() {
  {
    const MutexLock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->queued.NotifyOne();
  state_->writer.Join();
}

Result<std::unique_ptr<EventLog>> EventLog::Open(FileSystem& fs, const Clock& clock, EventLogOptions options) {
  auto state = std::make_unique<State>(fs, clock, std::move(options));
  GFR_TRY(fs.MakeFolders(state->options.folder));
  GFR_ASSIGN(state->lock, fs.Lock(JoinPath(state->options.folder, "LOCK")));
  GFR_TRY(state->Recover());
  state->writer = Thread("log-writer", [s = state.get()] { s->RunWriter(); });
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
  (void)ReadSegmentHeader(bytes, &next_offset);
  if (!IsFramedSegment(bytes)) GFR_TRY(CutTornTail(segments.back(), bytes));
  // What a killed process wrote may be in the system's cache alone, and counts as durable from here on: it is answered
  // "duplicate" when it is sent again, and later segments follow it. The file's name likewise.
  if (file) GFR_TRY(file->Sync());
  GFR_TRY(fs.SyncDirectory(options.folder));
  GFR_TRY(ReadKeys(segments));
  pending_from = next_offset;
  durable->Set(next_offset);
  return {};
}

// Of the last segment, which is still written to: what is behind the last good record.
Status EventLog::State::CutTornTail(const std::string& name, const std::string& bytes) {
  const std::string path = JoinPath(options.folder, name);
  GFR_ASSIGN(file, fs.OpenForWrite(path, /*append=*/true));
  std::size_t at = kSegmentHeaderBytes, size = 0;
  LogRecord record;
  // By their checksums alone: a whole record that this version cannot decode is not torn, and is not cut.
  const auto is_whole = [&](std::size_t from) {
    return ReadRecord(std::string_view(bytes).substr(from), &record, &size, /*types=*/0) == RecordState::kOk;
  };
  while (at < bytes.size() && is_whole(at)) at += size;
  for (std::size_t behind = at + 1; behind < bytes.size(); ++behind) {
    if (is_whole(behind)) {
      return Error{ErrorCode::kCorrupt, "the record at byte " + std::to_string(at) + " of '" + path +
                                            "' is bad and good ones follow; `gfr log repair` can cut the log there"};
    }
  }
  if (at < bytes.size()) GFR_TRY(file->Truncate(at));
  segment = name;
  segment_first = next_offset;
  synced_bytes = at;
  return {};
}

// Arrival and duplicate keys from the log itself: of the last 24 h, so from the last segment that began before them.
Status EventLog::State::ReadKeys(const std::vector<std::string>& segments) {
  LocalLog files(fs, options.folder);
  LogRecord record;
  std::int64_t newest_ms = INT64_MIN;
  std::uint64_t from = next_offset;
  for (std::size_t i = segments.size(); i > 0; --i) {
    from = std::stoull(segments[i - 1]);
    GFR_ASSIGN(const auto first, files.Open({from}));
    GFR_ASSIGN(const bool any, first->More(&record));
    if (!any) continue;
    newest_ms = std::max(newest_ms, record.arrival_ms);
    if (record.arrival_ms < newest_ms - DuplicateKeys::kHorizonMs) break;
  }
  GFR_ASSIGN(const auto reader, files.Open({from}));
  for (;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) return {};
    keys.Insert(DuplicateKeys::Of(record.event), record.arrival_ms);
    next_offset = record.offset + 1;
    last_arrival_ms = record.arrival_ms;
  }
}

Status EventLog::State::NewSegment(std::uint64_t first_offset) {
  segment = SegmentName(first_offset);
  segment_first = first_offset;
  synced_bytes = 0;
  GFR_ASSIGN(file, fs.OpenForWrite(JoinPath(options.folder, segment), /*append=*/false));
  GFR_TRY(file->Append(SegmentHeader(first_offset)));
  GFR_TRY(file->Sync());
  GFR_TRY(fs.SyncDirectory(options.folder));
  synced_bytes = kSegmentHeaderBytes;
  return {};
}

Status EventLog::State::WriteAndSync(const std::string& bytes, std::uint64_t first_offset) {
  if (!file || file->size() >= options.segment_bytes) GFR_TRY(NewSegment(first_offset));
  GFR_TRY(file->Append(bytes));
  GFR_TRY(file->Sync());
  synced_bytes = file->size();
  return {};
}

// After a failed write: no record from `from_offset` on will be in the log. Their batches, also those that were queued
// meanwhile, are added to `taken`, to be refused.
void EventLog::State::Forget(std::uint64_t from_offset, std::vector<Batch>* taken) {
  std::ranges::move(batches, std::back_inserter(*taken));
  batches.clear();
  pending.clear();
  keys.RemoveNewest(next_offset - from_offset);
  next_offset = pending_from = from_offset;
}

// What a failed write or sync left of the segment's end is unknown, and a later sync could leave out pages that this
// one failed to write: so the file is cut to what a sync vouched for, and not written to again.
Status EventLog::State::CutToSynced() {
  file.reset();
  const std::string path = JoinPath(options.folder, segment);
  if (pending_from == segment_first) {  // No record of it is on disk; the next segment has its name.
    GFR_TRY(fs.Remove(path));
    return fs.SyncDirectory(options.folder);
  }
  GFR_ASSIGN(const auto cut, fs.OpenForWrite(path, /*append=*/true));
  GFR_TRY(cut->Truncate(synced_bytes));
  return cut->Sync();
}

void EventLog::State::Reopen(MutexLock& lock) {
  for (std::int64_t wait_ms = options.min_retry_ms;; wait_ms = std::min(2 * wait_ms, options.max_retry_ms)) {
    lock.Unlock();
    const Status status = CutToSynced();
    lock.Lock();
    if (status.ok()) {
      failed.reset();
      return;
    }
    failed->message =
        "the log cannot be written, and its segment not be cut to what is on disk, which is tried again: " +
        status.error().message;
    if (queued.WaitUntil(lock, MonotonicMs() + wait_ms, [&] { return stopping; })) return;
  }
}

AppendResult EventLog::State::Accept(Event& event, std::int64_t arrival_ms, Appended* appended) {
  if (event.time_ms > arrival_ms + options.max_future_ms) return AppendResult::kFutureTime;
  if (!keys.Insert(DuplicateKeys::Of(event), arrival_ms)) return AppendResult::kDuplicate;
  last_arrival_ms = arrival_ms;
  AppendRecord(next_offset, arrival_ms, event, &pending);
  if (appended) appended->records.push_back({next_offset, arrival_ms, std::move(event)});
  ++next_offset;
  return AppendResult::kAccepted;
}

void EventLog::AppendAsync(std::vector<Event> events, Done done) {
  State& s = *state_;
  MutexLock lock(s.mutex);
  std::optional<Error> refused = s.failed;
  if (const std::size_t bytes = s.pending.size() + s.writing_bytes; !refused && bytes >= s.options.max_queued_bytes)
    refused = Error{ErrorCode::kResourceExhausted,
                    "more events are waiting for the disk than the log holds; send them again later"};
  if (refused) {
    lock.Unlock();
    return done(*std::move(refused));
  }
  State::Batch batch{.done = std::move(done)};
  const std::int64_t arrival_ms = std::max(s.clock.now_ms(), s.last_arrival_ms);
  for (Event& event : events) batch.appended.results.push_back(s.Accept(event, arrival_ms, &batch.appended));
  // Also a batch of duplicates alone is queued: what it repeats may not be on disk yet.
  s.batches.push_back(std::move(batch));
  lock.Unlock();
  s.queued.NotifyOne();
}

// Group commit: writes and syncs at once all that was queued while the last write ran, then answers its batches.
void EventLog::State::RunWriter() {
  std::string bytes;
  MutexLock lock(mutex);
  for (;;) {
    queued.Wait(lock, [&] { return stopping || !batches.empty(); });
    if (batches.empty()) return;
    std::vector<Batch> taken;
    taken.swap(batches);
    bytes.clear();
    bytes.swap(pending);
    const std::uint64_t first = pending_from, end = next_offset;
    pending_from = end;
    writing_bytes = bytes.size();
    writing = true;
    lock.Unlock();
    const Status status = bytes.empty() ? Status() : WriteAndSync(bytes, first);
    lock.Lock();  // Before the first answer: whoever gets one finds the log as it is from now on.
    writing_bytes = 0;
    if (status.ok()) {
      durable->Set(end);
    } else {
      failed = Error{ErrorCode::kUnavailable, "the log cannot be written: " + status.error().message};
      Forget(first, &taken);
    }
    const std::optional<Error> refused = failed;
    lock.Unlock();
    for (Batch& batch : taken) {
      if (refused)
        batch.done(*refused);
      else
        batch.done(std::move(batch.appended));
    }
    taken.clear();
    lock.Lock();
    if (failed) Reopen(lock);
    writing = false;
    if (batches.empty()) idle.NotifyAll();
  }
}

bool EventLog::healthy() const {
  const MutexLock lock(state_->mutex);
  return !state_->failed;
}

Status EventLog::AppendImported(std::vector<Event> events, const std::function<void(std::uint64_t)>& progress,
                                std::uint64_t* duplicates) {
  State& s = *state_;
  std::vector<std::size_t> order(events.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return events[i].time_ms; });
  MutexLock lock(s.mutex);
  s.idle.Wait(lock, [&] { return s.batches.empty() && !s.writing; });
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
        if (status.ok()) status = s.NewSegment(s.pending_from);
      }
      if (status.ok()) status = s.file->Append(bytes);
      if (status.ok() && done == order.size()) status = s.file->Sync();
      if (!status.ok()) {  // Whoever imports starts anew: what is whole of it is in the log, and is then a duplicate.
        s.failed = status.error();
        return status;
      }
      s.pending_from = s.next_offset;
      if (done == order.size()) s.durable->Set(s.next_offset);
      progress(done);
    }
  }
  if (order.empty() || s.file->size() <= kSegmentHeaderBytes) return {};
  return s.NewSegment(s.next_offset);  // What was imported is closed, and can be sealed.
}

LocalLog& EventLog::source() { return state_->source; }

std::uint64_t EventLog::next_offset() const {
  const MutexLock lock(state_->mutex);
  return state_->next_offset;
}

std::int64_t EventLog::last_arrival_ms() const {
  const MutexLock lock(state_->mutex);
  return state_->last_arrival_ms;
}

}  // namespace gfr
