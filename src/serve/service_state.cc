#include "serve/service_state.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "log/log_currency.h"
#include "runtime/logger.h"
#include "serve/restore_store.h"
#include "store/kept_snapshots.h"
#include "store/memory_budget.h"
#include "store/snapshot.h"

namespace gfr {
namespace {

constexpr std::size_t kUrgentBacklog = 1000;  // Records: some milliseconds of folding.
constexpr std::size_t kLargeAppend = 256;     // Events: some hundred microseconds of encoding.

}  // namespace

ServiceState::ServiceState(const Project& p, const ServeConfig& c)
    : project(p), config(c), store(std::make_shared<OnlineStore>(p.features())) {}

std::shared_ptr<const Serving> ServiceState::serving() const {
  const MutexLock lock(serving_mutex);
  return served;
}

void ServiceState::Publish(std::shared_ptr<const Serving> next) {
  const MutexLock lock(serving_mutex);
  served.swap(next);  // What was served before goes after the lock.
}

std::shared_ptr<const ContractPrices> ServiceState::contracts() const {
  const MutexLock lock(serving_mutex);
  return contract_prices;
}

void ServiceState::PublishContracts(std::shared_ptr<const ContractPrices> prices) {
  const MutexLock lock(serving_mutex);
  contract_prices.swap(prices);
}

void ServiceState::Note(const LogRecord& r) {
  if (r.event.type == EventType::kFeedRequest) requests.Add(KeyOf(r.event.request_id), r.offset);
  const MutexLock lock(epoch_starts_mutex);
  epoch_starts.Add(r.offset, r.arrival_ms);
}

std::string ServiceState::ProblemOfEpoch(const ServedSlate& served) {
  if (served.as_of() + 1 >= next_offset.load()) return "";  // No record followed yet.
  const MutexLock lock(epoch_starts_mutex);
  return epoch_starts.Problem(served);
}

void ServiceState::Append(std::vector<Event> events, std::function<void(const Error&)> failed,
                          std::function<Folded(const Appended&)> durable, bool urgent) {
  if (disk_full) return failed(Error{ErrorCode::kUnavailable, kDiskIsFull});
  const bool large = events.size() > kLargeAppend;
  large_appends += large;
  log->AppendAsync(std::move(events), [this, failed = std::move(failed), durable = std::move(durable),
                                       urgent](Result<Appended> appended) {
    if (!appended.ok()) return failed(appended.error());
    Folded done = durable(appended.value());
    std::vector<LogRecord> records = std::move(appended.value().records);
    if (records.empty()) return done();
    if (FoldAtOnce(&records)) return done();
    const bool waits = !urgent || unfolded < kUrgentBacklog;
    if (!waits) done();
    unfolded += records.size();
    const MutexLock lock(folding_mutex);
    folding.push_back(
        {.records = std::move(records), .durable_us = MonotonicUs(), .done = waits ? std::move(done) : Folded([] {})});
    folding_changed.NotifyOne();
  });
  large_appends -= large;
}

Result<LogRecord> ServiceState::FindRequest(const std::string& request_id) {
  std::uint64_t offset = 0;
  {
    const MutexLock lock(mutex);
    const std::uint64_t* at = requests.Find(KeyOf(request_id));
    if (at == nullptr)
      return Error{ErrorCode::kNotFound, "no request '" + request_id.substr(0, 200) + "' is in the log"};
    offset = *at;
  }
  GFR_ASSIGN(const Positions begin, log->source().Begin());
  if (offset < begin[0])
    return Error{ErrorCode::kNotFound,
                 "request '" + request_id.substr(0, 200) + "' is older than what is left of the log"};
  GFR_ASSIGN(const auto found, log->source().Open({offset}));
  LogRecord record;
  GFR_ASSIGN(const bool read, found->More(&record));
  if (!read) return Error{ErrorCode::kUnavailable, "the log cannot be read"};
  return record;
}

void ServiceState::NoteMemory() {
  memory_bytes = MemoryBytes(*store);
  const std::uint64_t limit = project.configuration().store.memory_bytes;
  const bool full = limit > 0 && memory_bytes > limit;
  if (full && !memory_full)
    LogError("serve", "ALERT: events are refused", {{"error", CheckMemory(*store, limit).error().message}});
  memory_full = full;
}

Status ServiceState::CheckMemoryAtStart() const {
  const Status status = CheckMemory(*store, project.configuration().store.memory_bytes);
  if (status.ok()) return {};
  return Error{ErrorCode::kInvalidArgument,
               status.error().message + "; give it more, or declare fewer or smaller features (`gfr features list`)",
               {JoinPath(project.folder(), "gfr.toml"), 0}};
}

void ServiceState::LoadSnapshot() {
  auto restored = RestoreStore(fs(), project.snapshot_path(), log->source(), log->next_offset(), project.features());
  if (restored.ok() && restored.value().extra.size() % 16 == 0) {
    const std::string& extra = restored.value().extra;
    for (std::size_t i = 0; i < extra.size(); i += 16) {
      std::uint64_t pair[2];
      std::memcpy(pair, extra.data() + i, 16);
      requests.Add(pair[0], pair[1]);
    }
    store = std::move(restored.value().store);
    const bool filled = restored.value().read > 0;
    snapshot_at = filled ? -1 : store->next_offset();  // The states that were filled are worth a snapshot.
    if (filled)
      LogInfo("store", "states that the snapshot did not have were filled from the log",
              {{"states", restored.value().filled}, {"records", restored.value().read}});
    return;
  }
  if (fs().Exists(project.snapshot_path()))
    LogWarning(
        "store", "the snapshot is not used; the whole log is read",
        {{"reason", restored.ok() ? std::string("its list of requests cannot be read") : restored.error().ToString()}});
}

Status ServiceState::SaveSnapshot() {
  const MutexLock saving(snapshot_mutex);
  std::optional<Snapshot> snapshot;
  std::optional<RequestIndex::Frozen> frozen;
  std::shared_ptr<const OnlineStore> of;  // The snapshot reads it: a reload may put another in its place meanwhile.
  {
    const MutexLock lock(mutex);
    of = store;
    if (store->next_offset() == snapshot_at) return {};
    frozen = requests.Freeze();
    snapshot.emplace(Snapshot::Take(*store));
  }
  GFR_TRY(fs().MakeFolders(JoinPath(project.folder(), "data/store")));
  GFR_TRY(snapshot->Write(fs(), project.snapshot_path(), frozen->Bytes()));
  snapshot_at = snapshot->instant().next_offset;  // Not before: what could not be written is written at the next try.
  {
    // Whatever is in the log went through LeaveOut before.
    const MutexLock lock(currency_mutex);
    if (currency.empty() && snapshot_at > 0)
      (void)NoteNoCurrency(fs(), project.workspace().currency_path(), static_cast<std::uint64_t>(snapshot_at));
  }
  return KeepSnapshot(fs(), project.kept_snapshots_folder(), project.configuration().store.snapshots, *snapshot);
}

std::function<void(const Error&)> ServiceState::ReplyLogFailed(HttpReply reply) {
  return [reply = std::move(reply)](const Error& error) {
    const bool full = error.code == ErrorCode::kResourceExhausted;
    reply(ProblemResponse(full ? 429 : 503, full ? "Too Many Requests" : "Service Unavailable", error.message,
                          /*retry_after_s=*/1));
  };
}

void ServiceState::LeaveOut(const EventRules& rules, ParsedEvents* parsed) {
  const bool money = std::ranges::any_of(parsed->events, [](const Event& e) { return !e.currency.empty(); });
  if (erased.empty() && !money) return;
  const MutexLock lock(currency_mutex);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < parsed->events.size(); ++i) {
    if (erased.Covers(parsed->events[i])) {
      parsed->Reject(parsed->indexes[i], "erased", "is of an erased user, from before the erasure");
      continue;
    }
    if (auto refused = CheckCurrency(rules, parsed->events[i], &currency)) {
      parsed->Reject(parsed->indexes[i], refused->code, std::move(refused->message));
      continue;
    }
    if (kept != i) parsed->events[kept] = std::move(parsed->events[i]);
    parsed->indexes[kept++] = parsed->indexes[i];
  }
  parsed->events.resize(kept);
  parsed->indexes.resize(kept);
}

}  // namespace gfr
