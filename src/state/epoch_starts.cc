#include "state/epoch_starts.h"

#include <algorithm>

#include "state/shared_state.h"
#include "state/slate_check.h"

namespace gfr {

void EpochStarts::Add(std::uint64_t offset, std::int64_t arrival_ms) {
  if (!starts_.empty() && EpochOf(arrival_ms) <= EpochOf(starts_.back().second)) return;
  starts_.emplace_back(offset, arrival_ms);
}

std::string EpochStarts::Problem(const ServedSlate& served) const {
  const auto next = static_cast<std::uint64_t>(std::max<std::int64_t>(0, served.as_of() + 1));
  // The epoch that the next record belongs to is the last one that begins at or before it.
  const auto after = std::ranges::upper_bound(starts_, next, {}, &std::pair<std::uint64_t, std::int64_t>::first);
  if (after == starts_.begin()) return {};  // It lies before what is known of the log.
  return EpochProblem(served, std::prev(after)->second);
}

}  // namespace gfr
