// FeedContract: one [[feed.contract]]: what a feed owes to some items, or must not give them, in views over hours. Met
// by prices (feed/contract_duals.h) that the slate's problem adds to values, not by rules within one slate.
//
// A view is a feed.impression, once a request and item. docs/configuration.md is the manual. Thread safety: a plain
// value.
#pragma once

#include <cstdint>
#include <string>

#include "feed/item_condition.h"

namespace gfr {

struct FeedContract {
  enum class Kind : std::uint8_t {
    kEachItem,  // Each item that `where` holds for has `views` views within `within_ms` of its first candidacy.
    kShare,     // Items that `where` holds for have at most `share` of the feed's views, over `within_ms`.
    kExplored,  // What was drawn to explore has at most `share` of the feed's views, over `within_ms`.
  };
  std::string name;
  Kind kind = Kind::kShare;
  ItemCondition where;  // Not of kExplored.
  double views = 0;
  double share = 1;
  std::int64_t within_ms = 24ll * 3600 * 1000;
};

// The name that a slate's record gives to what a contract did (PolicyPart).
inline std::string ContractPart(const std::string& contract) { return "contract " + contract; }

}  // namespace gfr
