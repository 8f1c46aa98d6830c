#include "log/event_log.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>

#include "base/clock.h"
#include "base/sync.h"
#include "event/event_codec.h"
#include "log/duplicate_keys.h"
#include "log/recover_segment.h"

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
  LogRecovery recovery;

  struct Batch {
    Appended appended;
    Done done;
  };
  struct Frame {
    std::string records;
    std::uint32_t count = 0;
  };
  // What is written and answered as one: one frame, or those of one batch that is larger.
  struct Group {
    std::uint64_t first = 0, end = 0;  // Offsets.
    std::size_t bytes = 0;
    std::vector<Frame> frames;
    std::vector<Batch> batches;
  };

  mutable Mutex mutex;
  CondVar queued, idle;  // A batch was queued, or `stopping` set; the queue is empty and written.
  DuplicateKeys keys;
  std::uint64_t next_offset = 0;
  std::int64_t last_arrival_ms = INT64_MIN;
  std::deque<Group> groups;       // Not yet handed to the file.
  std::size_t queued_bytes = 0;   // Of `groups` and of what is being written.
  std::string encoded;            // Of one batch.
  std::vector<std::size_t> ends;  // Of its records in `encoded`.
  std::uint64_t written_end = 0;  // Offset behind what was handed to the file.
  bool writing = false, stopping = false;
  std::optional<Error> failed;

  std::uint64_t segment_first = 0;      // First offset of the one that `file` writes, or wrote when it failed.
  std::uint64_t synced_bytes = 0;       // Of it, before the group that is being written.
  std::unique_ptr<SegmentWriter> file;  // Used by the writer's thread; by others only while it is idle.
  Thread writer;                        // Last: it uses the others until it has ended.

  Status Recover();
  Status ReadKeys(const std::vector<std::string>& segments);
  Status NewSegment(std::uint64_t first_offset);
  Status WriteAndSync(const Group& group);
  Status WriteImported(const NextImported& next, const std::function<void(std::uint64_t)>& progress,
                       std::uint64_t* duplicates);
  // What fails within these two, for want of memory, would leave keys, offsets and bytes that do not belong together:
  // the process ends at once, and a restart is exact.
  AppendResult Accept(Event& event, std::int64_t arrival_ms, Appended* appended) noexcept;
  void Queue(Batch batch) noexcept;
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

Status EventLog::State::Recover() {
  GFR_ASSIGN(RecoveredEnd end, RecoverEnd(fs, options.folder));
  recovery = std::move(end.recovery);
  next_offset = end.end_offset;
  if (end.segments.empty()) return {};
  if (end.writer) {
    segment_first = std::stoull(end.segments.back());
    file = std::move(end.writer);
  }
  GFR_TRY(ReadKeys(end.segments));
  written_end = next_offset;
  durable->Set(next_offset);
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

// The one before gets its footer: it is closed.
Status EventLog::State::NewSegment(std::uint64_t first_offset) {
  if (file) GFR_TRY(file->Close());
  file.reset();
  segment_first = first_offset;
  GFR_ASSIGN(file, SegmentWriter::Make(fs, options.folder, first_offset));
  synced_bytes = file->synced_bytes();
  return {};
}

Status EventLog::State::WriteAndSync(const Group& group) {
  if (file) synced_bytes = file->synced_bytes();
  if (!file || file->raw_bytes() >= options.segment_bytes) GFR_TRY(NewSegment(group.first));
  for (const Frame& frame : group.frames) GFR_TRY(file->Append(frame.records, frame.count));
  return {};
}

// After a failed write: no record from `from_offset` on will be in the log. Their batches, also those that were queued
// meanwhile, are added to `taken`, to be refused.
void EventLog::State::Forget(std::uint64_t from_offset, std::vector<Batch>* taken) {
  for (Group& group : groups) std::ranges::move(group.batches, std::back_inserter(*taken));
  groups.clear();
  queued_bytes = 0;
  keys.RemoveNewest(next_offset - from_offset);
  next_offset = written_end = from_offset;
}

// What a failed write or sync left of the segment's end is unknown, and a later sync could leave out pages that this
// one failed to write: so the file is cut to what a sync vouched for, and not written to again.
Status EventLog::State::CutToSynced() {
  file.reset();
  const std::string path = JoinPath(options.folder, SegmentName(segment_first));
  if (written_end == segment_first) {  // No record of it is on disk; the next segment has its name.
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

AppendResult EventLog::State::Accept(Event& event, std::int64_t arrival_ms, Appended* appended) noexcept {
  if (event.time_ms > arrival_ms + options.max_future_ms) return AppendResult::kFutureTime;
  if (!keys.Insert(DuplicateKeys::Of(event), arrival_ms)) return AppendResult::kDuplicate;
  last_arrival_ms = arrival_ms;
  AppendFramedRecord(arrival_ms, event, &encoded);
  ends.push_back(encoded.size());
  appended->records.push_back({next_offset, arrival_ms, std::move(event)});
  ++next_offset;
  return AppendResult::kAccepted;
}

// The batch whose records are in `encoded` joins the last group where both fit one frame; a larger one is a group by
// itself. So a batch is on disk whole or not at all, as far as it fits a frame.
void EventLog::State::Queue(Batch batch) noexcept {
  if (groups.empty() || groups.back().bytes + encoded.size() > kFrameBytes)
    groups.push_back({.first = next_offset - ends.size(), .end = next_offset});
  Group& group = groups.back();
  if (group.frames.empty() && !ends.empty()) group.frames.emplace_back();
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    if (!group.frames.back().records.empty() && group.frames.back().records.size() + end - begin > kFrameBytes)
      group.frames.emplace_back();
    group.frames.back().records.append(encoded, begin, end - begin);
    ++group.frames.back().count;
    begin = end;
  }
  group.end = next_offset;
  group.bytes += encoded.size();
  queued_bytes += encoded.size();
  group.batches.push_back(std::move(batch));
  encoded.clear();
  ends.clear();
}

void EventLog::AppendAsync(std::vector<Event> events, Done done) {
  State& s = *state_;
  MutexLock lock(s.mutex);
  std::optional<Error> refused = s.failed;
  if (!refused && s.queued_bytes >= s.options.max_queued_bytes)
    refused = Error{ErrorCode::kResourceExhausted,
                    "more events are waiting for the disk than the log holds; send them again later"};
  if (refused) {
    lock.Unlock();
    return done(*std::move(refused));
  }
  State::Batch batch{.done = std::move(done)};
  const std::int64_t arrival_ms = std::max(s.clock.now_ms(), s.last_arrival_ms);
  batch.appended.results.reserve(events.size());
  batch.appended.records.reserve(events.size());
  for (Event& event : events) batch.appended.results.push_back(s.Accept(event, arrival_ms, &batch.appended));
  // Also a batch of duplicates alone is queued: what it repeats may not be on disk yet.
  s.Queue(std::move(batch));
  lock.Unlock();
  s.queued.NotifyOne();
}

// Group commit: writes and syncs at once what was queued while the last write ran, a frame of it, then answers its
// batches.
void EventLog::State::RunWriter() {
  MutexLock lock(mutex);
  for (;;) {
    queued.Wait(lock, [&] { return stopping || !groups.empty(); });
    if (groups.empty()) return;
    Group group = std::move(groups.front());
    groups.pop_front();
    written_end = group.end;
    writing = true;
    lock.Unlock();
    const Status status = group.frames.empty() ? Status() : WriteAndSync(group);
    lock.Lock();  // Before the first answer: whoever gets one finds the log as it is from now on.
    if (status.ok()) {
      queued_bytes -= group.bytes;
      durable->Set(group.end);
    } else {
      failed = Error{ErrorCode::kUnavailable, "the log cannot be written: " + status.error().message};
      Forget(group.first, &group.batches);
    }
    const std::optional<Error> refused = failed;
    lock.Unlock();
    for (Batch& batch : group.batches) {
      if (refused)
        batch.done(*refused);
      else
        batch.done(std::move(batch.appended));
    }
    group = {};
    lock.Lock();
    if (failed) Reopen(lock);
    writing = false;
    if (groups.empty()) idle.NotifyAll();
  }
}

// Segments that are made as a whole, each on disk under its name or not there.
Status EventLog::State::WriteImported(const NextImported& next, const std::function<void(std::uint64_t)>& progress,
                                      std::uint64_t* duplicates) {
  Event event;
  std::int64_t arrival_ms = 0;
  GFR_ASSIGN(bool more, next(&event, &arrival_ms));
  if (!more) return {};
  if (arrival_ms < last_arrival_ms) {
    return Error{ErrorCode::kInvalidArgument,
                 "the data begins before what the log already holds ends; import it with `--rebuild`, which makes the "
                 "log anew from both"};
  }
  if (file) GFR_TRY(file->Close());
  file.reset();
  std::optional<FramedSegment> whole;
  std::uint64_t first = next_offset;
  std::size_t bytes = 0;
  const auto publish = [&]() -> Status {
    if (!whole) return {};
    GFR_TRY(PublishFile(fs, JoinPath(options.folder, SegmentName(first)), whole->Finish()));
    whole.reset();
    bytes = 0;
    durable->Set(next_offset);
    return {};
  };
  std::uint64_t done = 0;
  while (more) {
    if (++done % 4096 == 0) progress(done);
    if (keys.Insert(DuplicateKeys::Of(event), arrival_ms)) {
      last_arrival_ms = arrival_ms;
      if (bytes >= options.segment_bytes) GFR_TRY(publish());
      if (!whole) whole.emplace(first = next_offset);
      encoded.clear();
      EncodeEvent(event, &encoded);
      whole->Add(arrival_ms, encoded);
      bytes += encoded.size() + kFramedHeaderBytes;
      ++next_offset;
    } else {
      ++*duplicates;
    }
    GFR_ASSIGN(more, next(&event, &arrival_ms));
  }
  encoded.clear();
  GFR_TRY(publish());
  progress(done);
  written_end = next_offset;
  return NewSegment(next_offset);  // What was imported is closed, and can be exported.
}

bool EventLog::healthy() const {
  const MutexLock lock(state_->mutex);
  return !state_->failed;
}

Status EventLog::AppendImported(std::vector<Event> events, const std::function<void(std::uint64_t)>& progress,
                                std::uint64_t* duplicates) {
  std::ranges::stable_sort(events, {}, &Event::time_ms);
  std::size_t at = 0;
  const NextImported next = [&](Event* event, std::int64_t* arrival_ms) -> Result<bool> {
    if (at == events.size()) return false;
    *arrival_ms = events[at].time_ms;
    *event = std::move(events[at++]);
    return true;
  };
  return AppendImported(next, progress, duplicates);
}

Status EventLog::AppendImported(const NextImported& next, const std::function<void(std::uint64_t)>& progress,
                                std::uint64_t* duplicates) {
  State& s = *state_;
  MutexLock lock(s.mutex);
  s.idle.Wait(lock, [&] { return s.groups.empty() && !s.writing; });
  if (s.failed) return *s.failed;
  const std::uint64_t before = s.next_offset;
  const Status status = s.WriteImported(next, progress, duplicates);
  // Whoever imports starts anew: what is in the log is a duplicate then.
  if (!status.ok() && s.next_offset > before) s.failed = status.error();
  return status;
}

const LogRecovery& EventLog::recovery() const { return state_->recovery; }

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
