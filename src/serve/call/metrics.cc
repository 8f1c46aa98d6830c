// GET /metrics.
#include <algorithm>

#include "serve/call/calls.h"

namespace gfr {

HttpResponse GetMetrics(const ServiceState& s) {
  const std::pair<const char*, std::uint64_t> since_start[] = {
      {"gfr_events_accepted_total", s.counters.accepted},
      {"gfr_events_duplicate_total", s.counters.duplicates},
      {"gfr_events_rejected_total", s.counters.rejected},
      {"gfr_feeds_total", s.counters.feeds},
      {"gfr_feeds_degraded_total", s.counters.degraded},
      {"gfr_undeclared_names_total", s.counters.undeclared},
      {"gfr_unknown_surfaces_total", s.counters.unknown_surfaces},
      {"gfr_skew_values_total", s.counters.verified},
      {"gfr_skew_different_total", s.counters.different}};
  std::string text;
  for (const auto& [name, count] : since_start) {
    text += std::string("# HELP ") + name + " Since the server started.\n# TYPE " + name + " counter\n" + name + " " +
            std::to_string(count) + "\n";
  }
  text += "# HELP gfr_log_records Records in the log.\n# TYPE gfr_log_records gauge\ngfr_log_records " +
          std::to_string(s.next_offset.load()) + "\n";
  text +=
      "# HELP gfr_log_waiting_records Records that are not on disk or not folded yet.\n# TYPE gfr_log_waiting_records "
      "gauge\ngfr_log_waiting_records " +
      std::to_string(s.log->next_offset() - static_cast<std::uint64_t>(s.next_offset.load())) + "\n";
  text += "# HELP gfr_state_bytes What the states take in memory.\n# TYPE gfr_state_bytes gauge\ngfr_state_bytes " +
          std::to_string(s.memory_bytes.load()) + "\n";
  text += "# HELP gfr_lists_bytes What the lists of candidates take in memory.\n# TYPE gfr_lists_bytes gauge\n";
  text += "gfr_lists_bytes " + std::to_string(s.lists->memory_bytes()) + "\n";
  text +=
      "# HELP gfr_lists_epoch_end_seconds End of the epoch of the newest lists of candidates.\n# TYPE "
      "gfr_lists_epoch_end_seconds gauge\n";
  text += "gfr_lists_epoch_end_seconds " +
          std::to_string(static_cast<double>(std::max<std::int64_t>(s.lists->lists()->epoch_end_ms(), 0)) / 1000) +
          "\n";
  return {.content_type = "text/plain; version=0.0.4", .body = text};
}

}  // namespace gfr
