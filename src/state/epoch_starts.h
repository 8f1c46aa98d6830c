// EpochStarts: at which record of a log each epoch begins, and so whether a slate had read all records of the epoch
// that it says it was read in.
//
// A replay by partitions of users does not see the record that follows the one a slate was read as of: it may be
// anyone's. So whoever reads the whole log notes where epochs begin, and every replay of it judges by that. 16 bytes an
// epoch that has records. Thread safety: const calls from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "event/event.h"

namespace gfr {

class EpochStarts {
 public:
  // Each record of the log's only partition, of any type, in order; or of each epoch the first one.
  void Add(std::uint64_t offset, std::int64_t arrival_ms);
  // What is wrong with a slate (as EpochProblem of state/slate_check.h says); empty: nothing.
  std::string Problem(const ServedSlate& served) const;

 private:
  std::vector<std::pair<std::uint64_t, std::int64_t>> starts_;  // First offset, and its arrival; rising.
};

}  // namespace gfr
