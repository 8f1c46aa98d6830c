// serve, explain.
#include <csignal>
#include <cstdio>

#include "base/json_text.h"
#include "base/size.h"
#include "commands.h"
#include "listen.h"
#include "model_server.h"
#include "runtime/logger.h"
#include "serve/access.h"
#include "serve/explain.h"
#include "serve/http_server.h"
#include "serve/reader_service.h"
#include "serve/service.h"
#include "serve_replicas.h"
#include "shared_project.h"

namespace gfr {
namespace {

void SetLimits(const ServeConfig& config, HttpServerOptions* options) {
  options->max_connections = config.max_connections;
  options->connections_by_address = config.connections_by_address;
  options->trusted_proxies = config.trusted_proxies;
  options->header_timeout_ms = static_cast<int>(config.header_timeout_ms);
  options->body_timeout_ms = static_cast<int>(config.body_timeout_ms);
  options->handler_timeout_ms = static_cast<int>(config.handler_timeout_ms);
  options->write_timeout_ms = static_cast<int>(config.write_timeout_ms);
  options->idle_timeout_ms = static_cast<int>(config.idle_timeout_ms);
}

void SetTls(const ServeConfig& config, const Workspace& workspace, HttpServerOptions* options) {
  if (config.tls_certificate.empty()) return;
  options->tls_certificate = workspace.Resolve(config.tls_certificate);
  options->tls_key = workspace.Resolve(config.tls_key);
}

// At SIGHUP.
void ReadAnew(Service* service, ReaderService* reader, HttpServer& server) {
  (void)(service ? service->Reload() : reader->Reload());  // They log what came of it.
  if (const Status tls = server.ReloadTls(); !tls.ok())
    LogWarning("serve", "certificate and key were not taken; those read before stay in use",
               {{"error", tls.error().ToString()}});
}

// Waits until the server is to end. Tokens are read again every second: a rotated one is good at once, without a
// restart. Gives the signal; SIGUSR1 also where a new start alone takes what the owner took.
int WaitForEnd(const sigset_t& stop, Service* service, ReaderService* reader, Access& access, HttpServer& server) {
  const timespec second{.tv_sec = 1, .tv_nsec = 0};
  for (;;) {
    const int signal = sigtimedwait(&stop, nullptr, &second);
    if (signal == SIGINT || signal == SIGTERM || signal == SIGUSR1) return signal;
    if (signal == SIGHUP) ReadAnew(service, reader, server);
    if (const Status status = access.Reload(); !status.ok())
      std::fprintf(stderr, "gfr serve: %s; the tokens read before stay\n", status.error().message.c_str());
    if (reader != nullptr && reader->outdated()) return SIGUSR1;
  }
}

// Tokens that this server makes, or misses.
Status PrepareTokens(Access& access, bool is_owner) {
  if (!is_owner) {
    if (access.Token("reader").empty())
      std::fprintf(stderr,
                   "gfr serve: no reader token: the owner takes no slates of this server until its "
                   "data/tokens/reader is here too\n");
    return {};
  }
  GFR_ASSIGN(const auto made, access.MakeMissing());
  for (const std::string& path : made)
    std::fprintf(stderr, "gfr serve: made the token of scope %s: %s\n", path.substr(path.rfind('/') + 1).c_str(),
                 path.c_str());
  return {};
}

// A server of a supervisor listens twice: with the others on their socket, and alone on loopback, where the supervisor
// and, of the owner, the readers find it. Null: it is no such server.
Result<std::unique_ptr<HttpServer>> ListenWithOthers(int listener, HttpServerOptions* own, HttpHandler& handler) {
  if (listener < 0) return std::unique_ptr<HttpServer>();
  HttpServerOptions shared = *own;
  shared.listener = listener;
  own->tls_certificate.clear();
  own->tls_key.clear();
  own->metrics = nullptr;
  return HttpServer::Start(std::move(shared), handler);
}

int RunServe(const std::string& listen, const std::string& clock, const std::string& owner, bool open,
             const Common& common) {
  sigset_t stop = BlockSignals();
  ServeConfig config;
  const int listener = TakeListener();
  BlockDrainSignal(&stop);  // Of a server alone too: without a handler it would end it without a snapshot.
  const auto project = OpenProject(common.project, &config);
  if (!project.ok()) return Fail(project.error());
  config.is_replica = listener >= 0;
  auto options = ParseListen(listen.empty() ? config.listen : listen);
  if (!options.ok()) return Fail(options.error());
  SetLimits(config, &options.value());
  SetTls(config, project.value()->workspace(), &options.value());
  const std::string &owned_by = owner.empty() ? config.owner : owner, &of_clock = clock.empty() ? config.clock : clock;
  const auto access = Access::Open(PosixFileSystem(), {.folder = project.value()->workspace().Resolve("data/tokens"),
                                                       .tokens = config.tokens,
                                                       .open = open,
                                                       .hosts = config.hosts,
                                                       .cors_origins = config.cors_origins,
                                                       .rate_limits = config.rate_limits});
  if (!access.ok()) return Fail(access.error());
  if (const Status status = access.value()->CheckListen(options.value().address); !status.ok())
    return Fail(status.error());
  if (const Status status = PrepareTokens(*access.value(), owned_by.empty()); !status.ok()) return Fail(status.error());
  std::unique_ptr<Service> service;       // Of its own log,
  std::unique_ptr<ReaderService> reader;  // or beside the one that has it.
  if (owned_by.empty()) {
    if (const Status fetched = FetchFromStore(*project.value()); !fetched.ok()) return Fail(fetched.error());
    auto opened = Service::Open(*project.value(), config, of_clock, *access.value());
    if (!opened.ok()) return Fail(opened.error());
    service = std::move(opened).value();
  } else {
    auto opened = ReaderService::Open(*project.value(), config, owned_by, of_clock, *access.value());
    if (!opened.ok()) return Fail(opened.error());
    reader = std::move(opened).value();
  }
  HttpHandler& handler = service ? static_cast<HttpHandler&>(*service) : *reader;
  options.value().metrics = service ? &service->http_metrics() : &reader->http_metrics();
  const auto shared = ListenWithOthers(listener, &options.value(), handler);
  if (!shared.ok()) return Fail(shared.error());
  const bool speaks_tls = !options.value().tls_certificate.empty();
  const auto server = HttpServer::Start(options.value(), handler);
  if (!server.ok()) return Fail(server.error());
  if (const int fit = server.value()->max_connections(); fit < config.max_connections)
    std::fprintf(stderr,
                 "gfr serve: at most %d connections instead of [serve] max_connections = %d: the process may not "
                 "have more descriptors (ulimit -n)\n",
                 fit, config.max_connections);
  PrintListening(speaks_tls ? "https" : "http", options.value().address, server.value()->port(), common.json);
  HttpServer& clients = shared.value() ? *shared.value() : *server.value();  // Who has them.
  const int signal = WaitForEnd(stop, service.get(), reader.get(), *access.value(), clients);
  std::fprintf(stderr, "gfr serve: stopping\n");
  if (signal == SIGUSR1) clients.Drain(static_cast<int>(config.drain_ms));
  clients.Stop(static_cast<int>(config.drain_ms));
  server.value()->Stop(static_cast<int>(config.drain_ms));
  return 0;
}

int RunExplain(const std::string& request_id, bool all, const Common& common) {
  const auto project = OpenFetchedProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const auto record = FindRequest(*project.value(), request_id);
  if (!record.ok()) return Fail(record.error());
  const auto explained = all ? ExplainAll(*project.value(), record.value())
                             : Result<std::string>(ExplainJson(record.value(), *project.value()->features(),
                                                               LoadModelOf(*project.value(), record.value()).get()));
  if (!explained.ok()) return Fail(explained.error());
  const Json json = ParseJson<Json>(explained.value());
  if (common.json) {
    PrintJson(json);
    return 0;
  }
  const Json& served = json["served"];
  std::printf("request %s of user %s at %s, model %s, features as of record %lld\n", request_id.c_str(),
              record.value().event.user_id.c_str(), served["now"].get<std::string>().c_str(),
              served["model"].get<std::string>().c_str(), static_cast<long long>(served["as_of"].get<std::int64_t>()));
  std::vector<Json> candidates(served["candidates"].begin(), served["candidates"].end());
  std::ranges::stable_sort(candidates, {},
                           [](const Json& c) { return c["position"].is_null() ? 1 << 30 : c["position"].get<int>(); });
  for (const Json& c : candidates) {
    std::printf("%8s  %-20s %-11s", c["position"].is_null() ? "not shown" : DumpJson(c["position"]).c_str(),
                c["item_id"].get<std::string>().c_str(), c["channel"].get<std::string>().c_str());
    for (const auto& [name, score] : c["scores"].items())
      std::printf(" %s %-10s", name.c_str(), DumpJson(score).substr(0, 8).c_str());
    std::printf(" propensity %s\n", DumpJson(c["propensity"]).substr(0, 8).c_str());
    if (c["position"].is_null()) continue;
    for (const Json& why : c["why"]) std::printf("%10s%s\n", "", why.get<std::string>().c_str());
  }
  std::printf("--json shows the features of each\n");
  if (!served["complete"].get<bool>() && !all)
    std::printf(
        "the record keeps features and scores of what was shown or drawn from; --all replays the log for the "
        "rest\n");
  if (served.contains("replayed")) {
    const Json& replayed = served["replayed"];
    std::printf("the rest was replayed from record %s on, %s records%s\n", DumpJson(replayed["from"]).c_str(),
                DumpJson(replayed["records"]).c_str(),
                replayed["different"].empty() ? "; every column has the checksum that was served" : "");
    for (const Json& name : replayed["different"])
      std::printf("feature %s is not what was served\n", name.get<std::string>().c_str());
  }
  return 0;
}

}  // namespace

void AddServe(CLI::App& app, Command& run) {
  static Common common;
  static std::string listen, clock, owner;
  static std::string replicas;
  static bool open = false;
  CLI::App* c = AddCommand(app, "serve", "Serve feeds and take events over HTTP, until SIGTERM or SIGINT",
                           "gfr serve --project demo --listen 127.0.0.1:8080\n"
                           "         gfr serve --project demo --listen 127.0.0.1:8081 --owner 127.0.0.1:8080\n"
                           "         gfr serve --project demo --listen 127.0.0.1:8080 --replicas 1:4",
                           common);
  c->add_option("--listen", listen, "ADDRESS:PORT, port 0 for a free one; default: [serve] listen");
  c->add_option("--clock", clock,
                "wall, log (goes on from the log's last arrival) or fixed:TIME; default: [serve] clock");
  c->add_option("--owner", owner,
                "HOST:PORT of the server that has the log: this one only reads its rows in a Redis; default: [serve] "
                "owner");
  c->add_option("--replicas", replicas,
                "MIN:MAX: so many servers of this machine at one address, by their load and the rules of [scale]; one "
                "of them has the log (docs/automation.md)");
  c->add_flag("--open", open,
              "Events, feeds and predictions need no token, also on addresses that others reach; admin calls always "
              "do");
  static ModelServerFlags models;
  static std::string memory = "4GiB";
  CLI::Option* model = c->add_option("--model", models.model,
                                     "A model file alone, without a project: XGBoost JSON or UBJSON, or LightGBM text");
  CLI::Option* many = c->add_option("--models", models.models, "A folder whose models calls may load by name");
  c->add_option("--name", models.name, "The name of --model in calls")->capture_default_str()->needs(model);
  c->add_option("--host", models.hosts,
                "With --model or --models: a name that clients call the server by, beside addresses and localhost");
  c->add_option("--token-file", models.token_file,
                "With --model or --models: a file with the token that calls show; without it they need none, on "
                "loopback alone");
  c->add_option("--memory", memory, "Of all models of --models together")->capture_default_str()->needs(many);
  c->callback([&run] {
    run = [] {
      if (!replicas.empty() && models.model.empty() && models.models.empty())
        return RunReplicas({replicas, listen, clock, owner, open, common});
      if (models.model.empty() && models.models.empty()) return RunServe(listen, clock, owner, open, common);
      const auto bytes = ParseSize(memory);
      if (!bytes.ok()) return Fail(bytes.error());
      models.memory_bytes = bytes.value();
      models.json = common.json;
      models.open = open;
      if (!listen.empty()) models.listen = listen;
      return RunModelServer(models);
    };
  });
}

void AddToken(CLI::App& app, Command& run) {
  static Common common;
  static std::string scope = "admin";
  CLI::App* token = AddGroup(app, "token", "The tokens of a server's calls, one a scope (docs/http.md)",
                             "gfr token rotate admin --project demo");
  CLI::App* c =
      AddCommand(*token, "rotate", "Make a new token; a running server takes it, and no older one, within a second",
                 "gfr token rotate admin --project demo", common);
  c->add_option("SCOPE", scope, "events, feed, reader or admin")->capture_default_str();
  c->callback([&run] {
    run = [] {
      ServeConfig config;
      const auto project = OpenProject(common.project, &config);
      if (!project.ok()) return Fail(project.error());
      const auto& configured = config.tokens;
      if (const auto at = configured.find(scope); at != configured.end() && !at->second.empty())
        return Fail(
            Error{ErrorCode::kInvalidArgument, "the token of " + scope + " stands in gfr.toml; change it there"});
      const auto path = RotateToken(PosixFileSystem(), project.value()->workspace().Resolve("data/tokens"), scope);
      if (!path.ok()) return Fail(path.error());
      if (common.json)
        PrintJson({{"scope", scope}, {"path", path.value()}});
      else
        std::printf("the token of scope %s is in %s\n", scope.c_str(), path.value().c_str());
      return 0;
    };
  });
}

void AddExplain(CLI::App& app, Command& run) {
  static Common common;
  static std::string request_id;
  static bool all = false;
  CLI::App* c =
      AddCommand(app, "explain", "Show what a served feed was made of: candidates, channels, scores, features",
                 "gfr explain r-1 --project demo", common);
  c->add_option("REQUEST_ID", request_id, "As in the feed's reply")->required();
  c->add_flag("--all", all, "Replay the log for the features and scores that the record does not keep");
  c->callback([&run] { run = [] { return RunExplain(request_id, all, common); }; });
}

}  // namespace gfr
