#include "listen.h"

#include <pthread.h>

#include <charconv>
#include <cstdio>

#include "commands.h"

namespace gfr {

Result<HttpServerOptions> ParseListen(const std::string& listen) {
  HttpServerOptions options;
  const std::size_t colon = listen.rfind(':');
  const std::string port = colon == std::string::npos ? "" : listen.substr(colon + 1);
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (port.empty() || code != std::errc{} || end != port.data() + port.size() || options.port < 0 ||
      options.port > 65535) {
    return Error{ErrorCode::kInvalidArgument,
                 "--listen is '" + listen + "'; valid is ADDRESS:PORT, with port 0 for a free one"};
  }
  options.address = listen.substr(0, colon);
  if (options.address.starts_with('[') && options.address.ends_with(']'))
    options.address = options.address.substr(1, options.address.size() - 2);
  return options;
}

sigset_t BlockSignals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return stop;
}

void BlockDrainSignal(sigset_t* signals) {
  sigaddset(signals, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, signals, nullptr);
}

void PrintListening(const std::string& scheme, const std::string& address, int port, bool json) {
  const bool v6 = address.find(':') != std::string::npos;
  const std::string url = scheme + "://" + (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
  if (json)
    PrintJson({{"listening", url}});
  else
    std::printf("listening on %s\n", url.c_str());
  std::fflush(stdout);
}

}  // namespace gfr
