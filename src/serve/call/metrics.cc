// GET /metrics.
#include "serve/call/calls.h"

namespace gfr {

HttpResponse GetMetrics(const ServiceState& s) {
  const std::pair<const char*, std::uint64_t> since_start[] = {
      {"gfr_events_accepted_total", s.counters.accepted}, {"gfr_events_duplicate_total", s.counters.duplicates},
      {"gfr_events_rejected_total", s.counters.rejected}, {"gfr_feeds_total", s.counters.feeds},
      {"gfr_feeds_degraded_total", s.counters.degraded},  {"gfr_undeclared_names_total", s.counters.undeclared},
      {"gfr_skew_values_total", s.counters.verified},     {"gfr_skew_different_total", s.counters.different}};
  std::string text;
  for (const auto& [name, count] : since_start) {
    text += std::string("# HELP ") + name + " Since the server started.\n# TYPE " + name + " counter\n" + name + " " +
            std::to_string(count) + "\n";
  }
  text += "# HELP gfr_log_records Records in the log.\n# TYPE gfr_log_records gauge\ngfr_log_records " +
          std::to_string(s.next_offset.load()) + "\n";
  text += "# HELP gfr_state_bytes What the states take in memory.\n# TYPE gfr_state_bytes gauge\ngfr_state_bytes " +
          std::to_string(s.memory_bytes.load()) + "\n";
  return {.content_type = "text/plain; version=0.0.4", .body = text};
}

}  // namespace gfr
