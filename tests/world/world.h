// World: clients, a server, a trainer and a disk, in simulated time, under kills and power cuts that a seed decides.
//
// Invariants: no acknowledged event and no slate of a feed that did not say `degraded: ["log"]` is lost, none is in the
// log twice, arrival never goes back; what feeds were served, across all restarts from snapshots, is to the bit what a
// replay of the whole log gives; a champion, once promoted, is always there and whole, and never older than the last
// acknowledged promotion, and each version that is listed is whole; who was assigned to an arm once is in it in every
// life of the server; a person who was erased, by an erasure that was killed and run again until it had ended, is
// nowhere in the log, also when late events of them come.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gfr {

struct WorldOptions {
  std::uint64_t seed = 1;
  int rounds = 5;          // Lives of the server.
  bool disk_lies = false;  // A planted fault: its syncs do nothing.
};

struct WorldReport {
  std::vector<std::string> broken;  // Empty: every invariant held.
  std::uint64_t steps = 0, trace_hash = 0;
  std::uint64_t acknowledged = 0, records = 0;
  std::uint64_t feeds = 0, unlogged = 0, compared = 0;  // Feeds answered, of them without the log; slates replayed.
  int kills = 0, power_cuts = 0, failed_writes = 0, versions = 0;
  std::uint64_t assigned = 0;  // Users whose arm was seen.
  bool erased = false;         // An erasure came to its end.
};

WorldReport RunWorld(const WorldOptions& options);

}  // namespace gfr
