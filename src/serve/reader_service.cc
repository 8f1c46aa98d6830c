#include "serve/reader_service.h"

#include <algorithm>
#include <atomic>
#include <charconv>

#include "base/clock.h"
#include "base/sync.h"
#include "base/time.h"
#include "rank/ranker.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"
#include "serve/model_pool.h"
#include "serve/owner_client.h"
#include "serve/slates.h"
#include "store/redis_store.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

Result<std::unique_ptr<OwnerClient>> ClientOf(const std::string& owner) {
  const std::size_t colon = owner.rfind(':');
  const std::string text = colon == std::string::npos ? "" : owner.substr(colon + 1);
  int port = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (colon == 0 || text.empty() || code != std::errc{} || end != text.data() + text.size() || port < 1 || port > 65535)
    return Error{ErrorCode::kInvalidArgument,
                 "owner is '" + owner + "'; valid is HOST:PORT of the server that has the log"};
  std::string host = owner.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::make_unique<OwnerClient>(std::move(host), port);
}

}  // namespace

struct ReaderService::State {
  State(const Project& p, const ServeConfig& c, std::unique_ptr<OwnerClient> to, const Access& a)
      : project(p),
        config(c),
        access(a),
        owner(std::move(to)),
        layout(p.features()),
        rows(p.configuration().store.online.redis, layout),
        models(
            p.registry(), kModelName, [&p](const std::string& version) { return p.LoadModel(version); }, p.features()) {
  }

  const Project& project;
  const ServeConfig& config;
  const Access& access;
  std::unique_ptr<Clock> clock;
  const std::unique_ptr<OwnerClient> owner;
  const OnlineStore layout;  // Holds nothing: how rows lie.
  const RedisFeatures rows;
  ModelPool models;
  const std::string name = ProcessName();
  std::atomic<std::uint64_t> generated = 0, feeds = 0, degraded = 0, undeclared = 0, forwarded = 0, refused = 0,
                             unlogged = 0;
  std::atomic<std::int64_t> as_of = -1, epoch_end_ms = 0;  // Of the feed read last.

  void Watch(const std::stop_token& stop) {
    do {
      models.Look();
    } while (WaitUntil(MonotonicMs() + 100, stop));
  }

  std::string OwnToken() const { return "Bearer " + access.Token("reader"); }

  // The call as it came, at the owner.
  HttpResponse Forward(const HttpRequest& request, const std::string& authorization) {
    const std::string path = request.query.empty() ? request.path : request.path + "?" + request.query;
    auto answer =
        owner->Send(request.method, path, request.body, std::string(request.Header("content-type")), authorization);
    if (answer.ok()) {
      ++forwarded;
      return std::move(answer).value();
    }
    ++refused;
    return ProblemResponse(503, "Service Unavailable",
                           answer.error().message + "; this server only reads. Nothing was taken: send it again later",
                           /*retry_after_s=*/1);
  }

  HttpResponse FeedFor(const HttpRequest& http) {
    FeedRequest request = ParseFeedRequest(http.body, MaxCandidates(layout.features().columns()));
    if (!request.has_candidates) {
      HttpResponse answer = Forward(http, OwnToken());
      if (answer.status != 503) return answer;
    }
    const bool no_channels = !request.has_candidates;
    request.has_candidates = true;  // None, then.
    request.now_ms = clock->now_ms();
    if (request.request_id.empty())
      request.request_id = "r-" + name + "-" + std::to_string(request.now_ms) + "-" + std::to_string(++generated);
    const std::shared_ptr<const BoundModel> bound = models.champion();
    const Feeds::Choice chosen = project.feeds().ForSurface(request.surface);
    Feed feed = Rank(layout, rows.features(), bound.get(), *chosen.feed, request, nullptr);
    if (no_channels) feed.degraded.push_back("channels");
    as_of = feed.event.served.as_of();
    epoch_end_ms = feed.event.served.epoch_end_ms;
    std::vector<Event> events{feed.event};
    if (chosen.feed->impressions_on_serve) events.push_back(ImpressionOf(events[0], feed));
    const auto logged = owner->Send("POST", "/v1/served", EncodeSlates(events), "application/octet-stream", OwnToken());
    if (!logged.ok() || logged.value().status != 202) {
      feed.degraded.push_back("log");
      ++unlogged;
    }
    ++feeds;
    degraded += !feed.degraded.empty();
    undeclared += UndeclaredNames(request, layout.features().schema);
    return JsonResponse(200, FeedJson(feed, request, project.features().get(), http.query == "explain=true"));
  }

  HttpResponse Readyz() const {
    return rows.up() ? ReadyResponse(models)
                     : ProblemResponse(503, "Service Unavailable", "the Redis of [store] online does not answer");
  }

  HttpResponse Metrics() const {
    std::string text;
    const auto add = [&](const char* metric, const char* type, const char* help, const std::string& value) {
      text += std::string("# HELP ") + metric + " " + help + "\n# TYPE " + metric + " " + type + "\n" + metric + " " +
              value + "\n";
    };
    const std::pair<const char*, std::uint64_t> since_start[] = {
        {"gfr_feeds_total", feeds},         {"gfr_feeds_degraded_total", degraded},
        {"gfr_forwarded_total", forwarded}, {"gfr_refused_total", refused},
        {"gfr_unlogged_total", unlogged},   {"gfr_undeclared_names_total", undeclared}};
    for (const auto& [metric, count] : since_start)
      add(metric, "counter", "Since the server started.", std::to_string(count));
    add("gfr_rows_up", "gauge", "1: the Redis answers.", rows.up() ? "1" : "0");
    add("gfr_rows_as_of", "gauge", "Offset of the last record in the users' rows of the last feed.",
        std::to_string(as_of));
    add("gfr_rows_epoch_end_seconds", "gauge", "End of the epoch of the last feed's shared rows.",
        std::to_string(static_cast<double>(std::max<std::int64_t>(epoch_end_ms, 0)) / 1000));
    return {.content_type = "text/plain; version=0.0.4", .body = text};
  }

  Lanes lanes{HardwareThreads(), /*blocking=*/32};  // The last members: they use the others until they have ended.
  Thread watcher;
};

std::vector<Route> ReaderService::RoutesOf(State& s) {
  using enum AccessScope;
  const auto not_here = Sync([&s](const HttpRequest&) {
    return ProblemResponse(404, "Not Found",
                           "this server only reads; models are changed at the owner, " + s.owner->address());
  });
  const auto forward = Sync([&s](const HttpRequest& request) { return s.Forward(request, s.OwnToken()); });
  return {
      {"POST",
       "/v1/feed",
       kFeed,
       Lane::kBlocking,
       Sync([&s](const auto& r) { return s.FeedFor(r); }),
       {"application/json"}},
      {"POST", "/v1/events", kEvents, Lane::kBlocking, forward, EventContentTypes()},
      // The owner judges the client's token.
      {"GET", "/v1/explain/", kOpen, Lane::kBlocking,
       Sync([&s](const auto& r) { return s.Forward(r, std::string(r.Header("authorization"))); })},
      {"GET", "/v1/jobs/", kOpen, Lane::kBlocking,
       Sync([&s](const auto& r) { return s.Forward(r, std::string(r.Header("authorization"))); })},
      {"*", "/v1/models", kOpen, Lane::kInline, not_here},
      {"*", "/v1/models/", kOpen, Lane::kInline, not_here},
      {"GET", "/livez", kOpen, Lane::kInline, Sync([](const auto&) { return GetLivez(); }), {}, /*probe=*/true},
      {"GET", "/readyz", kOpen, Lane::kInline, Sync([&s](const auto&) { return s.Readyz(); }), {}, /*probe=*/true},
      {"GET", "/metrics", kOpen, Lane::kInline, Sync([&s](const auto&) { return s.Metrics(); })},
  };
}

ReaderService::ReaderService(std::unique_ptr<State> state)
    : state_(std::move(state)), router_(RoutesOf(*state_), state_->lanes, state_->access) {}
ReaderService::~ReaderService() { state_->lanes.Drain(); }

Result<std::unique_ptr<ReaderService>> ReaderService::Open(const Project& project, const ServeConfig& config,
                                                           const std::string& owner, const std::string& clock,
                                                           const Access& access) {
  if (project.configuration().store.online.embedded)
    return Error{ErrorCode::kInvalidArgument,
                 "a server with an owner reads the owner's rows in a Redis; valid is [store] online = \"redis://...\", "
                 "the same at both"};
  GFR_ASSIGN(auto client, ClientOf(owner));
  auto state = std::make_unique<State>(project, config, std::move(client), access);
  State& s = *state;
  if (clock == "wall") {
    s.clock = std::make_unique<WallClock>();
  } else if (clock.starts_with("fixed:")) {
    GFR_ASSIGN(const std::int64_t at_ms, ParseTime(clock.substr(6)));
    s.clock = std::make_unique<FixedClock>(at_ms);
  } else {
    return Error{
        ErrorCode::kInvalidArgument,
        "clock is '" + clock + "'; a server with an owner has no log to go on from: valid are wall and fixed:TIME"};
  }
  s.models.LookNow();
  s.watcher = Thread("look-at-models", [&s](const std::stop_token& stop) { s.Watch(stop); });
  return std::unique_ptr<ReaderService>(new ReaderService(std::move(state)));
}

}  // namespace gfr
