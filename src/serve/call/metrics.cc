// GET /metrics.
#include <algorithm>

#include "serve/call/calls.h"

namespace gfr {

HttpResponse GetMetrics(ServiceState& s) {
  s.counters.log_records.Set(static_cast<double>(s.next_offset.load()));
  s.counters.log_waiting.Set(
      static_cast<double>(s.log->next_offset() - static_cast<std::uint64_t>(s.next_offset.load())));
  s.counters.state_bytes.Set(static_cast<double>(s.memory_bytes.load()));
  const std::shared_ptr<const Serving> serving = s.serving();
  s.counters.state_limit_bytes.Set(static_cast<double>(serving->project->configuration().store.memory_bytes));
  s.counters.lists_bytes.Set(static_cast<double>(serving->lists->memory_bytes()));
  s.counters.prepared_bytes.Set(static_cast<double>(serving->reader->features().prepared_bytes()));
  s.counters.lists_epoch_end.Set(
      static_cast<double>(std::max<std::int64_t>(serving->lists->lists()->epoch_end_ms(), 0)) / 1000);
  return {.content_type = "text/plain; version=0.0.4", .body = s.counters.Text()};
}

}  // namespace gfr
