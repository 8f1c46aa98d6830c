// HttpServer: HTTP/1.1 with keep-alive for any number of clients, on one I/O thread that never waits for a handler.
//
// What a client can hold is bounded in time and in bytes:
//   header     from the first byte of a request to the end of its header; a new connection has as long to begin
//   body       must bring body_min_rate over each span of body_timeout; so must a client that reads a response
//   handler    503 with Retry-After when it does not reply in time; what it has begun goes on, its reply is dropped
//   idle       a kept connection without a request
// Whose header or body is late is answered 408 before the connection is closed; a silent connection is just closed.
//   bytes      of all bodies that are being read or handled, from their first byte: 503 with Retry-After. Small bodies
//              (64 KiB) have a budget of their own, as large as the other: large ones cannot shut them out.
// At max_connections the connection that has been longest without a whole request is closed to make room; if every one
// is being handled, new ones get 503, except for the probes GET /livez and /readyz. Framing that could be read in two
// ways is refused (http_head.h).
// With a certificate it speaks TLS alone (tls.h); a handshake has as long as a header.
//
// Thread safety: all calls; a handler's replies from any thread, also after Stop().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "serve/http_message.h"

namespace gfr {

class HttpServerMetrics;

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  int port = 0;  // 0: a free one.
  // A bound socket to listen on instead, which other processes may have too: each connection is one process's. The
  // server closes its descriptor. -1: none.
  int listener = -1;
  std::size_t header_limit = 16u << 10, body_limit = 16u << 20;
  std::size_t body_budget = 128u << 20;      // Bytes of bodies in flight.
  int max_connections = 16384;               // Less when the process may not have so many descriptors.
  int connections_by_address = 0;            // 0: no limit. Loopback and trusted proxies never count.
  std::vector<std::string> trusted_proxies;  // Addresses or networks, whose Forwarded address counts instead.
  int header_timeout_ms = 10'000, body_timeout_ms = 10'000, handler_timeout_ms = 30'000, write_timeout_ms = 20'000,
      idle_timeout_ms = 60'000;
  std::size_t body_min_rate = 16u << 10;  // Bytes a second.
  std::string tls_certificate, tls_key;   // Paths of PEM files; both empty: HTTP without TLS.
  HttpServerMetrics* metrics = nullptr;   // What it counts, for GET /metrics; outlives it. Null: its own.
};

class HttpServer {
 public:
  // Listens when it returns. `handler` must outlive the server. Raises RLIMIT_NOFILE as far as it may. Errors:
  // kInvalidArgument (an address, a certificate, a key), kUnavailable (the port is taken, ...).
  static Result<std::unique_ptr<HttpServer>> Start(HttpServerOptions options, HttpHandler& handler);
  ~HttpServer();  // Stop(0).
  int port() const;
  int max_connections() const;  // As the descriptors allow.

  // Takes no connection any more, and answers with Connection: close; returns when no connection is left, or after
  // `ms`. A kept connection without a request stays until then: a client that sends one just now is answered. Only
  // where other processes listen on the same socket do new clients not notice. Stop() comes after it.
  void Drain(int ms);

  // Closes the listener and idle connections, lets requests that have begun end for `drain_ms`, then closes all.
  void Stop(int drain_ms);

  // Reads certificate and key anew, for the connections that come from now on. After an error those in use stay. Does
  // nothing without TLS.
  Status ReloadTls();

  const HttpServerMetrics& metrics() const;  // Those of the options, or its own.

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gfr
