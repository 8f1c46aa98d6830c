// What goes on beside the calls of an owner.
#include <algorithm>

#include "base/cpu_time.h"
#include "base/disk_space.h"
#include "base/give_back_memory.h"
#include "dataset/trim_log.h"
#include "dataset/verify_served.h"
#include "log/compact_log.h"
#include "log/seal.h"
#include "operations/shared_store.h"
#include "runtime/logger.h"
#include "serve/service_state.h"

namespace gfr {
namespace {

constexpr std::int64_t kFoldSliceMs = 5;
constexpr std::size_t kFoldAtOnce = 8;  // Records: less time than it takes to wake a thread and to come back.
constexpr std::int64_t kVerifyRestMs = 50;
constexpr std::int64_t kSnapshotMs = 10 * kMinuteMs;

}  // namespace

// Lets go of the writer's lock after each slice: whoever else needs it never waits for a long batch.
void ServiceState::RunFolds(const std::stop_token& stop) {
  for (;;) {
    std::deque<Folding> taken;
    {
      MutexLock lock(folding_mutex);
      folding_changed.Wait(lock, stop, [&] { return !folding.empty(); });
      if (folding.empty()) return;
      taken.swap(folding);
    }
    while (!taken.empty()) {
      std::vector<Folded> done;
      {
        const MutexLock lock(mutex);
        FoldSlice(&taken, &done);
      }
      for (const Folded& f : done) f();
    }
  }
}

// Folds for a few milliseconds from the front of `taken`; `done` gets what is to be called for the batches that ended.
void ServiceState::FoldSlice(std::deque<Folding>* taken, std::vector<Folded>* done) {
  const std::int64_t end_ms = MonotonicMs() + kFoldSliceMs;
  std::size_t count = 0;
  std::vector<Freshness::Group> folded;  // By the arrival of the last.
  do {
    Folding& batch = taken->front();
    for (int n = 0; n < 64 && batch.next < batch.records.size(); ++n, ++count) {
      const LogRecord& record = batch.records[batch.next++];
      store->Fold(record);
      Note(record);
    }
    if (batch.next < batch.records.size()) continue;
    const auto events =
        std::ranges::count_if(batch.records, [](const LogRecord& r) { return !IsServerOnly(r.event.type); });
    folded.push_back({batch.records.back().arrival_ms, batch.durable_us, static_cast<std::uint64_t>(events)});
    done->push_back(std::move(batch.done));
    recent.Add(std::move(batch.records));
    taken->pop_front();
  } while (!taken->empty() && MonotonicMs() < end_ms);
  store->Publish();
  NoteMemory();
  last_arrival_ms = store->last_arrival_ms();
  next_offset = store->next_offset();
  ++publishable;
  NoteVisible(folded);
  changed.NotifyAll();
  unfolded -= count;
}

void ServiceState::NoteVisible(const std::vector<Freshness::Group>& folded) {
  const std::int64_t now_us = MonotonicUs();
  Histogram& embedded = counters.Freshness("embedded", "user");
  for (const Freshness::Group& group : folded) {
    if (group.events == 0) continue;
    embedded.Observe(static_cast<double>(now_us - group.at_us) * 1e-6, group.events);
    shared_freshness.Wait(group.mark, group.at_us, group.events);
    if (redis) redis_user_freshness.Wait(static_cast<std::int64_t>(publishable), group.at_us, group.events);
  }
  for (const Freshness::Group& group : shared_freshness.Visible(store->epoch_end_ms() - 1, now_us)) {
    if (redis) redis_shared_freshness.Wait(static_cast<std::int64_t>(publishable), group.at_us, group.events);
  }
}

// Only the log's thread adds what is to be folded, so that nothing comes before these in the meantime.
bool ServiceState::FoldAtOnce(std::vector<LogRecord>* records) {
  if (records->size() > kFoldAtOnce || unfolded != 0 || !mutex.TryLock()) return false;
  std::deque<Folding> taken(1);
  taken[0].records = std::move(*records);
  taken[0].durable_us = MonotonicUs();
  unfolded += taken[0].records.size();
  std::vector<Folded> none;
  FoldSlice(&taken, &none);
  mutex.Unlock();
  return true;
}

void ServiceState::PublishRows(const std::stop_token& stop) {
  std::uint64_t done = 0;
  while (!stop.stop_requested()) {
    {
      MutexLock lock(mutex);
      changed.WaitUntil(lock, MonotonicMs() + (redis_lost ? 200 : 1000), stop, [&] { return publishable != done; });
      done = publishable;
    }
    const Status status = redis->Publish(mutex);
    if (!status.ok() && !redis_lost) LogWarning("serve", "rows are not published", {{"error", status.error().message}});
    redis_lost = !status.ok();
    if (!status.ok()) continue;
    const MutexLock lock(mutex);
    for (Freshness* waiting : {&redis_user_freshness, &redis_shared_freshness})
      waiting->Visible(static_cast<std::int64_t>(done), MonotonicUs());
  }
}

// Seals the epochs that have ended, also while no event comes. Not while one is on its way to the disk: it may be of
// an epoch that has ended since.
void ServiceState::SealEpochs() {
  const std::int64_t now_ms = clock.now_ms();
  const MutexLock lock(mutex);
  const std::int64_t before_ms = store->epoch_end_ms();
  if (store->next_offset() == static_cast<std::int64_t>(log->next_offset())) store->AdvanceTo(EpochEndAt(now_ms));
  if (store->epoch_end_ms() == before_ms) return;
  ++publishable;
  NoteVisible({});
  changed.NotifyAll();
}

// A sample of what was served since the last snapshot, against a replay from it. It goes on only while the budget of
// work beside the answers lets it, and ends with what it has compared when its time is up.
Status ServiceState::VerifySample(const JobRun& run) {
  double spent_s = ThreadCpuSeconds();
  const auto spend = [&] {
    const double now_s = ThreadCpuSeconds();
    shadows.Spend(now_s - std::exchange(spent_s, now_s));
  };
  const auto go_on = [&] {
    spend();
    while (!shadows.HasBudget()) {
      if (run.remaining_ms() <= kVerifyRestMs || !WaitUntil(MonotonicMs() + kVerifyRestMs, run.stop)) return false;
    }
    return run.remaining_ms() > 0 && !run.stop.stop_requested();
  };
  GFR_ASSIGN(auto drops, ReadDrops(log->source()));
  auto verified = VerifyServed(
      fs(), log->source(), serving()->project->features(),
      {.snapshot = project.snapshot_path(), .max_requests = 1000, .drops = std::move(drops), .go_on = go_on});
  GiveBackMemory();
  GFR_ASSIGN(const auto check, std::move(verified));
  spend();
  counters.verified += check.values;
  counters.verify_unfinished += !check.finished;
  counters.different += check.different;
  if (check.different > 0)
    LogError("serve", "ALERT: served values differ from the replay",
             {{"different", check.different}, {"first", check.first_difference}});
  return {};
}

Status ServiceState::ExportSegments() {
  const MutexLock lock(export_mutex);
  const auto sealed = SealSegments(log->source(), project.lake_folder());
  GiveBackMemory();
  GFR_TRY(sealed);
  GFR_ASSIGN(const auto store, project.OpenSharedStore());
  if (!store) return {};
  GFR_ASSIGN(const LakeCopied sent, PushProject(project.workspace(), *store));
  if (sent.files > 0)
    LogInfo("lake", "closed segments were sent to the store", {{"files", sent.files}, {"bytes", sent.bytes}});
  return {};
}

// Closed segments become smaller; those that are older than [log] keep go. Not while a backup or another process has
// the log's REWRITE.LOCK: the next run finds the same to do.
Status ServiceState::BoundLog() {
  GFR_ASSIGN(const Compacted compacted, CompactLog(log->source(), [](std::uint64_t) {}));
  if (compacted.segments > 0)
    LogInfo("log", "closed segments were compacted",
            {{"segments", compacted.segments},
             {"bytes_before", compacted.bytes_before},
             {"bytes_after", compacted.bytes_after}});
  const std::shared_ptr<const Serving> now = serving();
  const std::int64_t keep_ms = now->project->configuration().log.keep_ms;
  if (keep_ms == 0) return {};
  const MutexLock lock(export_mutex);  // It exports what goes.
  GFR_ASSIGN(const TrimReport trimmed, TrimLog(log->source(), project.lake_folder(), now->project->features(), keep_ms,
                                               /*dry_run=*/false));
  if (!trimmed.segments.empty())
    LogInfo("log", "segments older than [log] keep are deleted",
            {{"segments", trimmed.segments.size()}, {"records", trimmed.records}, {"begin", trimmed.begin}});
  return {};
}

void ServiceState::WatchClock() {
  background.Add({"watch-clock", kSecondMs, kSecondMs, [this](const JobRun&) {
                    if (clock.watched->Look() == WatchedClock::Seen::kJump) ++counters.clock_jumps;
                    return Status();
                  }});
}

// A disk that does not say how much room it has (or is simulated) is taken to have some.
void ServiceState::WatchDisk() {
  const auto space = DiskSpaceOf(project.log_folder());
  if (!space.ok()) return;
  counters.disk_free_bytes.Set(static_cast<double>(space.value().free_bytes));
  const bool full = space.value().free_bytes < std::min(config.disk_reserve_bytes, space.value().bytes / 20);
  if (full == disk_full.exchange(full)) return;
  if (full)
    LogError("serve", "ALERT: the disk is nearly full: events are refused and feeds are not logged",
             {{"free_bytes", space.value().free_bytes}});
  else
    LogInfo("serve", "the disk has room again: events are taken", {{"free_bytes", space.value().free_bytes}});
}

// None of them waits for another: a registry that hangs holds up neither epochs nor snapshots.
void ServiceState::AddJobs() {
  // A failure within the states ends the process (a restart is exact); any other job may fail and is run again.
  background.Add({"seal-epochs", 100, kSecondMs, [this](const JobRun&) noexcept { return SealEpochs(), Status(); }});
  background.Add(
      {"make-lists", 100, 5 * kSecondMs, [this](const JobRun&) { return serving()->lists->Update(), Status(); }});
  background.Add({"look-at-models", ModelPool::kFirstRetryMs, kMinuteMs, [this](const JobRun&) {
                    serving()->models->Look();
                    return Status();
                  }});
  background.Add(
      {"save-snapshot", kSnapshotMs, kSnapshotMs, [this](const JobRun&) { return SaveSnapshot(); }, kSnapshotMs});
  background.Add(
      {"export-segments", kSnapshotMs, kSnapshotMs, [this](const JobRun&) { return ExportSegments(); }, kSnapshotMs});
  background.Add(
      {"bound-log", config.bound_log_ms, kHourMs, [this](const JobRun&) { return BoundLog(); }, config.bound_log_ms});
  background.Add({"watch-disk", kSecondMs, kSecondMs, [this](const JobRun&) { return WatchDisk(), Status(); }});
  if (clock.watched != nullptr) WatchClock();
  if (const std::int64_t every_ms = config.verify_ms; every_ms > 0)
    background.Add(
        {"verify-served", every_ms, every_ms, [this](const JobRun& run) { return VerifySample(run); }, every_ms});
}

}  // namespace gfr
