// A feature in words: what `gfr features list` and `gfr features show` say of it, from its definition.
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "feature/feature_set.h"

namespace gfr {

// What the shop template keeps to, in bytes of feature state.
inline constexpr std::uint32_t kUserBudgetBytes = 2048, kItemBudgetBytes = 512;

struct FeatureFacts {
  std::string name, type, read, scope;
  std::string value;              // "how many of the events there were, of the candidate's category"
  std::string inputs;             // "events feed.click and item.view of kind 'image'; item property category"
  std::string freshness;          // "the user's last event"
  std::string kept;               // "a window of 7d in 7 tiles of 1d: between 6d and 7d back"; empty: nothing.
  std::string missing;            // "there was none"
  std::string shares_state_with;  // The feature that keeps the state; empty: this one.
  std::uint32_t state_bytes = 0;  // An entity.
  bool categorical = false;
  std::string fingerprint, definition;
};

FeatureFacts Describe(const FeatureSet& set, std::size_t feature);

// "2,048 bytes": thousands are grouped.
std::string Grouped(std::uint64_t number);

}  // namespace gfr
