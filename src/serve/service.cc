#include "serve/service.h"

#include <algorithm>
#include <cstdlib>

#include "base/progress.h"
#include "base/time.h"
#include "dataset/start_at_base.h"
#include "log/log_currency.h"
#include "runtime/logger.h"
#include "serve/access_log.h"
#include "serve/allocations.h"
#include "serve/call/calls.h"
#include "serve/contracts_watch.h"
#include "serve/drift_watch.h"
#include "serve/experiment_watch.h"
#include "serve/index_watch.h"
#include "serve/log_counts_watch.h"
#include "serve/openapi.h"
#include "serve/protocol/credentials.h"
#include "serve/protocol/event_protocols.h"
#include "serve/protocol/ofrep.h"
#include "serve/reload.h"
#include "serve/router.h"
#include "serve/service_state.h"
#include "serve/trigger_watch.h"

namespace gfr {
namespace {

constexpr std::size_t kShortEventsBytes = 4096;  // Of a body with one event, or a few.

std::vector<Route> RoutesOf(ServiceState& s, const std::shared_ptr<ExperimentWatch>& watch,
                            const std::shared_ptr<TriggerWatch>& triggers, const std::shared_ptr<DriftWatch>& drift,
                            const std::shared_ptr<LogCountsWatch>& similar) {
  using enum AccessScope;
  const Lane feeds = s.feed_lane();
  return {
      {"POST", "/v1/events", kEvents, Lane::kIngest,
       [&s](auto r, auto reply) { PostEvents(s, std::move(r), std::move(reply)); }, EventContentTypes(),
       /*probe=*/false,
       // The log's lock is held by others for a moment only, but while a large batch is encoded.
       [&s](const auto& r) { return r.body.size() <= kShortEventsBytes && s.large_appends == 0; }},
      {"POST",
       "/v1/feed",
       kFeed,
       feeds,
       [&s](auto r, auto reply) { PostFeed(s, r, std::move(reply)); },
       {"application/json"}},
      {"POST", "/v1/served", kReader, Lane::kIngest, [&s](auto r, auto reply) { PostServed(s, r, std::move(reply)); }},
      {"GET", "/v1/lists", kReader, Lane::kBlocking, Sync([&s](const auto& r) { return GetLists(s, r); })},
      {"GET", "/v1/explain/", kAdmin, Lane::kBlocking, Sync([&s](const auto& r) { return GetExplain(s, r); })},
      {"GET", "/v1/jobs/", kAdmin, Lane::kInline, Sync([&s](const auto& r) { return GetJob(s, r.parameter); })},
      {"GET", "/v1/models", kOpen, Lane::kBlocking, Sync([&s](const auto&) { return GetModels(s); })},
      {"POST", "/v1/models/promote", kAdmin, Lane::kBlocking, Sync([&s](const auto& r) { return PostPromote(s, r); })},
      {"POST", "/v1/models/rollback", kAdmin, Lane::kBlocking, Sync([&s](const auto&) { return PostRollback(s); })},
      {"POST",
       "/ofrep/v1/evaluate/flags",
       kFeed,
       feeds,
       Sync([&s](const auto& r) { return PostOfrepFlags(s, r); }),
       {"application/json"},
       /*probe=*/false,
       /*is_short=*/{},
       /*operation=*/{},
       ApiKeyToken},
      {"POST",
       "/ofrep/v1/evaluate/flags/",
       kFeed,
       feeds,
       [&s](auto r, auto reply) { PostOfrepFlag(s, r, reply); },
       {"application/json"},
       /*probe=*/false,
       /*is_short=*/{},
       /*operation=*/{},
       ApiKeyToken},
      {"GET", "/v1/experiments", kAdmin, Lane::kInline,
       Sync([&s, watch](const auto&) { return GetExperiments(s, *watch); })},
      {"POST", "/v1/experiments/analyze", kAdmin, Lane::kBlocking,
       Sync([&s, watch](const auto&) { return PostAnalyzeExperiments(s, *watch); })},
      {"GET", "/v1/triggers", kAdmin, Lane::kBlocking,
       Sync([triggers](const auto&) { return triggers->GetTriggers(); })},
      {"POST", "/v1/triggers/", kAdmin, Lane::kBlocking,
       Sync([triggers](const auto& r) { return triggers->PostTrigger(r.parameter); })},
      {"GET", "/v1/drift", kAdmin, Lane::kInline, Sync([drift](const auto&) { return GetDrift(*drift); })},
      {"GET", "/v1/similar/", kFeed, Lane::kBlocking,
       Sync([&s, similar](const auto& r) { return similar->GetSimilar(s, r); })},
      {"POST", "/v1/reload", kAdmin, Lane::kBlocking, Sync([&s](const auto&) { return PostReload(s); })},
      {"GET", "/v1/status", kOpen, Lane::kInline, Sync([&s](const auto&) { return GetStatus(s); })},
      {"GET", "/livez", kOpen, Lane::kInline, Sync([](const auto&) { return GetLivez(); }), {}, /*probe=*/true},
      {"GET", "/readyz", kOpen, Lane::kInline, Sync([&s](const auto&) { return GetReadyz(s); }), {}, /*probe=*/true},
      {"GET", "/metrics", kOpen, Lane::kInline, Sync([&s](const auto&) { return GetMetrics(s); })},
  };
}

// A log that is ahead of the clock would stand still until the clock is there: windows and epochs with it.
Status CheckLogIsNotAhead(std::int64_t last_arrival_ms, std::int64_t now_ms) {
  if (last_arrival_ms <= now_ms + EventLogOptions().max_future_ms) return {};
  return Error{ErrorCode::kInvalidArgument,
               "the log's last event arrived at " + FormatTime(last_arrival_ms) + ", and this machine's clock says " +
                   FormatTime(now_ms) +
                   ": if the clock is behind, set it; if it is right, it was ahead before, and `gfr log drop --ahead` "
                   "gives what came meanwhile the arrival that it would have had; `--clock log` goes on from the "
                   "log's end instead"};
}

}  // namespace

Service::Service(std::unique_ptr<ServiceState> state, const Access& access)
    : state_(std::move(state)),
      drift_(DriftWatch::Start(*state_)),
      triggers_(TriggerWatch::Start(*state_, drift_)),
      router_(WithOpenApi(WithEventProtocols(*state_, access,
                                             RoutesOf(*state_, ExperimentWatch::Start(*state_), triggers_, drift_,
                                                      LogCountsWatch::Start(*state_)))),
              state_->lanes, access, [this](const RouterAnswer& answer) {
                state_->counters.Answered(answer.endpoint, answer.status, answer.seconds);
                if (state_->config.access_log) WriteAccessLog(answer);
              }) {
  ContractsWatch::Start(*state_);
  IndexWatch::Start(*state_);
  state_->counters.Declare(router_.routes());
}

Status Service::Reload() {
  const auto reloaded = gfr::Reload(*state_);
  return reloaded.ok() ? Status() : reloaded.error();
}

HttpServerMetrics& Service::http_metrics() { return state_->counters.http; }

Service::~Service() {
  ServiceState& s = *state_;
  triggers_->Stop();
  s.lanes.Drain();
  s.shadows.Drain();
  s.jobs.Stop();
  const std::vector<std::string> stuck = s.background.Stop();
  if (s.publisher.joinable()) {
    s.publisher.RequestStop();
    s.publisher.Join();
  }
  s.log.reset();  // Writes what is queued, and hands it over to be folded.
  if (s.folder.joinable()) {
    s.folder.RequestStop();
    s.folder.Join();
    const bool saving = std::ranges::find(stuck, "save-snapshot") != stuck.end();
    if (const Status saved = saving ? Status() : s.SaveSnapshot(); !saved.ok())
      LogError("serve", "the snapshot cannot be written", {{"error", saved.error().ToString()}});
  }
  if (stuck.empty()) return;
  // Log and snapshot are safe: the process does not wait for what does not return.
  for (const std::string& job : stuck) LogError("serve", "ends without waiting for a job", {{"job", job}});
  std::_Exit(1);
}

Result<std::unique_ptr<Service>> Service::Open(const Project& project, const ServeConfig& config,
                                               const std::string& clock, const Access& access, FileSystem* log_files) {
  auto state = std::make_unique<ServiceState>(project, config);
  ServiceState& s = *state;
  // The log first: it cuts a torn tail, and keeps other processes out.
  GFR_ASSIGN(s.log,
             EventLog::Open(log_files != nullptr ? *log_files : s.fs(), s.clock, {.folder = project.log_folder()}));
  if (s.log->recovery().torn_bytes > 0) ++s.counters.torn_batches;
  GFR_ASSIGN(s.erased, ErasedIds::Load(s.fs(), project.erased_path()));
  // Also where gfr.toml declares one: a reload may take that away.
  GFR_ASSIGN(s.currency, CurrencyOf(s.fs(), s.log->source(), project.workspace().currency_path()));
  s.LoadSnapshot();
  if (s.store->next_offset() == 0) GFR_TRY(StartAtBase(s.log->source(), s.store.get()));
  const std::int64_t from = s.store->next_offset();
  GFR_ASSIGN(const auto records, s.log->source().Open({static_cast<std::uint64_t>(from)}));
  Progress progress("read the log", s.log->next_offset(), "events");
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, records->More(&record));
    if (!more) break;
    s.store->Fold(record);
    s.Note(record);
    if (record.offset % 1024 == 0) GFR_TRY(s.CheckMemoryAtStart());
    progress.Update(record.offset + 1);
  }
  GFR_TRY(s.CheckMemoryAtStart());
  const std::int64_t last_ms = s.log->last_arrival_ms();
  if (clock == "wall" || (clock == "log" && last_ms == INT64_MIN)) {
    auto watched = std::make_unique<WatchedClock>();
    GFR_TRY(CheckLogIsNotAhead(last_ms, watched->now_ms()));
    s.clock.watched = watched.get();
    s.clock.real = std::move(watched);
  } else if (clock == "log") {
    s.clock.real = std::make_unique<OffsetClock>(last_ms);
  } else if (clock.starts_with("fixed:")) {
    GFR_ASSIGN(const std::int64_t at_ms, ParseTime(clock.substr(6)));
    s.clock.real = std::make_unique<FixedClock>(at_ms);
  } else {
    return Error{ErrorCode::kInvalidArgument, "clock is '" + clock + "'; valid are wall, log and fixed:TIME"};
  }
  s.store->AdvanceTo(EpochEndAt(s.clock.now_ms()));
  s.store->Share();
  if (project.feeds().old_form)
    LogInfo("configuration",
            "[feed] is read as the one [[feed]] named home; write [[feed]] with name = \"home\" instead");
  const auto reader = std::make_shared<const StoreReader>(*s.store);
  const auto lists =
      std::make_shared<ListMaker>(s.store->shared(), s.store->features().schema, ChannelsOf(project.configuration()),
                                  project.configuration().store.online.embedded ? reader : nullptr);
  lists->Update();  // A server that listens has lists.
  GFR_ASSIGN(const auto assigner, MakeFirstAssigner(project, s.now_ms(), /*write=*/true));
  s.counters.Declare(project.feeds());
  s.counters.Declare(assigner->experiments());
  const std::shared_ptr<const Project> shared(std::shared_ptr<const Project>(), &project);  // The caller's.
  s.Publish(std::make_shared<const Serving>(Serving{.project = shared,
                                                    .store = s.store,
                                                    .reader = reader,
                                                    .lists = lists,
                                                    .models = MakeModelPool(shared),
                                                    .assigner = assigner}));
  if (const OnlineAddress& online = project.configuration().store.online; !online.embedded) {
    s.store->Track();
    const WallClock started;
    s.redis =
        std::make_unique<RedisStore>(online.redis, *s.store, ProcessName(), started.now_ms(), s.config.store_wait_ms);
    if (const Status status = s.redis->Publish(s.mutex); !status.ok()) {
      LogWarning("serve", "rows are not published", {{"error", status.error().message}});
      s.redis_lost = true;
    }
    s.publisher = Thread("publish-rows", [&s](const std::stop_token& stop) { s.PublishRows(stop); });
  }
  s.NoteMemory();
  s.last_arrival_ms = std::max<std::int64_t>(s.store->last_arrival_ms(), 0);
  s.next_offset = s.store->next_offset();
  if (const Status written = project.WriteDefinitions(); !written.ok())
    LogWarning("models", "the feature definitions are not kept", {{"error", written.error().ToString()}});
  s.serving()->models->LookNow();
  s.folder = Thread("fold", [&s](const std::stop_token& stop) { s.RunFolds(stop); });
  s.AddJobs();
  return std::unique_ptr<Service>(new Service(std::move(state), access));
}

}  // namespace gfr
