#include "serve/access_log.h"

#include "runtime/logger.h"
#include "serve/trace_context.h"

namespace gfr {
namespace {

// A method may be any word that a client sends.
std::string_view KnownMethod(std::string_view method) {
  for (const std::string_view known : {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"}) {
    if (method == known) return known;
  }
  return "other";
}

}  // namespace

void WriteAccessLog(const RouterAnswer& answer) {
  const auto context = TraceContext::Parse(answer.traceparent);
  const std::string trace = context ? context->trace_id : NewTraceId();
  LogInfo("access", "answered",
          {{"method", KnownMethod(answer.method)},
           {"endpoint", answer.endpoint.empty() ? std::string_view("none") : answer.endpoint},
           {"status", answer.status},
           {"ms", answer.seconds * 1000},
           {"bytes", answer.bytes},
           {"trace", trace}});
}

}  // namespace gfr
