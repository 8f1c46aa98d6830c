#include "serve/reader_service.h"

#include <algorithm>
#include <atomic>

#include "base/clock.h"
#include "base/hex.h"
#include "base/sync.h"
#include "base/time.h"
#include "runtime/logger.h"
#include "runtime/scheduler.h"
#include "runtime/watched_clock.h"
#include "serve/access_log.h"
#include "serve/allocations.h"
#include "serve/answer_feed.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"
#include "serve/http_server_metrics.h"
#include "serve/log_follower.h"
#include "serve/model_pool.h"
#include "serve/openapi.h"
#include "serve/owner_client.h"
#include "serve/owner_lists.h"
#include "serve/protocol/credentials.h"
#include "serve/reload.h"
#include "serve/request_durations.h"
#include "serve/slates.h"
#include "serve/url_query.h"
#include "store/redis_store.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

// A feed waits so long for the owner's log, or [serve] log_wait if that is more: one call that finds no owner keeps all
// from it for a second, so that a slow sync should not be one.
constexpr std::int64_t kServedTimeoutMs = 1000;
constexpr std::int64_t kVersionsMs = 10'000;                       // How often versions of bandits are looked for.
constexpr std::int64_t kListsMs = 1000, kListsTimeoutMs = 60'000;  // The first reader waits until they are encoded.

}  // namespace

struct ReaderMetrics {
  Telemetry telemetry;
  HttpServerMetrics http{telemetry};
  Family<Histogram>& requests = AddRequestDurations(telemetry);
  Counter& Count(const char* name, const char* help) { return *telemetry.AddCounter(name, help); }
  Counter& feeds = Count("gfr_feeds_total", "Feeds served.");
  Counter& degraded = Count("gfr_feeds_degraded_total", "Feeds served with something missing, which they name.");
  Counter& forwarded = Count("gfr_forwarded_total", "Calls that the owner answered.");
  Counter& refused = Count("gfr_refused_total", "Calls that were refused since the owner did not answer.");
  Counter& unlogged = Count("gfr_unlogged_total", "Feeds answered without the owner's word that they are in its log.");
  Counter& undeclared = Count("gfr_undeclared_names_total", "Properties in requests that gfr.toml does not declare.");
  Gauge& rows_up = *telemetry.AddGauge("gfr_rows_up", "1: the Redis answers.");
  Gauge& as_of =
      *telemetry.AddGauge("gfr_rows_as_of", "Offset of the last record in the users' rows of the last feed.");
  Gauge& lists_epoch_end = *telemetry.AddGauge(
      "gfr_lists_epoch_end_seconds", "End of the epoch of the owner's lists of candidates; 0: none came yet.");
  Gauge& lists_bytes = *telemetry.AddGauge("gfr_lists_bytes", "What the lists of candidates take in memory.");
  Gauge& epoch_end =
      *telemetry.AddGauge("gfr_rows_epoch_end_seconds", "End of the epoch of the last feed's shared rows.");
};

struct ReaderService::State {
  State(const Project& p, const ServeConfig& c, std::unique_ptr<OwnerClient> to, const Access& a,
        std::unique_ptr<Clock> time)
      : project(p),
        config(c),
        access(a),
        clock(std::move(time)),
        owner(std::move(to)),
        layout(p.features()),
        models(
            p.registry(), kModelName, [&p](const std::string& version) { return p.LoadModel(version); }, p.features()) {
    if (!p.configuration().store.online.embedded)
      redis = std::make_unique<RedisFeatures>(p.configuration().store.online.redis, layout, config.store_wait_ms);
  }

  const Project& project;
  const ServeConfig& config;
  const Access& access;
  const std::unique_ptr<Clock> clock;
  const std::unique_ptr<OwnerClient> owner;
  const OnlineStore layout;               // Holds nothing: how rows lie.
  std::unique_ptr<RedisFeatures> redis;   // Where the rows are, or,
  std::unique_ptr<LogFollower> follower;  // without a Redis, made here.
  bool rows_up() const { return redis == nullptr || redis->up(); }
  std::atomic<bool> outdated = false;
  std::string tried_configuration;  // Of the owner's, that was taken or refused last. Of one job.
  OwnerLists lists{*owner, layout.features().schema};
  ModelPool models;
  // What feeds are answered with; changed by a reload, held by a request.
  struct Answering {
    std::shared_ptr<const Project> project;
    std::shared_ptr<const Assigner> assigner;
  };
  Mutex reload_mutex;
  mutable Mutex answering_mutex;  // After reload_mutex.
  std::shared_ptr<const Answering> answering;
  std::shared_ptr<const Answering> Now() const {
    const MutexLock lock(answering_mutex);
    return answering;
  }
  Status Reload();
  Status ReloadAndLog();
  Status FollowConfiguration(const JobRun& run);
  const std::string name = ProcessName();
  std::atomic<std::uint64_t> generated = 0;
  ReaderMetrics metrics;
  std::stop_source ending;  // Calls to the owner end with the service.

  // Each with its own period; none waits for another, and no call waits for one.
  void AddJobs() {
    background.Add({"look-at-models", ModelPool::kFirstRetryMs, kMinuteMs,
                    [this](const JobRun&) { return models.Look(), Status(); }});
    background.Add(
        {"get-lists", kListsMs, kListsTimeoutMs, [this](const JobRun& run) { return lists.Fetch(OwnToken(), run); }});
    background.Add({"read-versions", kVersionsMs, kMinuteMs, [this](const JobRun&) { return ReadVersions(); }});
    if (follower)
      background.Add({"follow-log", LogFollower::kPeriodMs, kMinuteMs,
                      [this](const JobRun& run) { return follower->Follow(run.stop); }});
    if (config.is_replica)
      background.Add({"follow-configuration", kSecondMs, kMinuteMs,
                      [this](const JobRun& run) { return FollowConfiguration(run); }});
    if (auto* const watched = dynamic_cast<WatchedClock*>(clock.get()))
      background.Add(
          {"watch-clock", kSecondMs, kSecondMs, [watched](const JobRun&) { return (void)watched->Look(), Status(); }});
  }
  // The owner makes new versions of bandits' allocations.
  Status ReadVersions();

  std::string OwnToken() const { return "Bearer " + access.Token("reader"); }

  // What of the call beside its body the owner answers by.
  static std::vector<std::pair<std::string, std::string>> ForwardedHeaders(const HttpRequest& request) {
    std::vector<std::pair<std::string, std::string>> headers;
    for (const char* name : {"x-gfr-assign", "x-amzn-sagemaker-target-variant", "if-none-match"}) {
      if (const std::string_view value = request.Header(name); !value.empty())
        headers.emplace_back(name, std::string(value));
    }
    return headers;
  }

  // The call as it came, at the owner.
  HttpResponse Forward(const HttpRequest& request, const std::string& authorization) {
    auto answer = owner->Send({.method = request.method,
                               .path = request.query.empty() ? request.path : request.path + "?" + request.query,
                               .body = request.body,
                               .content_type = std::string(request.Header("content-type")),
                               .authorization = authorization,
                               .headers = ForwardedHeaders(request),
                               .traceparent = std::string(request.Header("traceparent"))},
                              ending.get_token());
    if (answer.ok()) {
      ++metrics.forwarded;
      return std::move(answer).value();
    }
    ++metrics.refused;
    return ProblemResponse(503, "Service Unavailable",
                           answer.error().message + "; this server only reads. Nothing was taken: send it again later",
                           /*retry_after_s=*/1);
  }

  // The call with all its headers, as if the client had called the owner.
  HttpResponse PassOn(const HttpRequest& request) {
    std::vector<std::pair<std::string, std::string>> headers;
    std::string content_type = "application/octet-stream";
    for (const auto& [name, value] : request.headers) {
      static constexpr std::string_view kOthers[] = {
          "authorization", "connection",  "content-length", "expect",           "keep-alive", "te",
          "trailer",       "traceparent", "upgrade",        "transfer-encoding"};
      if (name == "content-type")
        content_type = value;
      else if (std::ranges::find(kOthers, name) == std::end(kOthers))
        headers.emplace_back(name, value);
    }
    auto answer = owner->Send({.method = request.method,
                               .path = request.query.empty() ? request.path : request.path + "?" + request.query,
                               .body = request.body,
                               .content_type = std::move(content_type),
                               .authorization = std::string(request.Header("authorization")),
                               .timeout_ms = config.handler_timeout_ms,
                               .headers = std::move(headers),
                               .traceparent = std::string(request.Header("traceparent")),
                               .every_header = true},
                              ending.get_token());
    ++(answer.ok() ? metrics.forwarded : metrics.refused);
    if (answer.ok()) return std::move(answer).value();
    return ProblemResponse(503, "Service Unavailable", answer.error().message + "; send it again later",
                           /*retry_after_s=*/1);
  }

  HttpResponse FeedFor(const HttpRequest& http) {
    const std::int64_t began_us = MonotonicUs();
    FeedRequest request =
        ParseFeedRequest(http.body, MaxCandidates(layout.features().columns()), project.configuration().event_rules);
    const OwnerLists::View listed = lists.Now();
    if (!request.has_candidates && !listed.current) {
      HttpResponse answer = Forward(http, OwnToken());
      if (answer.status != 503) return answer;
    }
    request.now_ms = clock->now_ms();
    if (request.request_id.empty())
      request.request_id = "r-" + name + "-" + std::to_string(request.now_ms) + "-" + std::to_string(++generated);
    const std::shared_ptr<const Answering> now = Now();
    const std::shared_ptr<const ServedModels> served = models.models();
    const std::shared_ptr<const LogFollower::Rows> folded = follower ? follower->Now() : nullptr;
    AnsweredFeed made = AnswerFeed({.feeds = now->project->feeds(),
                                    .assigner = *now->assigner,
                                    .models = *served,
                                    .store = layout,
                                    .rows = folded ? folded->features() : redis->features(),
                                    .lists = listed.lists.get(),
                                    .configuration = now->project->configuration().fingerprint},
                                   http, request);
    Feed& feed = made.feed;
    // Lists that are older than the owner's are missing as none are.
    const bool stale = !request.has_candidates && !listed.current;
    if (stale && std::ranges::find(feed.degraded, "channels") == feed.degraded.end())
      feed.degraded.insert(feed.degraded.begin(), "channels");
    metrics.as_of.Set(static_cast<double>(feed.event.served.as_of()));
    metrics.epoch_end.Set(static_cast<double>(std::max<std::int64_t>(feed.event.served.epoch_end_ms, 0)) / 1000);
    feed.event.served.took_ms = static_cast<float>(static_cast<double>(MonotonicUs() - began_us) * 1e-3);
    std::vector<Event> events{feed.event};
    if (made.assignment.feed->impressions_on_serve) events.push_back(ImpressionOf(events[0], feed));
    const std::string slates = EncodeSlates(events);
    const auto logged = owner->Send({.method = "POST",
                                     .path = "/v1/served",
                                     .body = slates,
                                     .content_type = "application/octet-stream",
                                     .authorization = OwnToken(),
                                     .timeout_ms = std::max(kServedTimeoutMs, config.log_wait_ms),
                                     .traceparent = std::string(http.Header("traceparent"))},
                                    ending.get_token());
    if (!logged.ok() || logged.value().status != 202) {
      feed.degraded.push_back("log");
      ++metrics.unlogged;
    }
    ++metrics.feeds;
    metrics.degraded += !feed.degraded.empty();
    metrics.undeclared += UndeclaredNames(request, layout.features().schema);
    HttpResponse response =
        JsonResponse(200, FeedJson(feed, request, project.features().get(), QueryValue(http, "explain") == "true"));
    NameVariant(made.assignment, &response);
    return response;
  }

  HttpResponse Readyz() const {
    return rows_up() ? ReadyResponse(models)
                     : ProblemResponse(503, "Service Unavailable", "the Redis of [store] online does not answer");
  }

  HttpResponse StatusOf() const {
    const std::shared_ptr<const ServedModels> served = models.models();
    std::vector<std::string> not_ready;
    if (!rows_up()) not_ready.emplace_back("the Redis of [store] online does not answer");
    return StatusResponse({{"role", "reader"},
                           {"owner", owner->address()},
                           {"model", ModelsStatus(*served)},
                           {"queue", {{"blocking", lanes.queued(Lane::kBlocking)}}},
                           {"rows", {{"up", rows_up()}, {"as_of", metrics.as_of.value()}}},
                           {"lists", ListsStatus()},
                           {"configuration", {{"fingerprint", HexText(Now()->project->configuration().fingerprint)}}},
                           {"jobs", JobsStatus(background)}},
                          not_ready, served->degraded);
  }

  Json ListsStatus() const {
    const OwnerLists::View listed = lists.Now();
    return {{"epoch_end", listed.lists ? Json(FormatTime(listed.lists->epoch_end_ms())) : Json(nullptr)},
            {"current", listed.current}};
  }

  HttpResponse PostReload() {
    const Status reloaded = ReloadAndLog();
    if (!reloaded.ok() && reloaded.error().code == ErrorCode::kUnavailable)
      return ProblemResponse(503, "Service Unavailable", reloaded.error().ToString(), /*retry_after_s=*/10);
    if (!reloaded.ok()) return ProblemResponse(409, "Conflict", reloaded.error().ToString());
    return JsonResponse(200, {{"state", "in use"}});
  }

  HttpResponse Metrics() {
    metrics.rows_up.Set(rows_up());
    if (const auto listed = lists.Now().lists) {
      metrics.lists_epoch_end.Set(static_cast<double>(std::max<std::int64_t>(listed->epoch_end_ms(), 0)) / 1000);
      metrics.lists_bytes.Set(static_cast<double>(listed->memory_bytes()));
    }
    return {.content_type = "text/plain; version=0.0.4", .body = metrics.telemetry.Text()};
  }

  Lanes lanes{/*cores=*/0, /*blocking=*/32};  // The last members: they use the others until they have ended.
  Scheduler background{metrics.telemetry, *clock};
};

std::vector<Route> ReaderService::RoutesOf(State& s) {
  using enum AccessScope;
  const auto not_here = Sync([&s](const HttpRequest&) {
    return ProblemResponse(404, "Not Found",
                           "this server only reads; models are changed at the owner, " + s.owner->address());
  });
  const auto forward = Sync([&s](const HttpRequest& request) { return s.Forward(request, s.OwnToken()); });
  const auto flag = [&forward](const char* path) {
    return Route{.method = "POST",
                 .path = path,
                 .scope = kFeed,
                 .lane = Lane::kBlocking,
                 .call = forward,
                 .content_types = {"application/json"},
                 .token = ApiKeyToken};
  };
  return {
      {"POST",
       "/v1/feed",
       kFeed,
       Lane::kBlocking,
       Sync([&s](const auto& r) { return s.FeedFor(r); }),
       {"application/json"}},
      {"POST", "/v1/events", kEvents, Lane::kBlocking, forward, EventContentTypes()},
      flag("/ofrep/v1/evaluate/flags"),
      flag("/ofrep/v1/evaluate/flags/"),
      // The owner judges the client's token.
      {"GET", "/v1/explain/", kOpen, Lane::kBlocking,
       Sync([&s](const auto& r) { return s.Forward(r, std::string(r.Header("authorization"))); })},
      {"GET", "/v1/jobs/", kOpen, Lane::kBlocking,
       Sync([&s](const auto& r) { return s.Forward(r, std::string(r.Header("authorization"))); })},
      {"POST", "/v1/reload", kAdmin, Lane::kBlocking, Sync([&s](const auto&) { return s.PostReload(); })},
      {"*", "/v1/models", kOpen, Lane::kInline, not_here},
      {"*", "/v1/models/", kOpen, Lane::kInline, not_here},
      {"GET", "/v1/status", kOpen, Lane::kInline, Sync([&s](const auto&) { return s.StatusOf(); })},
      {"GET", "/livez", kOpen, Lane::kInline, Sync([](const auto&) { return GetLivez(); }), {}, /*probe=*/true},
      {"GET", "/readyz", kOpen, Lane::kInline, Sync([&s](const auto&) { return s.Readyz(); }), {}, /*probe=*/true},
      {"GET", "/metrics", kOpen, Lane::kInline, Sync([&s](const auto&) { return s.Metrics(); })},
  };
}

// Of a replica: whatever is not answered here goes on to the owner, which judges it; so does what would not be the same
// at each server.
std::vector<Route> ReaderService::WithPassedOn(State& s, std::vector<Route> routes) {
  if (!s.config.is_replica) return routes;
  std::erase_if(routes, [](const Route& route) {
    return route.path.starts_with("/v1/models") || route.path == "/v1/reload" || route.path == "/openapi.json";
  });
  routes.push_back({.method = "*",
                    .path = "/",
                    .scope = AccessScope::kOpen,
                    .lane = Lane::kBlocking,
                    .call = Sync([&s](const auto& r) { return s.PassOn(r); }),
                    .probe = true,
                    .large_bodies = true});
  return routes;
}

Status ReaderService::State::Reload() {
  const MutexLock lock(reload_mutex);
  const std::shared_ptr<const Answering> now = Now();
  GFR_ASSIGN(const std::shared_ptr<const Project> next, OpenNext(*now->project));
  if (next->configuration().feature_text != project.configuration().feature_text)
    return Error{ErrorCode::kInvalidArgument,
                 "features change with a restart of a server that has an owner: its rows are the owner's"};
  GFR_ASSIGN(NextAllocation units, AllocationOf(*next, clock->now_ms()));
  GFR_ASSIGN(auto assigner, MakeAssigner(*next, std::move(units), /*write=*/false));
  GFR_TRY(LoadVersions(now->project->configuration(), next->configuration(), models));
  {
    const MutexLock swap(answering_mutex);
    answering = std::make_shared<const Answering>(Answering{.project = next, .assigner = std::move(assigner)});
  }
  models.Name(next->configuration().experiments.Versions());
  return {};
}

// A reader takes a new gfr.toml when the owner did, whoever asked for it; what the owner refused it does not read.
Status ReaderService::State::FollowConfiguration(const JobRun& run) {
  GFR_ASSIGN(const HttpResponse answer, owner->Send({.method = "GET", .path = "/v1/status", .alone = true}, run.stop));
  const auto json = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("configuration")) return {};
  const std::string owners = json["configuration"].value("fingerprint", "");
  if (owners.empty() || owners == tried_configuration) return {};
  tried_configuration = owners;
  if (owners == HexText(Now()->project->configuration().fingerprint)) return {};
  const Status reloaded = ReloadAndLog();
  // What it cannot take now, it takes at a new start; what the registry did not give, it asks for again.
  if (!reloaded.ok() && reloaded.error().code == ErrorCode::kInvalidArgument) outdated = true;
  if (!reloaded.ok() && reloaded.error().code == ErrorCode::kUnavailable) tried_configuration.clear();
  return reloaded;
}

bool ReaderService::outdated() const { return state_->outdated; }

Status ReaderService::State::ReadVersions() {
  const MutexLock lock(reload_mutex);
  const std::shared_ptr<const Answering> now = Now();
  GFR_ASSIGN(NextAllocation units, AllocationOf(*now->project, clock->now_ms()));
  // New versions of a bandit, and the steps of a canary.
  if (units.next.periods == now->assigner->allocation().periods) return {};
  GFR_ASSIGN(auto assigner, MakeAssigner(*now->project, std::move(units), /*write=*/false));
  const MutexLock swap(answering_mutex);
  answering = std::make_shared<const Answering>(Answering{.project = now->project, .assigner = std::move(assigner)});
  return {};
}

Status ReaderService::Reload() { return state_->ReloadAndLog(); }

Status ReaderService::State::ReloadAndLog() {
  const Status reloaded = Reload();
  if (reloaded.ok())
    LogInfo("configuration", "gfr.toml was read anew and is in use");
  else
    LogWarning("configuration", "gfr.toml was not taken; what was read before stays in use",
               {{"error", reloaded.error().ToString()}});
  return reloaded;
}

ReaderService::ReaderService(std::unique_ptr<State> state)
    : state_(std::move(state)),
      router_(WithPassedOn(*state_, WithOpenApi(RoutesOf(*state_))), state_->lanes, state_->access,
              [this](const RouterAnswer& answer) {
                state_->metrics.requests.With({answer.endpoint, std::to_string(answer.status)}).Observe(answer.seconds);
                if (state_->config.access_log) WriteAccessLog(answer);
              }) {
  DeclareRoutes(router_.routes(), &state_->metrics.requests);
}
ReaderService::~ReaderService() {
  state_->ending.request_stop();
  state_->lanes.Drain();
}
HttpServerMetrics& ReaderService::http_metrics() { return state_->metrics.http; }

namespace {

Result<std::unique_ptr<Clock>> ReadersClock(const std::string& clock) {
  if (clock == "wall") return std::unique_ptr<Clock>(std::make_unique<WatchedClock>());
  if (!clock.starts_with("fixed:"))
    return Error{
        ErrorCode::kInvalidArgument,
        "clock is '" + clock + "'; a server with an owner has no log to go on from: valid are wall and fixed:TIME"};
  GFR_ASSIGN(const std::int64_t at_ms, ParseTime(clock.substr(6)));
  return std::unique_ptr<Clock>(std::make_unique<FixedClock>(at_ms));
}

}  // namespace

Result<std::unique_ptr<ReaderService>> ReaderService::Open(const Project& project, const ServeConfig& config,
                                                           const std::string& owner, const std::string& clock,
                                                           const Access& access, std::unique_ptr<HttpCaller> caller) {
  if (caller == nullptr) {
    caller = MakeHttpCaller({.allow_private = true,
                             .connect_timeout_ms = kServedTimeoutMs,
                             .ca_file = config.owner_ca.empty() ? "" : project.workspace().Resolve(config.owner_ca)});
  }
  GFR_ASSIGN(auto client, OwnerClient::Make(owner, std::move(caller)));
  GFR_ASSIGN(auto time, ReadersClock(clock));
  auto state = std::make_unique<State>(project, config, std::move(client), access, std::move(time));
  State& s = *state;
  if (s.redis == nullptr) {
    GFR_ASSIGN(s.follower, LogFollower::Open(project, *s.owner));
  }
  GFR_ASSIGN(auto assigner, MakeFirstAssigner(project, s.clock->now_ms(), /*write=*/false));
  s.answering = std::make_shared<const State::Answering>(State::Answering{
      .project = std::shared_ptr<const Project>(std::shared_ptr<const Project>(), &project),  // The caller's.
      .assigner = std::move(assigner)});
  s.models.Name(project.configuration().experiments.Versions());
  s.metrics.as_of.Set(-1);  // No feed yet.
  s.models.LookNow();
  s.AddJobs();
  return std::unique_ptr<ReaderService>(new ReaderService(std::move(state)));
}

}  // namespace gfr
