// ServeConfig: [serve] of gfr.toml: how a server of the project listens, and who may call it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/time.h"
#include "project/configuration.h"
#include "runtime/subprocess.h"

namespace gfr {

struct ServeConfig {
  std::string listen = "127.0.0.1:8080";
  std::string clock = "wall";  // wall | log
  // HOST:PORT or https://HOST:PORT of the server that has the log; empty: this one. With one, a server only reads.
  std::string owner;
  std::string owner_ca;  // Certificates by which an owner with https is known, instead of the system's.
  std::map<std::string, std::string> tokens;       // [serve.tokens] by scope; admin_token is its "admin".
  std::vector<std::string> hosts;                  // Names that clients call the server by (access.h).
  std::vector<std::string> cors_origins;           // Whose pages may post events and ask for feeds.
  std::string sigv4_access_key, sigv4_secret_key;  // [serve.sigv4]: whose signatures open what the events token does.
  std::map<std::string, double> rate_limits;       // [serve.rate_limits]: calls a second by token's name.
  // How clients are held to bounds: http_server.h.
  int max_connections = 16384, connections_by_address = 0;
  std::vector<std::string> trusted_proxies;
  std::int64_t header_timeout_ms = 10'000, body_timeout_ms = 10'000, handler_timeout_ms = 30'000,
               write_timeout_ms = 20'000, idle_timeout_ms = 60'000;
  std::string tls_certificate, tls_key;     // Paths of PEM files, of the project or absolute; empty: HTTP without TLS.
  bool access_log = false;                  // A line of the program's log for each request (access_log.h).
  std::int64_t log_wait_ms = 20;            // A feed waits no longer for its own record.
  std::int64_t store_wait_ms = 20;          // A feed waits no longer for the rows of a Redis (store.online).
  std::int64_t drain_ms = 25'000;           // How long requests that have begun may go on at a stop.
  std::int64_t verify_ms = 10 * kMinuteMs;  // Served values are checked against a replay so often; 0: never.
  // With less of the disk free nothing is appended; at most a twentieth of the file system. 0: it may become full.
  std::uint64_t disk_reserve_bytes = 64u << 20;

  // Not of gfr.toml: a simulated server has few threads. 0: as many as fit the machine (lanes.h).
  int compute_threads = 0, blocking_threads = 0;
  SubprocessRunner run_child = RunSubprocess;  // Nor this: a simulated one has no children of the system.
  // Nor this: one of several servers of one supervisor (replica_set.h), at one address. A reader among them passes on
  // to the owner whatever it does not answer itself, and takes a new gfr.toml when the owner did.
  bool is_replica = false;
  std::int64_t bound_log_ms = kHourMs;  // Nor this: the log is compacted and trimmed so often.

  // kInvalidArgument names the line.
  static Result<ServeConfig> Read(Config& project);
  // For Project::Open: reads the table into `serve`, which must outlive the call. Every program that has the serve
  // module hands this in, so that a mistake in [serve] is refused by each command.
  static Configuration::UpperTables Reader(ServeConfig* serve);
};

}  // namespace gfr
