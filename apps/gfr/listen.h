// What the commands that listen share: --listen, signals, and the line that says where.
#pragma once

#include <csignal>
#include <string>

#include "base/result.h"
#include "serve/http_server.h"

namespace gfr {

// "ADDRESS:PORT" to the address and port of the options; the rest as it is by default. kInvalidArgument: not one.
Result<HttpServerOptions> ParseListen(const std::string& listen);

// Blocks SIGINT, SIGTERM and SIGHUP, for sigwait, and ignores SIGPIPE. REQUIRES: before any thread is made.
sigset_t BlockSignals();

// SIGUSR1 too: a supervisor asks a server to drain (automation/replica_set.h). REQUIRES: as BlockSignals.
void BlockDrainSignal(sigset_t* signals);

// "listening on http://ADDRESS:PORT", or {"listening": URL} with `json`.
void PrintListening(const std::string& scheme, const std::string& address, int port, bool json);

}  // namespace gfr
