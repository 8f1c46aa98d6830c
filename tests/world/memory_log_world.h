// MemoryLogWorld: appenders, readers and failing appends around a log in memory, in simulated time. What it shows of
// EventSource and EventSink holds for any number of partitions, and for readers that follow while others append.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gfr {

struct MemoryLogReport {
  std::vector<std::string> broken;  // Empty: every invariant held.
  std::uint64_t trace_hash = 0, acknowledged = 0, failed = 0, followed = 0;
};

// Invariants: each acknowledged event is in the log once, and an event is never there twice; a reader that follows from
// the begin sees every record once, each partition's in the order of offsets, and stops nowhere for good; the merged
// read at the end is by (arrival, partition, offset).
MemoryLogReport RunMemoryLogWorld(std::uint64_t seed);

}  // namespace gfr
