#include "serve/http_server_metrics.h"

namespace gfr {

HttpServerMetrics::HttpServerMetrics(Telemetry& telemetry)
    : HttpServerMetrics(
          telemetry,
          telemetry.AddCounter("gfr_http_timeouts_total", "Connections whose deadline passed, by what it was for.",
                               {{"phase", {"handshake", "header", "body", "handler", "write", "idle"}}}),
          telemetry.AddCounter(
              "gfr_http_refused_total", "Requests and connections refused before they were handled, by the reason.",
              {{"reason", {"connections", "address", "bytes", "malformed", "too_large", "not_admitted", "tls"}}})) {}

HttpServerMetrics::HttpServerMetrics(Telemetry& telemetry, Family<Counter>& timeouts, Family<Counter>& refused)
    : accepted(*telemetry.AddCounter("gfr_http_accepted_total", "Connections accepted.")),
      accept_failures(*telemetry.AddCounter("gfr_http_accept_failures_total",
                                            "Connections that could not be accepted: no descriptor was free.")),
      evicted(*telemetry.AddCounter("gfr_http_evicted_total",
                                    "Connections closed at the limit, the longest without a whole request first.")),
      connections(*telemetry.AddGauge("gfr_http_connections", "Connections open.")),
      body_bytes(*telemetry.AddGauge("gfr_http_body_bytes", "Bytes of bodies that are being read or handled.")),
      handshake_timeouts(timeouts.With({"handshake"})),
      header_timeouts(timeouts.With({"header"})),
      body_timeouts(timeouts.With({"body"})),
      handler_timeouts(timeouts.With({"handler"})),
      write_timeouts(timeouts.With({"write"})),
      idle_timeouts(timeouts.With({"idle"})),
      over_connections(refused.With({"connections"})),
      over_address(refused.With({"address"})),
      over_bytes(refused.With({"bytes"})),
      malformed(refused.With({"malformed"})),
      too_large(refused.With({"too_large"})),
      not_admitted(refused.With({"not_admitted"})),
      tls_failures(refused.With({"tls"})),
      tls_expires_s(*telemetry.AddGauge("gfr_tls_certificate_expires_seconds",
                                        "When the server's certificate ends, in seconds since 1970; 0 without TLS.")) {}

}  // namespace gfr
