// The state of feature type `interaction`, and what it says of a user apart from any candidate: the items that the user
// touched last. Candidate sources read it.
//
// A header, then FeatureConfig::capacity touches, newest first. Thread safety: plain bytes; pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/hash.h"

namespace gfr {

struct InteractionHeader {
  std::uint64_t steps;
  std::int64_t first_ms;  // Event time of the first step.
};
struct InteractionTouch {
  Key item;  // 0: empty; so are all behind it.
  std::int64_t time_ms;
  std::uint32_t count, step;
};

// `state`: of an interaction of this capacity.
inline std::span<const InteractionTouch> TouchesOf(const std::byte* state, std::uint32_t capacity) noexcept {
  return {reinterpret_cast<const InteractionTouch*>(state + sizeof(InteractionHeader)), capacity};
}

}  // namespace gfr
