#include "serve/service.h"

#include <algorithm>

#include "base/progress.h"
#include "base/time.h"
#include "runtime/logger.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"
#include "serve/router.h"
#include "serve/service_state.h"

namespace gfr {
namespace {

std::vector<Route> RoutesOf(ServiceState& s) {
  const auto parameterless = [](auto call) {
    return [call](const HttpRequest& request, const std::string&) { return call(request); };
  };
  return {
      {"POST", "/v1/events", AccessScope::kOpen, parameterless([&s](const auto& r) { return PostEvents(s, r); })},
      {"POST", "/v1/feed", AccessScope::kOpen, parameterless([&s](const auto& r) { return PostFeed(s, r); })},
      {"POST", "/v1/served", AccessScope::kAdmin, parameterless([&s](const auto& r) { return PostServed(s, r); })},
      {"GET", "/v1/explain/", AccessScope::kAdmin,
       [&s](const auto& r, const auto& id) { return GetExplain(s, r, id); }},
      {"GET", "/v1/jobs/", AccessScope::kAdmin, [&s](const auto&, const auto& id) { return GetJob(s, id); }},
      {"GET", "/v1/models", AccessScope::kOpen, parameterless([&s](const auto&) { return GetModels(s); })},
      {"POST", "/v1/models/promote", AccessScope::kAdmin,
       parameterless([&s](const auto& r) { return PostPromote(s, r); })},
      {"POST", "/v1/models/rollback", AccessScope::kAdmin,
       parameterless([&s](const auto&) { return PostRollback(s); })},
      {"GET", "/livez", AccessScope::kOpen, parameterless([](const auto&) { return GetLivez(); })},
      {"GET", "/readyz", AccessScope::kOpen, parameterless([&s](const auto&) { return GetReadyz(s); })},
      {"GET", "/metrics", AccessScope::kOpen, parameterless([&s](const auto&) { return GetMetrics(s); })},
  };
}

}  // namespace

Service::Service(std::unique_ptr<ServiceState> state)
    : state_(std::move(state)), router_(RoutesOf(*state_), state_->config.admin_token) {}
Service::~Service() {
  if (state_->publisher.joinable()) {
    state_->publisher.request_stop();
    state_->publisher.join();
  }
  if (!state_->watcher.joinable()) return;
  state_->verifier.request_stop();
  state_->watcher.request_stop();
  state_->watcher.join();
  state_->SaveSnapshot();
}

Result<std::unique_ptr<Service>> Service::Open(const Project& project, const ServeConfig& config,
                                               const std::string& clock) {
  auto state = std::make_unique<ServiceState>(project, config);
  ServiceState& s = *state;
  // The log first: it cuts a torn tail, and keeps other processes out.
  GFR_ASSIGN(s.log, EventLog::Open(PosixFileSystem(), s.clock, {.folder = project.log_folder()}));
  GFR_ASSIGN(s.erased, ErasedIds::Load(PosixFileSystem(), project.erased_path()));
  s.LoadSnapshot();
  const std::int64_t from = s.store->next_offset();
  GFR_ASSIGN(const auto reader, s.log->source().Open({static_cast<std::uint64_t>(from)}));
  Progress progress("read the log", s.log->next_offset(), "events");
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    s.store->Fold(record);
    s.Note(record);
    if (record.offset % 1024 == 0) GFR_TRY(s.CheckMemoryAtStart());
    progress.Update(record.offset + 1);
  }
  GFR_TRY(s.CheckMemoryAtStart());
  const std::int64_t last_ms = s.log->last_arrival_ms();
  if (clock == "wall" || (clock == "log" && last_ms == INT64_MIN)) {
    s.clock.real = std::make_unique<WallClock>();
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
  s.reader = std::make_unique<const StoreReader>(*s.store);
  s.lists = std::make_unique<ListMaker>(s.store->shared(), s.store->features().schema,
                                        std::vector<std::vector<ChannelConfig>>{s.project.feed().channels});
  s.lists->Update();  // A server that listens has lists.
  if (const OnlineAddress& online = project.configuration().store.online; !online.embedded) {
    s.store->Track();
    const WallClock started;
    s.redis = std::make_unique<RedisStore>(online.redis, *s.store, ProcessName(), started.now_ms());
    if (const Status status = s.redis->Publish(s.mutex); !status.ok()) {
      std::fprintf(stderr, "gfr serve: rows are not published: %s\n", status.error().message.c_str());
      s.redis_lost = true;
    }
    s.publisher = std::jthread([&s](const std::stop_token& stop) { s.PublishRows(stop); });
  }
  s.NoteMemory();
  s.last_arrival_ms = std::max<std::int64_t>(s.store->last_arrival_ms(), 0);
  s.next_offset = s.store->next_offset();
  if (const Status written = project.WriteDefinitions(); !written.ok())
    LogWarning("models", "the feature definitions are not kept", {{"error", written.error().ToString()}});
  s.models.LookNow();
  s.watcher = std::jthread([&s](const std::stop_token& stop) { s.Watch(stop); });
  s.verifier = std::jthread([&s](const std::stop_token& stop) { s.Verify(stop); });
  return std::unique_ptr<Service>(new Service(std::move(state)));
}

HttpResponse Service::Handle(const HttpRequest& request) { return router_.Handle(request); }

}  // namespace gfr
