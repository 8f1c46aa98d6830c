// ServeConfig: [serve] of gfr.toml: how a server of the project listens, and who may call it.
#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"
#include "base/time.h"
#include "project/configuration.h"

namespace gfr {

struct ServeConfig {
  std::string listen = "127.0.0.1:8080";
  std::string clock = "wall";  // wall | log
  std::string admin_token;
  std::string owner;  // HOST:PORT of the server that has the log; empty: this one. With one, a server only reads.
  int max_connections = 512;                // Beyond these a client is answered 503.
  std::int64_t verify_ms = 10 * kMinuteMs;  // Served values are checked against a replay so often; 0: never.

  // kInvalidArgument names the line.
  static Result<ServeConfig> Read(Config& project);
  // For Project::Open: reads the table into `serve`, which must outlive the call. Every program that has the serve
  // module hands this in, so that a mistake in [serve] is refused by each command.
  static Configuration::UpperTables Reader(ServeConfig* serve);
};

}  // namespace gfr
