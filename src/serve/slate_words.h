// Why an item stands where it stands, in words, from its slate's record alone. Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "event/event.h"
#include "feed/slate_outcome.h"

namespace gfr {

// One sentence a reason: where the item came from, what it is worth, what the policy did to it, or by which rule it was
// left out. Of values that the record does not keep nothing is said. `source`: of the item's channel, as the record has
// it (SourcesOf); empty: it has none. REQUIRES: `outcome` is the record's.
std::vector<std::string> WhyOf(const Event& request, const SlateOutcome& outcome, std::size_t item,
                               const std::string& source = "");

}  // namespace gfr
