// status.
#include <fmt/format.h>

#include <cstdio>
#include <vector>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/time.h"
#include "commands.h"
#include "log/local_log.h"
#include "remote.h"
#include "runtime/host_port.h"

namespace gfr {
namespace {

constexpr std::int64_t kAskMs = 5000, kProbeMs = 2500;
constexpr const char* kNoUrl = "[serve] listen has port 0; --url says where the server is";
enum StatusExit { kReady = 0, kCannotAsk = 1, kUnhealthy = 1, kDegraded = 3, kNotReady = 4 };

// The server's own words; kUnavailable: nobody answers there.
Result<Json> AskServer(const std::string& url, const RemoteFlags& remote) {
  HttpCall call{.url = url + "/v1/status", .headers = {}};
  GFR_ASSIGN(const std::string token, remote.Token());
  if (!token.empty()) call.headers.push_back("Authorization: Bearer " + token);
  call.deadline_ms = MonotonicMs() + kAskMs;
  GFR_ASSIGN(const HttpAnswer answer, remote.Caller()->Send(call));
  Json json = ParseJson<Json>(answer.body, /*throws=*/false);
  if (answer.status != 200 || !json.is_object() || !json.contains("state"))
    return Error{ErrorCode::kInternal, url + " answers " + std::to_string(answer.status) + ", and not as a gfr server"};
  return json;
}

// Where a server of the project listens, as gfr.toml says; empty: on a port that the system chooses.
std::string UrlOf(const ServeConfig& config) {
  const auto address = ParseHostPort(config.listen, 0, /*allow_port_0=*/true);
  if (!address.ok() || address.value().port == 0) return "";
  HostPort at = address.value();
  if (at.host == "0.0.0.0") at.host = "127.0.0.1";
  if (at.host == "::") at.host = "::1";
  return (config.tls_certificate.empty() ? "http://" : "https://") + FormatHostPort(at);
}

// What the project's files say, without a server.
Result<Json> ProjectStatus(const Project& project) {
  LocalLog log(PosixFileSystem(), project.log_folder());
  GFR_ASSIGN(const Positions end, log.End());
  GFR_ASSIGN(const std::uint64_t bytes, log.SizeBytes());
  Json json{{"folder", project.folder()},
            {"log", {{"records", end[0]}, {"bytes", bytes}}},
            {"champion", nullptr},
            {"versions", Json::array()},
            {"snapshot", PosixFileSystem().Exists(project.snapshot_path())}};
  const auto versions = project.registry().List(kModelName);
  if (!versions.ok()) {
    json["registry_error"] = versions.error().ToString();
    return json;
  }
  for (const Registry::Entry& entry : versions.value()) {
    json["versions"].push_back(entry.version);
    if (entry.champion) json["champion"] = entry.version;
  }
  return json;
}

int CodeOf(const Json& server) {
  const std::string state = server.contains("state") ? server["state"].get<std::string>() : "none";
  return state == "ready" ? kReady : state == "degraded" ? kDegraded : kNotReady;
}

std::string TextOr(const Json& json, const char* otherwise) {
  return json.is_null() ? otherwise : json.is_string() ? json.get<std::string>() : DumpJson(json);
}

void PrintFreshness(const Json& freshness) {
  for (const auto& [state, of] : freshness.items())
    fmt::print("  {} state is visible after p50 {:.3g} s, p99 {:.3g} s\n", state, of["p50_s"].get<double>(),
               of["p99_s"].get<double>());
}

void PrintServer(const Json& server) {
  fmt::print("server {}: {}\n", server["url"].get<std::string>(), server["state"].get<std::string>());
  for (const Json& why : server.value("why", Json::array())) fmt::print("  {}\n", why.get<std::string>());
  if (server.contains("model")) fmt::print("  champion {}\n", TextOr(server["model"]["champion"], "none"));
  if (server.contains("log"))
    fmt::print("  log {} records, {} waiting, last arrival {}\n", DumpJson(server["log"]["records"]),
               DumpJson(server["log"]["waiting"]), TextOr(server["log"]["last_arrival"], "none"));
  if (server.contains("queue"))
    for (const auto& [lane, queued] : server["queue"].items()) fmt::print("  queue {}: {}\n", lane, DumpJson(queued));
  if (server.contains("store")) {
    const Json& store = server["store"];
    fmt::print("  store {}: {:.1f} MiB of {}\n", TextOr(store["online"], "?"), store["bytes"].get<double>() / 1048576,
               store["limit_bytes"].is_null()
                   ? "no limit"
                   : fmt::format("{:.1f} MiB", store["limit_bytes"].get<double>() / 1048576));
    PrintFreshness(store["freshness"]);
  }
  for (const Json& job : server.value("jobs", Json::array())) {
    fmt::print("  job {:<16} {:<8} last success {}{}\n", job["job"].get<std::string>(), job["state"].get<std::string>(),
               TextOr(job["last_success"], "never"),
               job.contains("error") ? ": " + job["error"].get<std::string>() : "");
  }
}

// Whether a server serves, as its /readyz says: degraded or not. Without a scheme, plain HTTP is tried before TLS. A
// probe of this machine needs neither a token nor the certificate's name.
int ProbeReady(const std::string& url) {
  const auto caller = MakeHttpCaller({.allow_private = true, .trust_loopback = true});
  std::vector<std::string> urls{url};
  if (url.find("://") == std::string::npos) urls = {"http://" + url, "https://" + url};
  std::string why;
  for (const std::string& at : urls) {
    const auto answer = caller->Send({.url = at + "/readyz", .headers = {}, .deadline_ms = MonotonicMs() + kProbeMs});
    if (answer.ok() && answer.value().status == 200) return kReady;
    why = answer.ok() ? at + "/readyz answers " + std::to_string(answer.value().status) : answer.error().message;
    if (answer.ok()) break;
  }
  fmt::print(stderr, "gfr status: {}\n", why);
  return kUnhealthy;
}

int RunStatus(std::string url, bool ready, const RemoteFlags& remote, const Common& common) {
  Json json = Json::object();
  if (url.empty()) {
    ServeConfig config;
    const auto project = OpenProject(common.project, &config);
    if (!project.ok()) return Fail(project.error());
    auto files = ProjectStatus(*project.value());
    if (!files.ok()) return Fail(files.error());
    json["project"] = std::move(files).value();
    url = UrlOf(config);
  }
  while (url.ends_with('/')) url.pop_back();
  if (ready) return url.empty() ? Fail(Error{ErrorCode::kInvalidArgument, kNoUrl}) : ProbeReady(url);
  if (url.empty()) {
    json["server"] = {{"state", "unknown"}, {"why", {kNoUrl}}};
  } else if (auto server = AskServer(url, remote); server.ok()) {
    json["server"] = std::move(server).value();
  } else if (server.error().code == ErrorCode::kUnavailable) {
    json["server"] = {{"state", "no answer"}, {"why", {server.error().message}}};
  } else {
    return Fail(server.error());
  }
  json["server"]["url"] = url;
  if (common.json) {
    PrintJson(json);
    return CodeOf(json["server"]);
  }
  if (json.contains("project")) {
    const Json& files = json["project"];
    fmt::print("project {}: log {} records, {:.1f} MiB; champion {} of {} versions\n", TextOr(files["folder"], "?"),
               DumpJson(files["log"]["records"]), files["log"]["bytes"].get<double>() / 1048576,
               TextOr(files["champion"], "none"), files["versions"].size());
  }
  PrintServer(json["server"]);
  return CodeOf(json["server"]);
}

}  // namespace

void AddStatus(CLI::App& app, Command& run) {
  static Common common;
  static RemoteFlags remote;
  static std::string url;
  static bool ready = false;
  CLI::App* c = AddCommand(app, "status",
                           "Show how a server is, and its project (exit code 0: ready; 1: it cannot be asked; 3: "
                           "degraded; 4: not ready, or none answers)",
                           "gfr status --url http://127.0.0.1:8080", common);
  c->add_option("--url", url, "The server; default: where [serve] listen of the project says");
  c->add_flag("--ready", ready,
              "Only whether it serves, ready or degraded, as the health check of a container (exit code 0; else 1); "
              "--url may leave out the scheme then");
  AddRemoteFlags(*c, remote);
  c->callback([&run] { run = [] { return RunStatus(url, ready, remote, common); }; });
}

}  // namespace gfr
