// TraceContext: which distributed trace a request belongs to (W3C Trace Context, level 1: the `traceparent` header).
//
// Thread safety: pure functions, but for the ids that they draw, from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gfr {

struct TraceContext {
  std::string trace_id;   // 32 lower-case hex digits, not all 0.
  std::string parent_id;  // 16, not all 0: the caller's span.
  std::string flags;      // 2.

  // None: `traceparent` is not valid, or of version ff. Later versions are read as far as this one goes.
  static std::optional<TraceContext> Parse(std::string_view traceparent);
  // The header of a call that is made on behalf of this one, with a span id of its own.
  std::string ForCall() const;
};

std::string NewTraceId();  // For a request that belongs to none.

}  // namespace gfr
