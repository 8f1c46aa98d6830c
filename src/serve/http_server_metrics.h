// HttpServerMetrics: what a server counts of its connections, for GET /metrics.
//
// Thread safety: all.
#pragma once

#include "runtime/telemetry.h"

namespace gfr {

class HttpServerMetrics {
 public:
  // REQUIRES: one for each Telemetry, which outlives it.
  explicit HttpServerMetrics(Telemetry& telemetry);

  Counter& accepted;
  Counter& accept_failures;
  Counter& evicted;
  Gauge& connections;
  Gauge& body_bytes;

  // Whose deadline passed.
  Counter &handshake_timeouts, &header_timeouts, &body_timeouts, &handler_timeouts, &write_timeouts, &idle_timeouts;
  // Why a request or a connection was refused before a handler had it: connections or requests over a limit, bytes of
  // bodies in flight, what is not HTTP or could be read in two ways, what is too large, what the handler's Admit
  // refused, and connections that did not come to speak TLS.
  Counter &over_connections, &over_address, &over_bytes, &malformed, &too_large, &not_admitted, &tls_failures;
  Gauge& tls_expires_s;

 private:
  HttpServerMetrics(Telemetry& telemetry, Family<Counter>& timeouts, Family<Counter>& refused);
};

}  // namespace gfr
