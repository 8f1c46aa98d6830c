#include "model_server.h"

#include <cstdio>
#include <filesystem>
#include <map>

#include "commands.h"
#include "listen.h"
#include "remote.h"
#include "serve/model_service.h"

namespace gfr {
namespace {

constexpr int kDrainMs = 10'000;

}  // namespace

int RunModelServer(const ModelServerFlags& flags) {
  const sigset_t stop = BlockSignals();
  auto options = ParseListen(flags.listen);
  if (!options.ok()) return Fail(options.error());
  FileSystem& fs = PosixFileSystem();
  ModelHost host(fs, {.folder = flags.models, .memory_bytes = static_cast<std::size_t>(flags.memory_bytes)});
  if (!flags.model.empty()) {
    const Status loaded = host.LoadDefault(flags.model, flags.name);
    if (!loaded.ok()) return Fail(loaded.error());
  }
  std::error_code ec;
  if (!flags.models.empty() && !std::filesystem::is_directory(flags.models, ec))
    return Fail(Error{ErrorCode::kNotFound, "--models is '" + flags.models + "'; valid is a folder"});
  std::map<std::string, std::string> tokens;
  if (!flags.token_file.empty()) {
    auto token = ReadTokenFile(flags.token_file);
    if (!token.ok()) return Fail(token.error());
    tokens["feed"] = std::move(token).value();
  }
  const auto access = Access::Open(fs, {.tokens = std::move(tokens), .open = flags.open, .hosts = flags.hosts});
  if (!access.ok()) return Fail(access.error());
  static constexpr std::string_view kScopes[] = {"feed"};
  if (const Status status = access.value()->CheckListen(options.value().address, kScopes); !status.ok())
    return Fail(status.error());
  ModelService service(
      host, *access.value(),
      {.batch = flags.batch, .most_body_bytes = options.value().body_limit, .any_host = flags.container});
  options.value().metrics = &service.http_metrics();
  const auto server = HttpServer::Start(options.value(), service);
  if (!server.ok()) return Fail(server.error());
  PrintListening("http", options.value().address, server.value()->port(), flags.json);
  int signal = SIGHUP;
  while (signal != SIGINT && signal != SIGTERM) sigwait(&stop, &signal);
  std::fprintf(stderr, "gfr serve: stopping\n");
  server.value()->Stop(kDrainMs);
  return 0;
}

}  // namespace gfr
