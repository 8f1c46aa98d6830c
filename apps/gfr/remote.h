// What commands that call a running server share: its certificates and the caller's token. No token is ever an argument
// of a command: others on the machine can read these.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/http_client.h"

namespace gfr {

struct RemoteFlags {
  std::string token_file, ca_file;
  // The token of --token-file, else of GFR_TOKEN; empty: neither is there. kNotFound: the file cannot be read.
  Result<std::string> Token() const;
  std::unique_ptr<HttpCaller> Caller() const;
};
// A file's one line. kNotFound: it cannot be read; kInvalidArgument: it is empty, or has more lines.
Result<std::string> ReadTokenFile(const std::string& path);
void AddRemoteFlags(CLI::App& command, RemoteFlags& flags);

}  // namespace gfr
