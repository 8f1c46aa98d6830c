// Lanes: where a server's calls run, off the I/O thread. Each has threads and a bounded queue of its own, so that what
// waits in one does not hold up another.
//
// Thread safety: all calls.
#pragma once

#include <algorithm>
#include <functional>

#include "base/executor.h"

namespace gfr {

enum class Lane {
  kInline,    // On the caller's thread: answers from memory, without a lock that is held for long.
  kCompute,   // Feeds: as many threads as cores.
  kIngest,    // Parsing events: half as many, so that feeds run beside any mass of events.
  kBlocking,  // What waits for files, a registry, a Redis or the owner.
};

class Lanes {
 public:
  static constexpr int kBlocking = 16;
  // `cores` and `blocking` 0: the machine's, and kBlocking.
  explicit Lanes(int cores = 0, int blocking = 0)
      : compute_({.name = "compute", .threads = CoresOr(cores), .max_queued = 2048}),
        ingest_({.name = "ingest", .threads = std::max(1, CoresOr(cores) / 2), .max_queued = 16384}),
        blocking_({.name = "blocking", .threads = blocking > 0 ? blocking : kBlocking, .max_queued = 1024}) {}

  // Runs `task` in `lane`. kResourceExhausted: too much waits there already; kUnavailable: after Drain.
  Status Post(Lane lane, std::function<void()> task) {
    switch (lane) {
      case Lane::kInline:
        task();
        return {};
      case Lane::kCompute:
        return compute_.Post(std::move(task));
      case Lane::kIngest:
        return ingest_.Post(std::move(task));
      case Lane::kBlocking:
        return blocking_.Post(std::move(task));
    }
    return {};
  }
  // Calls that wait in a lane with threads of its own; 0 of kInline.
  std::size_t queued(Lane lane) const {
    switch (lane) {
      case Lane::kInline:
        return 0;
      case Lane::kCompute:
        return compute_.queued();
      case Lane::kIngest:
        return ingest_.queued();
      case Lane::kBlocking:
        return blocking_.queued();
    }
    return 0;
  }
  std::size_t queued_feeds() const { return compute_.queued() + blocking_.queued(); }
  // Takes no more, and returns once all has run.
  void Drain() {
    compute_.Drain();
    ingest_.Drain();
    blocking_.Drain();
  }

 private:
  static int CoresOr(int cores) { return cores > 0 ? cores : HardwareThreads(); }
  Executor compute_, ingest_, blocking_;
};

}  // namespace gfr
