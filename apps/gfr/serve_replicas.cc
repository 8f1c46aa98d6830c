#include "serve_replicas.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "automation/model_actions.h"
#include "automation/replica_set.h"
#include "base/clock.h"
#include "listen.h"
#include "runtime/logger.h"
#include "serve/access.h"
#include "serve/serve_config.h"

namespace gfr {
namespace {

struct Listener {
  int descriptor = -1, port = 0;
};

// A socket that is bound and does not listen yet: its first server does, once it can answer.
Result<Listener> BindListener(const std::string& address, int port) {
  sockaddr_in v4{
      .sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(port)), .sin_addr = {}, .sin_zero = {}};
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = v4.sin_port;
  const bool is_v4 = inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1)
    return Error{ErrorCode::kInvalidArgument, "'" + address + "' is not an address"};
  const auto* at = is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  const socklen_t size = is_v4 ? sizeof v4 : sizeof v6;
  const int descriptor = ::socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof bound;
  if (descriptor < 0 || ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(descriptor, at, size) != 0 ||
      ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &bound_size) != 0)
    return Error{ErrorCode::kUnavailable,
                 "cannot listen on " + address + ":" + std::to_string(port) + ": " + std::strerror(errno)};
  const auto port_of = is_v4 ? reinterpret_cast<const sockaddr_in&>(bound).sin_port
                             : reinterpret_cast<const sockaddr_in6&>(bound).sin6_port;
  return Listener{descriptor, ntohs(port_of)};
}

Status Refuse(const std::string& clock, const std::string& owner) {
  if (!owner.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "with --replicas one of the servers is the owner: --owner and [serve] owner do not go with it"};
  if (clock != "wall" && !clock.starts_with("fixed:"))
    return Error{ErrorCode::kInvalidArgument,
                 "clock is '" + clock + "'; several servers have one time: valid are wall and fixed:TIME"};
  return {};
}

// Looks after the servers until a signal ends them. `rules` gives those of [scale] as they are now.
void Supervise(const sigset_t& stop, const std::function<Result<ScalingRules>()>& rules, ReplicaSet* replicas) {
  const timespec moment{.tv_sec = 0, .tv_nsec = 200'000'000};
  for (int signal = -1; signal != SIGINT && signal != SIGTERM;) {
    signal = sigtimedwait(&stop, nullptr, &moment);
    if (signal == SIGHUP) {
      if (const auto read = rules(); read.ok())
        replicas->Reload(read.value());
      else
        LogWarning("replicas", "gfr.toml was not taken; what was read before stays in use",
                   {{"error", read.error().ToString()}});
    }
    replicas->Tick();
  }
}

}  // namespace

int TakeListener() {
  const char* text = std::getenv(kListenerVariable);
  if (text == nullptr) return -1;
  const int descriptor = std::atoi(text);
  ::unsetenv(kListenerVariable);
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return descriptor;
}

Result<ScalingRules> WithReplicas(ScalingRules rules, const std::string& replicas) {
  const std::size_t colon = replicas.find(':');
  const std::string first = replicas.substr(0, colon),
                    last = colon == std::string::npos ? first : replicas.substr(colon + 1);
  const auto number = [](const std::string& text, int* into) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), *into);
    return code == std::errc{} && end == text.data() + text.size() && *into >= 1 && *into <= 1000;
  };
  if (!number(first, &rules.min_replicas) || !number(last, &rules.max_replicas) ||
      rules.max_replicas < rules.min_replicas)
    return Error{ErrorCode::kInvalidArgument,
                 "--replicas is '" + replicas + "'; valid is MIN:MAX or one number, from 1 to 1000"};
  return rules;
}

int RunReplicas(const ReplicaFlags& flags) {
  const sigset_t stop = BlockSignals();
  ServeConfig config;
  const auto project = OpenProject(flags.common.project, &config);
  if (!project.ok()) return Fail(project.error());
  const std::string clock = flags.clock.empty() ? config.clock : flags.clock;
  if (const Status status = Refuse(clock, flags.owner.empty() ? config.owner : flags.owner); !status.ok())
    return Fail(status.error());
  const auto rules = WithReplicas(*project.value()->configuration().scaling, flags.replicas);
  if (!rules.ok()) return Fail(rules.error());
  const auto options = ParseListen(flags.listen.empty() ? config.listen : flags.listen);
  if (!options.ok()) return Fail(options.error());
  const auto access = Access::Open(
      PosixFileSystem(),
      {.folder = project.value()->workspace().Resolve("data/tokens"), .tokens = config.tokens, .open = flags.open});
  if (!access.ok()) return Fail(access.error());
  if (const Status status = access.value()->CheckListen(options.value().address); !status.ok())
    return Fail(status.error());
  const auto listener = BindListener(options.value().address, options.value().port);
  if (!listener.ok()) return Fail(listener.error());

  ReplicaSetOptions set{.command = {OwnProgram(), "serve", "--project", project.value()->folder(), "--clock", clock},
                        .listener = listener.value().descriptor,
                        .project_folder = project.value()->folder(),
                        .drain_ms = config.drain_ms,
                        .fs = &project.value()->workspace().fs()};
  if (flags.open) set.command.emplace_back("--open");
  const WallClock wall;
  set.clock = &wall;
  ReplicaSet replicas(std::move(set), rules.value());
  const timespec now{};
  const auto stopped = [&] {
    const int signal = sigtimedwait(&stop, nullptr, &now);
    return signal == SIGINT || signal == SIGTERM;
  };
  if (const Status status = replicas.StartOwner(stopped); !status.ok()) return Fail(status.error());
  PrintListening(config.tls_certificate.empty() ? "http" : "https", options.value().address, listener.value().port,
                 flags.common.json);
  const auto read_rules = [&]() -> Result<ScalingRules> {
    ServeConfig next_config;
    GFR_ASSIGN(const auto next, OpenProject(flags.common.project, &next_config));
    return WithReplicas(*next->configuration().scaling, flags.replicas);
  };
  Supervise(stop, read_rules, &replicas);
  std::fprintf(stderr, "gfr serve: stopping\n");
  replicas.Stop();
  return 0;
}

}  // namespace gfr
